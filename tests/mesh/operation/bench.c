#include "tests/mesh/operation/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protos/descriptors.h"

mesh_code report_text(mesh_operation *operation, const char *text, mesh_error *err) {
  return mesh_operation_report(operation, PAYLOAD_LOG,
                               (mesh_view){(const uint8_t *)text, strlen(text)}, err);
}

// Reports three logs, each after a `go`, and succeeds.
mesh_code three_steps(mesh_operation *operation, void *arg, Millrace__V1__Succeeded *succeeded,
                      Millrace__V1__Cancelled *cancelled, mesh_error *err) {
  bench *own = arg;
  own->running = operation;
  for (int i = 0; i < 3; i++) {
    mesh_code code = mesh_signal_wait(&own->go, mesh_operation_scope(operation), MESH_NEVER, err);
    if (code == GRPC_STATUS_OK) code = report_text(operation, "", err);
    if (code != GRPC_STATUS_OK) {
      cancelled->summary = "stopped early";
      return code;
    }
  }
  succeeded->summary = "three steps";
  return GRPC_STATUS_OK;
}

static void count_end(void *arg) {
  ((bench *)arg)->ended++;
}

static mesh_code run(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  bench *own = self;
  own->options.detached = !own->attach;
  own->options.request_id = (char *)own->request_id;
  mesh_start start = {.kind = own->kind,
                      .title = "a test",
                      .work_key = own->work_key,
                      .request = {(const uint8_t *)"request", 7},
                      .checkpoint = own->checkpoint,
                      .options = &own->options};
  if (request.size_bytes > 0) start.request = (mesh_view){request.data, request.size_bytes};
  if (own->checkpoint.size_bytes > 0) start.resumes = "test-before";
  char name[MESH_OPERATION_NAME_MAX];
  const char *joined;
  mesh_code code = mesh_operation_start(own->operations, &start, &own->work, name, &joined, err);
  if (code != GRPC_STATUS_OK) return code;
  memcpy(own->name, name, sizeof name);
  own->joined = joined;
  mesh_watch how = {.counts = true};
  how.joined = own->joined;
  return mesh_operation_watch(own->operations, own->name, &how, call, err);
}

static mesh_code watch(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  bench *own = self;
  char digits[16];
  snprintf(digits, sizeof digits, "%.*s", (int)request.size_bytes, (const char *)request.data);
  mesh_watch how = {.after_sequence = atoi(digits), .counts = true};
  return mesh_operation_watch(own->operations, own->name, &how, call, err);
}

static const mesh_method methods[] = {{.name = "Run", .run = run}, {.name = "Watch", .run = watch}};

static void bench_init(bench *own, harness *test) {
  mesh_error err;
  *own = (bench){.test = test, .attach = true, .request_id = "", .kind = "test"};
  millrace__v1__start_options__init(&own->options);
  memory_journal_init(&own->journal, test->loop);
  mesh_operations_options options = {.force_ms = 1, .adopt_grace_ms = 1};
  own->operations = mesh_operations_create(test->loop, "tester", &own->journal.table, &options);
  own->work = (mesh_work){three_steps, count_end, own};
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  assert_int_equal(mesh_schema_create(set, &own->schema, &err), GRPC_STATUS_OK);
  own->server = mesh_server_create(test->loop, own->schema);
  own->service = (mesh_service){"test.Bench", methods, 2, own};
  mesh_server_add(own->server, &own->service);
  mesh_server_start(own->server);
  assert_int_equal(mesh_link_open_local(test->loop, "bench", own->server, &own->link, &err),
                   GRPC_STATUS_OK);
}

static void bench_fini(bench *own) {
  mesh_operations_stop(own->operations);
  mesh_link_close(own->link);
  mesh_server_stop(own->server, mesh_now_ns() + 1000 * (int64_t)MS);
  mesh_server_destroy(own->server);
  mesh_schema_destroy(own->schema);
  mesh_operations_destroy(own->operations);
  memory_journal_fini(&own->journal);
}

mesh_call *open_call(bench *own, const char *method, const char *request) {
  mesh_call *call;
  mesh_error err;
  mesh_frame frame = {(const uint8_t *)request, strlen(request), false};
  assert_int_equal(mesh_call_open(&own->test->scope, own->link, method, frame, NULL, &call, &err),
                   GRPC_STATUS_OK);
  return call;
}

// The next event of a call; payload 0 at the end of the stream.
mesh_event next_event(mesh_call *call) {
  mesh_frame frame;
  mesh_error err;
  mesh_event event = {0};
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
  if (frame.end) return event;
  mesh_view view = {frame.data, frame.size_bytes};
  assert_int_equal(mesh_event_decode(view, &event, &err), GRPC_STATUS_OK);
  return event;
}

void expect(mesh_call *call, int64_t sequence, uint32_t payload) {
  mesh_event event = next_event(call);
  assert_int_equal(event.sequence, sequence);
  assert_int_equal(event.payload, payload);
}

Millrace__V1__Outcome *expect_outcome(mesh_call *call, int64_t sequence) {
  mesh_event event = next_event(call);
  assert_int_equal(event.sequence, sequence);
  assert_int_equal(event.payload, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_OUTCOME);
  Millrace__V1__Outcome *outcome =
      millrace__v1__outcome__unpack(NULL, event.body.size_bytes, event.body.data);
  assert_non_null(outcome);
  assert_int_equal(next_event(call).payload, 0);
  return outcome;
}

void step(bench *own) {
  while (own->go.first == NULL)
    mesh_yield(own->test->loop);
  mesh_signal_notify(&own->go);
}

void wait_for_end(bench *own) {
  int64_t limit = mesh_now_ns() + 5000 * (int64_t)MS;
  while (own->ended == 0 && mesh_now_ns() < limit) {
    assert_int_equal(mesh_sleep_until(&own->test->scope, mesh_now_ns() + MS / 4, NULL),
                     GRPC_STATUS_OK);
  }
  assert_int_equal(own->ended, 1);
}

static void run_row(harness *test, void *arg) {
  bench *own = malloc(sizeof *own);
  bench_init(own, test);
  ((const bench_row *)arg)->run(own);
  bench_fini(own);
  free(own);
}

void bench_check(void **state) {
  run_in_fiber(run_row, *state);
}
