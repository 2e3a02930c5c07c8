// Relayed operations: a manager with a journal, a host that counts, and what breaks between them.
#include "mesh/operation/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mesh/rpc/schema.h"
#include "mesh/rpc/server.h"
#include "millrace/test/v1/counter.pb-c.h"
#include "protos/descriptors.h"
#include "tests/fakes/counter.h"
#include "tests/mesh/harness.h"
#include "tests/mesh/operation/memory_journal.h"

enum { MS = 1000000 };

#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name

// ---- a host that can die and come back on the same address ----

// Run of a host that ends the stream as if all were well, after what it was told to say.
typedef struct vague_host {
  mesh_service service;
  mesh_event says;  // its payload: 0: nothing
  int asked;
} vague_host;

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

typedef struct bench {
  harness *test;
  mesh_schema *schema;
  char directory[32], address[64];
  mesh_server *server;
  counter_host host;
  vague_host vague;
  const char *run_method;
  mesh_link *link;
  memory_journal journal;
  mesh_operations *operations;
  Millrace__Test__V1__CountRequest request;
  Millrace__V1__StartOptions options;
  int64_t grace_ms;
  int attempts;  // to reach a host; 0: any number
  char name[MESH_OPERATION_NAME_MAX];
} bench;

static void start_host(bench *own) {
  mesh_error err;
  counter_host_init(&own->host, own->test->loop);
  own->server = mesh_server_create(own->test->loop, own->schema);
  mesh_server_add(own->server, &own->host.service);
  mesh_server_add(own->server, &own->vague.service);
  assert_int_equal(mesh_server_listen(own->server, own->address, NULL, &err), GRPC_STATUS_OK);
  mesh_server_start(own->server);
}

// As a kill does: every stream breaks, and nothing of what ran is left.
static void kill_host(bench *own) {
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

static void start(bench *own) {
  mesh_error err;
  const char *joined;
  mesh_start how = {.kind = "count", .title = "a count", .options = &own->options};
  mesh_work work = make_work(own);
  assert_int_equal(mesh_operation_start(own->operations, &how, &work, own->name, &joined, &err),
                   GRPC_STATUS_OK);
}

static mesh_code rebuild(void *self, mesh_view request, mesh_start *start, mesh_work *work,
                         mesh_error *err) {
  (void)request, (void)err;
  bench *own = self;
  *start = (mesh_start){.options = &own->options};
  *work = make_work(own);
  return GRPC_STATUS_OK;
}

static void adopt(bench *own) {
  mesh_error err;
  own->operations = mesh_operations_create(own->test->loop, "manager", &own->journal.table, NULL);
  mesh_kind kind = {"count", rebuild, own};
  assert_int_equal(mesh_operations_adopt(own->operations, &kind, 1, "a test", NULL, &err),
                   GRPC_STATUS_OK);
  mesh_operations_resume(own->operations);
}

// The manager leaves; another one comes.
static void replace_manager(bench *own) {
  assert_true(mesh_operations_drain(own->operations, mesh_now_ns() + 5000 * (int64_t)MS));
  mesh_operations_destroy(own->operations);
  adopt(own);
}

// ---- what came of it ----

typedef struct history {
  int64_t sequence, source_sequence;
  int checkpoints, attempts, lost;  // lost: the most that a checkpoint says
  int64_t last_position;
  Millrace__V1__Outcome *outcome;  // owned
} history;

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

static history await_end(bench *own) {
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

static void forget(history *all) {
  millrace__v1__outcome__free_unpacked(all->outcome, NULL);
}

static void pause_ms(bench *own, int64_t ms) {
  assert_int_equal(mesh_sleep_until(&own->test->scope, mesh_now_ns() + ms * MS, NULL),
                   GRPC_STATUS_OK);
}

static void await_steps(bench *own, int64_t steps) {
  while (own->host.steps < steps)
    pause_ms(own, 1);
}

// ---- tests ----

static void every_event_of_the_host_is_the_operations(bench *own) {
  own->request.to = 100;
  own->request.checkpoint_every = 10;
  start(own);
  history all = await_end(own);
  assert_int_equal(all.sequence, 12);  // accepted, 10 checkpoints, outcome
  assert_int_equal(all.checkpoints, 10);
  assert_string_equal(all.outcome->succeeded->summary, "counted to 100, 100 steps in the last run");
  forget(&all);
}

static void the_hosts_failure_is_the_operations(bench *own) {
  own->request.to = 100;
  own->request.fail_at = 7;
  start(own);
  history all = await_end(own);
  assert_int_equal(all.outcome->failed->code, GRPC_STATUS_FAILED_PRECONDITION);
  assert_string_equal(all.outcome->failed->message, "failed at step 7, as it was told");
  forget(&all);
}

static void a_new_manager_finds_the_work_where_it_is(bench *own) {
  own->request = (Millrace__Test__V1__CountRequest)MILLRACE__TEST__V1__COUNT_REQUEST__INIT;
  own->request.to = 200;
  own->request.step_us = 100;
  own->request.checkpoint_every = 5;
  start(own);
  for (int i = 1; i <= 4; i++) {
    await_steps(own, 40 * i);
    replace_manager(own);
  }
  history all = await_end(own);
  assert_int_equal(own->host.begun, 1);
  assert_int_equal(own->host.steps, 200);
  assert_int_equal(all.checkpoints, 40);
  assert_int_equal(all.last_position, 200);
  forget(&all);
}

static void a_new_host_goes_on_at_the_checkpoint(bench *own) {
  own->request.to = 60;
  own->request.step_us = 200;
  own->request.checkpoint_every = 10;
  start(own);
  await_steps(own, 25);
  kill_host(own);
  start_host(own);
  history all = await_end(own);
  assert_int_equal(own->host.begun, 1);
  assert_true(own->host.steps >= 30 && own->host.steps <= 50);  // not from the beginning
  assert_int_equal(all.checkpoints, 6);
  assert_int_equal(all.lost, 1);
  assert_true(all.attempts >= 1);  // and the history says why
  forget(&all);
}

// What the manager's journal has of the newest checkpoint; zeros where there is none.
static Millrace__V1__Checkpoint kept_checkpoint(bench *own) {
  mesh_operation_record record;
  mesh_view progress;
  int watchers;
  Millrace__V1__Checkpoint kept = MILLRACE__V1__CHECKPOINT__INIT;
  if (!mesh_operation_peek(own->operations, own->name, &record, &progress, &watchers)) return kept;
  Millrace__V1__Checkpoint *read =
      millrace__v1__checkpoint__unpack(NULL, record.checkpoint.size_bytes, record.checkpoint.data);
  if (read == NULL) return kept;
  kept.lost = read->lost;
  kept.position = read->position;
  millrace__v1__checkpoint__free_unpacked(read, NULL);
  return kept;
}

// Until the manager has heard of the run.
static void await_heard(bench *own) {
  mesh_operation_record record;
  mesh_view progress = {0};
  int watchers;
  while (progress.size_bytes == 0) {
    pause_ms(own, 1);
    assert_true(mesh_operation_peek(own->operations, own->name, &record, &progress, &watchers));
  }
}

static void replace_host(bench *own) {
  kill_host(own);
  start_host(own);
}

static void check_lost(bench *own) {
  history all = await_end(own);
  assert_int_equal(own->host.begun, 0);
  assert_int_equal(all.outcome->failed->code, GRPC_STATUS_ABORTED);
  assert_non_null(strstr(all.outcome->failed->message, "did not survive it 2 times"));
  assert_int_equal(all.lost, 2);
  forget(&all);
}

static void what_ends_its_host_twice_is_not_begun_again(bench *own) {
  own->request.to = 1000000;
  own->request.step_us = 100;
  start(own);
  await_heard(own);
  replace_host(own);
  while (kept_checkpoint(own).lost < 1)
    pause_ms(own, 1);
  assert_int_equal(own->host.begun, 1);
  replace_host(own);
  check_lost(own);
}

// Given up: it is counted, and whoever runs it next (another host) is told.
static void a_host_that_stays_away_has_lost_it(bench *own) {
  own->request.to = 1000000;
  own->request.step_us = 100;
  own->attempts = 3;
  start(own);
  await_heard(own);
  kill_host(own);
  history all = await_end(own);
  assert_int_equal(all.outcome->failed->code, GRPC_STATUS_UNAVAILABLE);
  assert_int_equal(all.lost, 1);
  forget(&all);
  start_host(own);
}

// Its stream ends with OK: nothing broke, and nothing is done.
static void what_ends_without_an_outcome_twice_is_not_begun_again(bench *own) {
  static const uint32_t payloads[] = {0, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_ACCEPTED};
  own->run_method = "/test.VagueHost/Run";
  for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
    own->vague.asked = 0;
    own->vague.says = (mesh_event){.event_class = MESH_DURABLE, .payload = payloads[i]};
    start(own);
    check_lost(own);
    assert_int_equal(own->vague.asked, 2);
  }
}

static void a_failure_of_code_0_is_a_failure(bench *own) {
  static const uint8_t failed_ok[] = {0x12, 4, 0x12, 2, 'o', 'k'};  // failed {message: "ok"}
  own->run_method = "/test.VagueHost/Run";
  own->vague.says = (mesh_event){.event_class = MESH_DURABLE,
                                 .payload = MILLRACE__V1__OPERATION_EVENT__PAYLOAD_OUTCOME,
                                 .body = {failed_ok, sizeof failed_ok}};
  start(own);
  history all = await_end(own);
  assert_int_equal(all.outcome->outcome_case, MILLRACE__V1__OUTCOME__OUTCOME_FAILED);
  assert_int_equal(all.outcome->failed->code, GRPC_STATUS_UNKNOWN);
  assert_string_equal(all.outcome->failed->message, "ok");
  forget(&all);
}

static void a_new_manager_counts_on(bench *own) {
  own->request.to = 1000000;
  own->request.step_us = 100;
  start(own);
  await_heard(own);
  replace_host(own);
  while (kept_checkpoint(own).lost < 1)
    pause_ms(own, 1);
  replace_manager(own);
  await_heard(own);
  replace_host(own);
  check_lost(own);
}

static void what_gets_further_is_begun_as_often_as_needed(bench *own) {
  own->request.to = 100;
  own->request.step_us = 500;
  own->request.checkpoint_every = 10;
  start(own);
  for (int i = 1; i <= 4; i++) {
    while (kept_checkpoint(own).position < 20 * i)
      pause_ms(own, 1);
    replace_host(own);
  }
  history all = await_end(own);
  assert_int_equal(all.outcome->outcome_case, MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED);
  assert_int_equal(all.lost, 1);
  forget(&all);
}

static void a_cancel_is_acknowledged_by_the_host(bench *own) {
  own->request.to = 1000000;
  own->request.step_us = 100;
  start(own);
  await_steps(own, 5);
  mesh_error err;
  assert_int_equal(mesh_operation_cancel(own->operations, own->name, "me", &err), GRPC_STATUS_OK);
  history all = await_end(own);
  assert_int_equal(all.outcome->outcome_case, MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED);
  assert_string_equal(all.outcome->cancelled->requested_by, "me");
  assert_string_equal(all.outcome->cancelled->last_layer, "counter-host");
  assert_int_equal(all.outcome->cancelled->n_stops, 1);
  assert_false(all.outcome->cancelled->forced);
  assert_int_equal(mesh_operations_count(own->host.hosted.operations), 0);
  forget(&all);
}

// The host is ahead of the journal when it is asked to stop: its events come on two streams then.
static void a_cancel_loses_no_event_and_keeps_their_order(bench *own) {
  for (int i = 0; i < 20; i++) {
    own->request.to = 1000000;
    own->request.checkpoint_every = 1;
    own->request.quiet = true;
    own->host.steps = 0;
    start(own);
    await_steps(own, 20 + i);
    mesh_error err;
    assert_int_equal(mesh_operation_cancel(own->operations, own->name, "me", &err), GRPC_STATUS_OK);
    history all = await_end(own);
    assert_int_equal(all.outcome->outcome_case, MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED);
    assert_int_equal(all.checkpoints, own->host.steps);
    assert_int_equal(all.last_position, own->host.steps);
    forget(&all);
  }
}

// What could not be written down is not taken for heard.
static void a_journal_that_refuses_for_a_moment_loses_no_event(bench *own) {
  own->request.to = 300;
  own->request.step_us = 200;
  own->request.checkpoint_every = 1;
  own->request.quiet = true;
  start(own);
  await_steps(own, 50);
  own->journal.busy = 1;
  history all = await_end(own);
  assert_int_equal(all.outcome->outcome_case, MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED);
  assert_int_equal(all.checkpoints, 300);
  assert_int_equal(all.attempts, 0);  // nothing broke: the journal was waited for
  forget(&all);
}

static void a_stubborn_host_is_left_behind(bench *own) {
  own->request.to = 300;
  own->request.step_us = 1000;
  own->request.stubborn = true;
  own->options.cancel_timeout_ms = 5;
  start(own);
  await_steps(own, 1);
  mesh_error err;
  assert_int_equal(mesh_operation_cancel(own->operations, own->name, "me", &err), GRPC_STATUS_OK);
  history all = await_end(own);
  assert_true(all.outcome->cancelled->forced);
  assert_int_equal(all.outcome->cancelled->n_stops, 0);
  assert_true(own->host.steps < 300);
  forget(&all);
  own->request.to = 0;
  await_steps(own, 300);  // it ends by itself
}

static void a_cancel_does_not_begin_what_was_lost(bench *own) {
  own->request.to = 1000000;
  own->request.step_us = 100;
  start(own);
  await_steps(own, 5);
  kill_host(own);
  mesh_error err;
  assert_int_equal(mesh_operation_cancel(own->operations, own->name, "me", &err), GRPC_STATUS_OK);
  start_host(own);
  history all = await_end(own);
  assert_int_equal(own->host.begun, 0);
  assert_int_equal(all.outcome->outcome_case, MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED);
  forget(&all);
}

static void a_deadline_stops_the_host(bench *own) {
  own->request.to = 1000000;
  own->request.step_us = 100;
  own->options.deadline_ms = 20;
  start(own);
  history all = await_end(own);
  assert_int_equal(all.outcome->failed->code, GRPC_STATUS_DEADLINE_EXCEEDED);
  // Where the host takes long to stop, the end does not wait for it; and it stops all the same.
  while (mesh_operations_count(own->host.hosted.operations) > 0)
    pause_ms(own, 1);
  forget(&all);
}

static void a_host_without_its_manager_stops_after_the_grace(bench *own) {
  own->request.to = 1000000;
  own->request.step_us = 100;
  own->grace_ms = 30;
  start(own);
  await_steps(own, 5);
  assert_true(mesh_operations_drain(own->operations, mesh_now_ns() + 5000 * (int64_t)MS));
  assert_int_equal(mesh_operations_count(own->host.hosted.operations), 1);  // it goes on meanwhile
  int64_t steps = own->host.steps;
  while (mesh_operations_count(own->host.hosted.operations) > 0)
    pause_ms(own, 1);
  assert_true(own->host.steps > steps);
  mesh_operations_destroy(own->operations);
  own->operations = mesh_operations_create(own->test->loop, "manager", &own->journal.table, NULL);
}

// As above, but the manager comes back: nobody has asked the operation to stop.
static void what_its_host_gave_up_goes_on_at_the_checkpoint(bench *own) {
  own->request.to = 400;
  own->request.step_us = 500;
  own->request.checkpoint_every = 10;
  own->grace_ms = 30;
  start(own);
  await_steps(own, 25);
  assert_true(mesh_operations_drain(own->operations, mesh_now_ns() + 5000 * (int64_t)MS));
  while (mesh_operations_count(own->host.hosted.operations) > 0)
    pause_ms(own, 1);
  int64_t steps = own->host.steps;
  assert_true(steps < 400);
  mesh_operations_destroy(own->operations);
  own->grace_ms = 10000;
  adopt(own);
  history all = await_end(own);
  assert_int_equal(all.outcome->outcome_case, MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED);
  assert_int_equal(own->host.begun, 2);
  assert_in_range(own->host.steps, 400, 410);  // but for those since the last checkpoint
  assert_int_equal(all.attempts, 1);
  assert_int_equal(all.lost, 0);
  assert_int_equal(all.checkpoints, 40);
  forget(&all);
}

static mesh_code run_of_epoch(bench *own, const char *data, int64_t epoch, mesh_error *err) {
  Millrace__V1__RunRequest request = MILLRACE__V1__RUN_REQUEST__INIT;
  request.operation = "count-1";
  request.epoch = epoch;
  request.request.data = (uint8_t *)(uintptr_t)data;
  request.request.len = strlen(data);
  uint8_t bytes[128];
  mesh_frame frame = {bytes, millrace__v1__run_request__pack(&request, bytes), false};
  mesh_call *call;
  assert_int_equal(mesh_call_open(&own->test->scope, own->link, "/millrace.test.v1.CounterHost/Run",
                                  frame, NULL, &call, err),
                   GRPC_STATUS_OK);
  mesh_code code = GRPC_STATUS_OK;
  for (frame.end = false; code == GRPC_STATUS_OK && !frame.end;)
    code = mesh_call_receive(call, &frame, err);
  mesh_call_close(call);
  return code;
}

static mesh_code run_at_host(bench *own, const char *data, mesh_error *err) {
  return run_of_epoch(own, data, 0, err);
}

// Epochs grow; behind the last one there is none.
static void an_epoch_that_nothing_can_follow_is_refused(bench *own) {
  mesh_error err;
  assert_int_equal(run_of_epoch(own, "\x08\x03", INT64_MAX, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_int_equal(run_of_epoch(own, "\x08\x03", -1, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_int_equal(own->host.begun, 0);
  assert_int_equal(run_of_epoch(own, "\x08\x03", INT64_MAX - 1, &err), GRPC_STATUS_OK);
}

static void a_host_takes_no_other_request_for_the_same_run(bench *own) {
  mesh_error err;
  assert_int_equal(run_at_host(own, "\x08\x03", &err), GRPC_STATUS_OK);  // to 3
  assert_int_equal(run_at_host(own, "\x08\x03", &err), GRPC_STATUS_OK);
  assert_int_equal(own->host.steps, 3);
  assert_int_equal(run_at_host(own, "\x08\x04", &err), GRPC_STATUS_ALREADY_EXISTS);
  assert_string_equal(err.reason, "ANOTHER_REQUEST");
}

static void a_drained_host_leaves_a_checkpoint(bench *own) {
  own->request.to = 50;
  own->request.step_us = 500;
  start(own);
  await_steps(own, 10);
  assert_true(
      mesh_operations_drain(own->host.hosted.operations, mesh_now_ns() + 5000 * (int64_t)MS));
  int64_t done = own->host.steps;
  // It ends as a program does: what it says of its leaving is said to the end.
  mesh_server_stop(own->server, mesh_now_ns() + 5000 * (int64_t)MS);
  mesh_server_destroy(own->server);
  counter_host_fini(&own->host);
  start_host(own);
  history all = await_end(own);
  assert_int_equal(own->host.steps, 50 - done);  // no step was made twice
  assert_int_equal(all.lost, 0);                 // it has said that it leaves
  assert_int_equal(all.outcome->outcome_case, MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED);
  forget(&all);
}

// Until the host has noticed that its manager is gone.
static void await_no_watcher(bench *own) {
  mesh_operation_record record;
  mesh_view progress;
  int watchers = 1;
  while (watchers > 0) {
    pause_ms(own, 1);
    assert_true(
        mesh_operation_peek(own->host.hosted.operations, own->name, &record, &progress, &watchers));
  }
}

typedef struct drain {
  bench *own;
  bool done;
} drain;

static void drain_host(void *arg) {
  drain *what = arg;
  assert_true(mesh_hosted_drain(&what->own->host.hosted, mesh_now_ns() + 20000 * (int64_t)MS));
  what->done = true;
}

static void a_drained_host_waits_for_a_manager_that_is_away(bench *own) {
  own->request.to = 200;
  own->request.step_us = 2000;
  start(own);
  await_steps(own, 10);
  assert_true(mesh_operations_drain(own->operations, mesh_now_ns() + 5000 * (int64_t)MS));
  mesh_operations_destroy(own->operations);
  await_no_watcher(own);
  drain leaving = {own, false};
  mesh_fiber_start(&own->test->scope, drain_host, &leaving);
  await_steps(own, own->host.steps + 3);  // it goes on meanwhile
  assert_false(leaving.done);
  own->operations = mesh_operations_create(own->test->loop, "manager", &own->journal.table, NULL);
  mesh_error err;
  mesh_kind kind = {"count", rebuild, own};
  assert_int_equal(mesh_operations_adopt(own->operations, &kind, 1, "a test", NULL, &err),
                   GRPC_STATUS_OK);
  mesh_operations_resume(own->operations);
  while (!leaving.done)
    pause_ms(own, 1);
  int64_t done = own->host.steps;
  mesh_server_stop(own->server, mesh_now_ns());
  mesh_server_destroy(own->server);
  counter_host_fini(&own->host);
  start_host(own);
  history all = await_end(own);
  assert_int_equal(own->host.steps, 200 - done);
  forget(&all);
}

// ---- rows ----

typedef struct row {
  const char *name;
  void (*run)(bench *own);
} row;

static const row rows[] = {
    {"every event of the host is the operation's", every_event_of_the_host_is_the_operations},
    {"the host's failure is the operation's", the_hosts_failure_is_the_operations},
    {"a new manager finds the work where it is", a_new_manager_finds_the_work_where_it_is},
    {"a new host goes on at the checkpoint", a_new_host_goes_on_at_the_checkpoint},
    {"what ends its host twice is not begun again", what_ends_its_host_twice_is_not_begun_again},
    {"a host that stays away has lost it", a_host_that_stays_away_has_lost_it},
    {"what ends without an outcome twice is not begun again",
     what_ends_without_an_outcome_twice_is_not_begun_again},
    {"a failure of code 0 is a failure", a_failure_of_code_0_is_a_failure},
    {"a new manager counts on", a_new_manager_counts_on},
    {"what gets further is begun as often as needed",
     what_gets_further_is_begun_as_often_as_needed},
    {"a cancel is acknowledged by the host", a_cancel_is_acknowledged_by_the_host},
    {"a journal that refuses for a moment loses no event",
     a_journal_that_refuses_for_a_moment_loses_no_event},
    {"a cancel loses no event and keeps their order",
     a_cancel_loses_no_event_and_keeps_their_order},
    {"a stubborn host is left behind", a_stubborn_host_is_left_behind},
    {"a cancel does not begin what was lost", a_cancel_does_not_begin_what_was_lost},
    {"a deadline stops the host", a_deadline_stops_the_host},
    {"what its host gave up goes on at the checkpoint",
     what_its_host_gave_up_goes_on_at_the_checkpoint},
    {"an epoch that nothing can follow is refused", an_epoch_that_nothing_can_follow_is_refused},
    {"a host takes no other request for the same run",
     a_host_takes_no_other_request_for_the_same_run},
    {"a host alone stops after the grace", a_host_without_its_manager_stops_after_the_grace},
    {"a drained host leaves a checkpoint", a_drained_host_leaves_a_checkpoint},
    {"a drained host waits for its manager", a_drained_host_waits_for_a_manager_that_is_away},
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
  RUN_ROWS("remote", rows, check);
}
