// Operations with a journal in memory: events, watchers, joins, cancels, outcomes.
#include "mesh/operation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/server.h"
#include "protos/descriptors.h"
#include "tests/mesh/harness.h"
#include "tests/mesh/memory_journal.h"

enum { MS = 1000000, PAYLOAD_LOG = 12 };

// ---- a bench to work on: operations behind a server, so that watchers are real calls ----

typedef struct bench {
  harness *test;
  memory_journal journal;
  mesh_operations *operations;
  mesh_schema *schema;
  mesh_server *server;
  mesh_service service;
  mesh_link *link;
  mesh_signal go;  // lets the work take its next step
  int ended;       // calls of on_end
  bool attach;     // what the next Run asks for
  const char *work_key, *request_id;
  mesh_work work;
  char name[MESH_OPERATION_NAME_MAX];
  bool joined;
  mesh_operation *running;  // what three_steps works for
} bench;

static mesh_code report_text(mesh_operation *operation, const char *text, mesh_error *err) {
  return mesh_operation_report(operation, PAYLOAD_LOG,
                               (mesh_view){(const uint8_t *)text, strlen(text)}, err);
}

// Reports three logs, each after a `go`, and succeeds.
static mesh_code three_steps(mesh_operation *operation, void *arg,
                             Millrace__V1__Succeeded *succeeded, Millrace__V1__Cancelled *cancelled,
                             mesh_error *err) {
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

static mesh_code break_down(mesh_operation *operation, void *arg,
                            Millrace__V1__Succeeded *succeeded, Millrace__V1__Cancelled *cancelled,
                            mesh_error *err) {
  (void)operation, (void)arg, (void)succeeded, (void)cancelled;
  mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no security definition for NOPE");
  mesh_error_set_reason(err, "NO_CONTRACT", "ib-host.millrace");
  return err->code;
}

static void count_end(void *arg) {
  ((bench *)arg)->ended++;
}

static mesh_code run(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request;
  bench *own = self;
  mesh_start start = {.kind = "test",
                      .title = "a test",
                      .request_id = own->request_id,
                      .work_key = own->work_key,
                      .detached = !own->attach};
  mesh_code code =
      mesh_operation_start(own->operations, &start, &own->work, own->name, &own->joined, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_operation_watch(own->operations, own->name, 0, true, call, err);
}

static mesh_code watch(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  bench *own = self;
  return mesh_operation_watch(own->operations, own->name, request.data[0] - '0', true, call, err);
}

static const mesh_method methods[] = {{.name = "Run", .run = run}, {.name = "Watch", .run = watch}};

static void bench_init(bench *own, harness *test) {
  mesh_error err;
  *own = (bench){.test = test, .attach = true};
  memory_journal_init(&own->journal, test->loop);
  own->operations = mesh_operations_create(test->loop, "tester", &own->journal.table);
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
}

static mesh_call *open_call(bench *own, const char *method, const char *request) {
  mesh_call *call;
  mesh_error err;
  mesh_frame frame = {(const uint8_t *)request, strlen(request), false};
  assert_int_equal(mesh_call_open(&own->test->scope, own->link, method, frame, NULL, &call, &err),
                   GRPC_STATUS_OK);
  return call;
}

// The next event of a call; payload 0 at the end of the stream.
static mesh_event next_event(mesh_call *call) {
  mesh_frame frame;
  mesh_error err;
  mesh_event event = {0};
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
  if (frame.end) return event;
  mesh_view view = {frame.data, frame.size_bytes};
  assert_int_equal(mesh_event_decode(view, &event, &err), GRPC_STATUS_OK);
  return event;
}

static void expect(mesh_call *call, int64_t sequence, uint32_t payload) {
  mesh_event event = next_event(call);
  assert_int_equal(event.sequence, sequence);
  assert_int_equal(event.payload, payload);
}

static Millrace__V1__Outcome *expect_outcome(mesh_call *call, int64_t sequence) {
  mesh_event event = next_event(call);
  assert_int_equal(event.sequence, sequence);
  assert_int_equal(event.payload, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_OUTCOME);
  Millrace__V1__Outcome *outcome =
      millrace__v1__outcome__unpack(NULL, event.body.size_bytes, event.body.data);
  assert_non_null(outcome);
  assert_int_equal(next_event(call).payload, 0);
  return outcome;
}

static void step(bench *own) {
  while (own->go.first == NULL)
    mesh_yield(own->test->loop);
  mesh_signal_notify(&own->go);
}

enum { ACCEPTED = MILLRACE__V1__OPERATION_EVENT__PAYLOAD_ACCEPTED, LOG = PAYLOAD_LOG };

// ---- tests ----

static void events_are_dense_and_end_with_one_outcome(bench *own) {
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  for (int i = 2; i <= 4; i++) {
    step(own);
    expect(call, i, LOG);
  }
  Millrace__V1__Outcome *outcome = expect_outcome(call, 5);
  assert_int_equal(outcome->outcome_case, MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED);
  assert_string_equal(outcome->succeeded->summary, "three steps");
  millrace__v1__outcome__free_unpacked(outcome, NULL);
  assert_int_equal(own->journal.count, 5);
  assert_int_equal(own->ended, 1);
  mesh_call_close(call);
}

static void a_late_watcher_gets_history_then_live(bench *own) {
  mesh_call *first = open_call(own, "/test.Bench/Run", "");
  expect(first, 1, ACCEPTED);
  step(own);
  expect(first, 2, LOG);
  mesh_call *late = open_call(own, "/test.Bench/Watch", "1");
  expect(late, 2, LOG);
  step(own);
  expect(late, 3, LOG);
  step(own);
  expect(late, 4, LOG);
  millrace__v1__outcome__free_unpacked(expect_outcome(late, 5), NULL);
  mesh_call *after = open_call(own, "/test.Bench/Watch", "3");  // from the journal
  expect(after, 4, LOG);
  millrace__v1__outcome__free_unpacked(expect_outcome(after, 5), NULL);
  mesh_call_close(after);
  mesh_call_close(late);
  mesh_call_close(first);
}

static void wait_for_end(bench *own) {
  int64_t limit = mesh_now_ns() + 5000 * (int64_t)MS;
  while (own->ended == 0 && mesh_now_ns() < limit) {
    assert_int_equal(mesh_sleep_until(&own->test->scope, mesh_now_ns() + MS / 4, NULL),
                     GRPC_STATUS_OK);
  }
  assert_int_equal(own->ended, 1);
}

static void an_attached_one_ends_with_its_last_watcher(bench *own) {
  mesh_call *first = open_call(own, "/test.Bench/Run", "");
  expect(first, 1, ACCEPTED);
  mesh_call *second = open_call(own, "/test.Bench/Watch", "0");
  expect(second, 1, ACCEPTED);
  mesh_call_close(first);
  step(own);
  expect(second, 2, LOG);
  assert_int_equal(own->ended, 0);
  mesh_call_close(second);
  wait_for_end(own);
  assert_int_equal(own->journal.state, MILLRACE__V1__OPERATION_STATE__CANCELLED);
  mesh_call *after = open_call(own, "/test.Bench/Watch", "2");
  Millrace__V1__Outcome *outcome = expect_outcome(after, 3);
  assert_int_equal(outcome->outcome_case, MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED);
  assert_string_equal(outcome->cancelled->requested_by, "caller went away");
  assert_string_equal(outcome->cancelled->last_layer, "tester");
  assert_string_equal(outcome->cancelled->summary, "stopped early");
  millrace__v1__outcome__free_unpacked(outcome, NULL);
  mesh_call_close(after);
}

static void a_detached_one_goes_on_alone(bench *own) {
  own->attach = false;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  mesh_call_close(call);
  for (int i = 0; i < 3; i++)
    step(own);
  wait_for_end(own);
  assert_int_equal(own->journal.state, MILLRACE__V1__OPERATION_STATE__SUCCEEDED);
}

static void cancelling_twice_is_cancelling_once(bench *own) {
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  mesh_error err;
  assert_int_equal(mesh_operation_cancel(own->operations, own->name, "first", &err),
                   GRPC_STATUS_OK);
  assert_int_equal(mesh_operation_cancel(own->operations, own->name, "second", &err),
                   GRPC_STATUS_OK);
  Millrace__V1__Outcome *outcome = expect_outcome(call, 2);
  assert_string_equal(outcome->cancelled->requested_by, "first");
  millrace__v1__outcome__free_unpacked(outcome, NULL);
  assert_int_equal(mesh_operation_cancel(own->operations, own->name, "late", &err),
                   GRPC_STATUS_NOT_FOUND);
  mesh_call_close(call);
}

static void a_failure_keeps_its_details(bench *own) {
  own->work.run = break_down;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  Millrace__V1__Outcome *outcome = expect_outcome(call, 2);
  assert_int_equal(outcome->outcome_case, MILLRACE__V1__OUTCOME__OUTCOME_FAILED);
  assert_int_equal(outcome->failed->code, GRPC_STATUS_NOT_FOUND);
  assert_string_equal(outcome->failed->message, "no security definition for NOPE");
  assert_int_equal(outcome->failed->n_details, 1);
  millrace__v1__outcome__free_unpacked(outcome, NULL);
  mesh_call_close(call);
}

static void start_twice(bench *own) {
  mesh_call *first = open_call(own, "/test.Bench/Run", "");
  mesh_call *second = open_call(own, "/test.Bench/Run", "");
  expect(first, 1, ACCEPTED);
  expect(second, 1, ACCEPTED);
  assert_true(own->joined);
  for (int i = 2; i <= 4; i++) {
    step(own);
    expect(first, i, LOG);
    expect(second, i, LOG);
  }
  millrace__v1__outcome__free_unpacked(expect_outcome(first, 5), NULL);
  millrace__v1__outcome__free_unpacked(expect_outcome(second, 5), NULL);
  assert_int_equal(own->ended, 1);
  mesh_call_close(first);
  mesh_call_close(second);
}

static void the_same_work_is_joined(bench *own) {
  own->work_key = "EURUSD 1h";
  start_twice(own);
}

static void the_same_request_is_joined_even_after_the_end(bench *own) {
  own->request_id = "r-1";
  start_twice(own);
  mesh_call *third = open_call(own, "/test.Bench/Run", "");
  expect(third, 1, ACCEPTED);
  for (int i = 2; i <= 4; i++)
    expect(third, i, LOG);
  millrace__v1__outcome__free_unpacked(expect_outcome(third, 5), NULL);
  assert_int_equal(own->ended, 1);
  mesh_call_close(third);
}

static void what_cannot_be_journalled_is_not_shown(bench *own) {
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  own->journal.full = true;
  step(own);
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_string_equal(err.message, "the disk is full");
  assert_int_equal(own->journal.count, 1);
  mesh_call_close(call);
}

static void a_start_that_cannot_be_journalled_fails(bench *own) {
  own->journal.full = true;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_int_equal(own->ended, 0);
  mesh_call_close(call);
}

static void orphans_get_an_outcome(bench *own) {
  own->attach = false;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  mesh_call_close(call);
  bench after;  // the same journal, another program
  bench_init(&after, own->test);
  memcpy(&after.journal, &own->journal, sizeof after.journal);
  after.journal.table.self = &after.journal;
  int count = 0;
  mesh_error err;
  assert_int_equal(mesh_operations_bury(after.operations, "the backend died", &count, &err),
                   GRPC_STATUS_OK);
  assert_int_equal(count, 1);
  assert_int_equal(after.journal.state, MILLRACE__V1__OPERATION_STATE__FAILED);
  assert_int_equal(after.journal.count, 2);
  bench_fini(&after);
}

static void a_slow_watcher_gets_the_newest_progress(bench *own) {
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  while (own->go.first == NULL)
    mesh_yield(own->test->loop);
  Millrace__V1__Progress progress = MILLRACE__V1__PROGRESS__INIT;
  enum { TIMES = 1000 };
  for (int i = 1; i <= TIMES; i++) {
    progress.done = i;
    mesh_operation_progress(own->running, &progress);
  }
  int seen = 0, merged = 0;
  int64_t done = 0;
  while (done < TIMES) {
    mesh_event event = next_event(call);
    assert_int_equal(event.payload, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_PROGRESS);
    assert_int_equal(event.event_class, MESH_MERGEABLE);
    assert_int_equal(event.sequence, 1);
    Millrace__V1__Progress *got =
        millrace__v1__progress__unpack(NULL, event.body.size_bytes, event.body.data);
    assert_true(got->done > done);
    done = got->done;
    millrace__v1__progress__free_unpacked(got, NULL);
    seen++;
    merged += event.replaced;
  }
  assert_int_equal(seen + merged, TIMES);
  assert_true(seen < TIMES / 10);
  mesh_call_close(call);
}

// ---- rows ----

typedef struct row {
  const char *name;
  void (*run)(bench *own);
} row;

static const row rows[] = {
    {"events are dense and end with one outcome", events_are_dense_and_end_with_one_outcome},
    {"a late watcher gets history, then live", a_late_watcher_gets_history_then_live},
    {"attached: ends with its last watcher", an_attached_one_ends_with_its_last_watcher},
    {"detached: goes on alone", a_detached_one_goes_on_alone},
    {"cancelling twice is cancelling once", cancelling_twice_is_cancelling_once},
    {"a failure keeps its details", a_failure_keeps_its_details},
    {"the same work is joined", the_same_work_is_joined},
    {"the same request is joined, ended or not", the_same_request_is_joined_even_after_the_end},
    {"what cannot be journalled is not shown", what_cannot_be_journalled_is_not_shown},
    {"a start that cannot be journalled fails", a_start_that_cannot_be_journalled_fails},
    {"orphans get an outcome", orphans_get_an_outcome},
    {"a slow watcher gets the newest progress", a_slow_watcher_gets_the_newest_progress},
};

static void run_row(harness *test, void *arg) {
  bench *own = malloc(sizeof *own);
  bench_init(own, test);
  ((const row *)arg)->run(own);
  bench_fini(own);
  free(own);
}

static void check(void **state) {
  run_in_fiber(run_row, *state);
}

int main(void) {
  RUN_ROWS("operation", rows, check);
}
