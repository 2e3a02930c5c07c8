#include "tests/mesh/operation/relayed_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protos/descriptors.h"

// ---- a host that can die and come back on the same address ----

static mesh_code run_vaguely(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request;
  vague_host *own = self;
  own->asked++;
  if (own->says.payload == 0) return GRPC_STATUS_OK;
  uint8_t bytes[256];
  mesh_event event = own->says;
  event.epoch = own->asked;
  event.sequence = 1;
  assert_true(mesh_event_bound(&event) <= sizeof bytes);
  mesh_frame frame = {bytes, mesh_event_encode(&event, bytes, sizeof bytes), false};
  return mesh_call_send(call, frame, err);
}

static const mesh_method vague_method = {.name = "Run", .run = run_vaguely};

void start_host(bench *own) {
  mesh_error err;
  counter_host_init(&own->host, own->test->loop);
  own->server = mesh_server_create(own->test->loop, own->schema);
  mesh_server_add(own->server, &own->host.service);
  mesh_server_add(own->server, &own->vague.service);
  assert_int_equal(mesh_server_listen(own->server, own->address, NULL, &err), GRPC_STATUS_OK);
  mesh_server_start(own->server);
}

// As a kill does: every stream breaks, and nothing of what ran is left.
void kill_host(bench *own) {
  mesh_server_stop(own->server, mesh_now_ns());
  mesh_server_destroy(own->server);
  mesh_operations_stop(own->host.hosted.operations);
  counter_host_fini(&own->host);
}

static void bench_init(bench *own, harness *test) {
  mesh_error err;
  *own = (bench){.test = test, .run_method = "/millrace.test.v1.CounterHost/Run"};
  own->vague.service = (mesh_service){"test.VagueHost", &vague_method, 1, &own->vague};
  snprintf(own->directory, sizeof own->directory, "/tmp/mr-XXXXXX");  // a socket's path is short
  assert_non_null(mkdtemp(own->directory));
  snprintf(own->address, sizeof own->address, "unix:%s/host.sock", own->directory);
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  assert_int_equal(mesh_schema_create(set, &own->schema, &err), GRPC_STATUS_OK);
  start_host(own);
  assert_int_equal(mesh_link_open(test->loop, "host", own->address, &own->link, &err),
                   GRPC_STATUS_OK);
  memory_journal_init(&own->journal, test->loop);
  mesh_operations_options options = {.force_ms = 1};
  own->operations = mesh_operations_create(test->loop, "manager", &own->journal.table, &options);
  millrace__test__v1__count_request__init(&own->request);
  millrace__v1__start_options__init(&own->options);
  own->options.detached = true;
}

static void bench_fini(bench *own) {
  mesh_operations_stop(own->operations);
  mesh_operations_destroy(own->operations);
  memory_journal_fini(&own->journal);
  mesh_link_close(own->link);
  kill_host(own);
  mesh_schema_destroy(own->schema);
  unlink(own->address + strlen("unix:"));
  assert_int_equal(rmdir(own->directory), 0);
}

// ---- the manager's work ----

typedef struct relayed {
  mesh_remote remote;
  uint8_t request[64];
} relayed;

static mesh_code run_relayed(mesh_operation *operation, void *arg,
                             Millrace__V1__Succeeded *succeeded, Millrace__V1__Cancelled *cancelled,
                             mesh_error *err) {
  return mesh_remote_run(&((relayed *)arg)->remote, operation, succeeded, cancelled, err);
}

static void free_relayed(void *arg) {
  mesh_remote_clear(&((relayed *)arg)->remote);
  free(arg);
}

static mesh_work make_work(bench *own) {
  relayed *made = calloc(1, sizeof *made);
  assert_non_null(made);
  size_t size = millrace__test__v1__count_request__pack(&own->request, made->request);
  made->remote = (mesh_remote){.link = own->link,
                               .run_method = own->run_method,
                               .cancel_method = "/millrace.test.v1.CounterHost/Cancel",
                               .request = {made->request, size},
                               .grace_ms = own->grace_ms,
                               .backoff = {.base_ms = 1, .cap_ms = 5, .attempts = own->attempts}};
  return (mesh_work){run_relayed, free_relayed, made};
}

void start(bench *own) {
  mesh_error err;
  const char *joined;
  mesh_start how = {.kind = "count", .title = "a count", .options = &own->options};
  mesh_work work = make_work(own);
  assert_int_equal(mesh_operation_start(own->operations, &how, &work, own->name, &joined, &err),
                   GRPC_STATUS_OK);
}

mesh_code rebuild(void *self, mesh_view request, mesh_start *start, mesh_work *work,
                  mesh_error *err) {
  (void)request, (void)err;
  bench *own = self;
  *start = (mesh_start){.options = &own->options};
  *work = make_work(own);
  return GRPC_STATUS_OK;
}

void adopt(bench *own) {
  mesh_error err;
  own->operations = mesh_operations_create(own->test->loop, "manager", &own->journal.table, NULL);
  mesh_kind kind = {"count", rebuild, own};
  assert_int_equal(mesh_operations_adopt(own->operations, &kind, 1, "a test", NULL, &err),
                   GRPC_STATUS_OK);
  mesh_operations_resume(own->operations);
}

// The manager leaves; another one comes.
void replace_manager(bench *own) {
  assert_true(mesh_operations_drain(own->operations, mesh_now_ns() + 5000 * (int64_t)MS));
  mesh_operations_destroy(own->operations);
  adopt(own);
}

// ---- what came of it ----

static void take(void *arg, int64_t sequence, mesh_view bytes) {
  history *all = arg;
  mesh_event event;
  mesh_error err;
  assert_int_equal(mesh_event_decode(bytes, &event, &err), GRPC_STATUS_OK);
  assert_int_equal(event.sequence, sequence);
  assert_int_equal(sequence, all->sequence + 1);
  all->sequence = sequence;
  if (event.payload == MILLRACE__V1__OPERATION_EVENT__PAYLOAD_ATTEMPT) all->attempts++;
  if (event.payload == MILLRACE__V1__OPERATION_EVENT__PAYLOAD_OUTCOME) {
    all->outcome = millrace__v1__outcome__unpack(NULL, event.body.size_bytes, event.body.data);
  }
  if (event.payload != MILLRACE__V1__OPERATION_EVENT__PAYLOAD_CHECKPOINT) return;
  Millrace__V1__Checkpoint *checkpoint =
      millrace__v1__checkpoint__unpack(NULL, event.body.size_bytes, event.body.data);
  assert_true(checkpoint->position >= all->last_position);
  all->last_position = checkpoint->position;
  if (checkpoint->lost > all->lost) all->lost = checkpoint->lost;
  all->checkpoints += checkpoint->lost == 0;
  millrace__v1__checkpoint__free_unpacked(checkpoint, NULL);
}

history await_end(bench *own) {
  mesh_error err;
  mesh_scope limit;
  mesh_scope_open(&limit, &own->test->scope);
  mesh_scope_set_deadline(&limit, mesh_now_ns() + 20000 * (int64_t)MS);
  assert_int_equal(mesh_operation_await(own->operations, own->name, &limit, &err), GRPC_STATUS_OK);
  mesh_scope_close(&limit);
  history all = {0};
  const mesh_journal *journal = &own->journal.table;
  assert_int_equal(journal->read(journal->self, own->name, 0, 100000, take, &all, NULL, &err),
                   GRPC_STATUS_OK);
  assert_non_null(all.outcome);
  return all;
}

void forget(history *all) {
  millrace__v1__outcome__free_unpacked(all->outcome, NULL);
}

void pause_ms(bench *own, int64_t ms) {
  assert_int_equal(mesh_sleep_until(&own->test->scope, mesh_now_ns() + ms * MS, NULL),
                   GRPC_STATUS_OK);
}

void await_steps(bench *own, int64_t steps) {
  while (own->host.steps < steps)
    pause_ms(own, 1);
}

void replace_host(bench *own) {
  kill_host(own);
  start_host(own);
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
