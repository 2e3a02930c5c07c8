// Operations with a journal in memory: events, watchers, joins, cancels, outcomes.
#include "mesh/operation/operation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/server.h"
#include "protos/descriptors.h"
#include "tests/mesh/harness.h"
#include "tests/mesh/operation/memory_journal.h"

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
  const char *work_key, *request_id, *kind;
  mesh_view checkpoint;  // what the next Run goes on from
  mesh_work work;
  char name[MESH_OPERATION_NAME_MAX];
  const char *joined;
  Millrace__V1__StartOptions options;
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

#define PAYLOAD(name) MILLRACE__V1__OPERATION_EVENT__PAYLOAD_##name
#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name

enum {
  ACCEPTED = PAYLOAD(ACCEPTED),
  LOG = PAYLOAD_LOG,
  CANCEL_REQUESTED = PAYLOAD(CANCEL_REQUESTED),
};

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

// What a host reports is passed on unread.
static mesh_code report_damage(mesh_operation *operation, void *arg,
                               Millrace__V1__Succeeded *succeeded,
                               Millrace__V1__Cancelled *cancelled, mesh_error *err) {
  (void)arg, (void)cancelled;
  static char summary[] = "\xfc";
  succeeded->summary = summary;
  return report_text(operation, "\x12\x02ib\x1a\x09M\xfcller \xc3\xbc", err);
}

static void damaged_text_never_enters_the_journal(bench *own) {
  own->work.run = report_damage;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  mesh_event event = next_event(call);
  assert_int_equal(event.payload, LOG);
  assert_int_equal(event.body.size_bytes, 15);
  assert_memory_equal(event.body.data, "\x12\x02ib\x1a\x09M?ller \xc3\xbc", 15);
  Millrace__V1__Outcome *outcome = expect_outcome(call, 3);
  assert_string_equal(outcome->succeeded->summary, "?");
  millrace__v1__outcome__free_unpacked(outcome, NULL);
  mesh_call_close(call);
  mesh_call *later = open_call(own, "/test.Bench/Watch", "1");  // from the journal
  event = next_event(later);
  assert_memory_equal(event.body.data, "\x12\x02ib\x1a\x09M?ller \xc3\xbc", 15);
  mesh_call_close(later);
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
  expect(after, 3, CANCEL_REQUESTED);
  Millrace__V1__Outcome *outcome = expect_outcome(after, 4);
  assert_int_equal(outcome->outcome_case, MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED);
  assert_string_equal(outcome->cancelled->requested_by, "caller went away");
  assert_string_equal(outcome->cancelled->last_layer, "tester");
  assert_string_equal(outcome->cancelled->summary, "stopped early");
  millrace__v1__outcome__free_unpacked(outcome, NULL);
  mesh_call_close(after);
}

static void only_what_is_held_alone_is_unheld(bench *own) {
  mesh_error err;
  mesh_call *first = open_call(own, "/test.Bench/Run", "");
  expect(first, 1, ACCEPTED);
  assert_int_equal(mesh_operation_check_unheld(own->operations, own->name, &err), GRPC_STATUS_OK);
  mesh_call *second = open_call(own, "/test.Bench/Watch", "0");
  expect(second, 1, ACCEPTED);
  assert_int_equal(mesh_operation_check_unheld(own->operations, own->name, &err),
                   GRPC_STATUS_FAILED_PRECONDITION);
  assert_string_equal(err.reason, "HELD");
  mesh_call_close(second);
  mesh_call_close(first);
  wait_for_end(own);
  own->attach = false;
  mesh_call *third = open_call(own, "/test.Bench/Run", "");
  expect(third, 1, ACCEPTED);
  assert_int_equal(mesh_operation_check_unheld(own->operations, own->name, &err),
                   GRPC_STATUS_FAILED_PRECONDITION);
  mesh_call_close(third);
}

static void a_cancel_is_promised_once_it_is_journalled(bench *own) {
  mesh_error err;
  own->attach = false;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  assert_int_equal(own->journal.count, 1);
  assert_int_equal(mesh_operation_cancel(own->operations, own->name, "a test", &err),
                   GRPC_STATUS_OK);
  assert_int_equal(mesh_operation_await_cancel(own->operations, own->name, &own->test->scope, &err),
                   GRPC_STATUS_OK);
  assert_true(own->journal.count >= 2);
  mesh_call_close(call);
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
  expect(call, 2, CANCEL_REQUESTED);
  Millrace__V1__Outcome *outcome = expect_outcome(call, 3);
  assert_string_equal(outcome->cancelled->requested_by, "first");
  assert_false(outcome->cancelled->forced);
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
  expect(second, 0, PAYLOAD(JOINED));
  expect(second, 1, ACCEPTED);
  assert_string_equal(own->joined, own->request_id[0] != '\0' ? "the request id" : "the same work");
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
  assert_string_equal(own->joined, "the request id");
  for (int i = 2; i <= 4; i++)
    expect(third, i, LOG);
  millrace__v1__outcome__free_unpacked(expect_outcome(third, 5), NULL);
  assert_int_equal(own->ended, 1);
  mesh_call_close(third);
}

static void what_cannot_be_journalled_is_not_shown(bench *own) {
  own->attach = false;
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
  own->journal.full = false;  // room again: the work goes on by itself
  step(own);
  step(own);
  wait_for_end(own);
  assert_int_equal(own->journal.state, STATE(SUCCEEDED));
  assert_int_equal(own->journal.count, 5);
}

static void what_waits_for_room_can_be_drained(bench *own) {
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  own->journal.full = true;
  step(own);
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_RESOURCE_EXHAUSTED);
  mesh_call_close(call);
  assert_true(mesh_operations_drain(own->operations, mesh_now_ns() + 5000 * (int64_t)MS));
  assert_int_equal(own->ended, 1);
  assert_int_equal(own->journal.count, 1);  // no outcome: the next process goes on with it
}

static void what_waits_for_room_can_be_cancelled(bench *own) {
  own->attach = false;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  own->journal.full = true;
  step(own);
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_RESOURCE_EXHAUSTED);
  mesh_call_close(call);
  assert_int_equal(mesh_operation_cancel(own->operations, own->name, "a test", &err),
                   GRPC_STATUS_OK);
  own->journal.full = false;
  wait_for_end(own);
  assert_int_equal(own->journal.state, STATE(CANCELLED));
}

static void another_request_is_refused(bench *own) {
  own->request_id = "r-1";
  own->attach = false;
  mesh_call *first = open_call(own, "/test.Bench/Run", "");
  expect(first, 1, ACCEPTED);
  mesh_frame frame;
  mesh_error err;
  for (int ended = 0; ended < 2; ended++) {
    mesh_call *second = open_call(own, "/test.Bench/Run", "another");
    assert_int_equal(mesh_call_receive(second, &frame, &err), GRPC_STATUS_ALREADY_EXISTS);
    assert_string_equal(err.reason, "ANOTHER_REQUEST");
    assert_non_null(strstr(err.message, "the request id 'r-1' is that of test-"));
    assert_non_null(strstr(err.message, "another request"));
    mesh_call_close(second);
    for (int i = 0; i < 3 && ended == 0; i++)
      step(own);
    wait_for_end(own);
  }
  own->kind = "other";
  mesh_call *third = open_call(own, "/test.Bench/Run", "");
  assert_int_equal(mesh_call_receive(third, &frame, &err), GRPC_STATUS_ALREADY_EXISTS);
  assert_non_null(strstr(err.message, "a test: this is a other"));
  mesh_call_close(third);
  mesh_call_close(first);
}

static void take_checkpoint_size(void *arg, const mesh_operation_record *record) {
  ((mesh_operation_record *)arg)->checkpoint.size_bytes = record->checkpoint.size_bytes;
}

static void what_it_goes_on_from_is_there_from_the_start(bench *own) {
  Millrace__V1__Checkpoint checkpoint = MILLRACE__V1__CHECKPOINT__INIT;
  checkpoint.position = 7;
  uint8_t bytes[16];
  own->checkpoint = (mesh_view){bytes, millrace__v1__checkpoint__pack(&checkpoint, bytes)};
  own->attach = false;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  mesh_event event = next_event(call);
  Millrace__V1__Accepted *accepted =
      millrace__v1__accepted__unpack(NULL, event.body.size_bytes, event.body.data);
  assert_int_equal(accepted->checkpoint->position, 7);
  assert_string_equal(accepted->resumes, "test-before");
  millrace__v1__accepted__free_unpacked(accepted, NULL);
  assert_int_equal(own->journal.count, 1);
  mesh_operation_record kept = {0};
  mesh_error err;
  const mesh_journal *journal = &own->journal.table;
  assert_int_equal(journal->find(journal->self, own->name, NULL, take_checkpoint_size, &kept, &err),
                   GRPC_STATUS_OK);
  assert_int_equal(kept.checkpoint.size_bytes, own->checkpoint.size_bytes);
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

static void every_pair_of_states(bench *own) {
  (void)own;
  static const struct {
    Millrace__V1__OperationState from, to;
  } arrows[] = {
      {STATE(OPERATION_STATE_UNSPECIFIED), STATE(RUNNING)},
      {STATE(OPERATION_STATE_UNSPECIFIED), STATE(CANCELLING)},
      {STATE(RUNNING), STATE(CANCELLING)},
      {STATE(RUNNING), STATE(SUCCEEDED)},
      {STATE(RUNNING), STATE(FAILED)},
      {STATE(CANCELLING), STATE(SUCCEEDED)},
      {STATE(CANCELLING), STATE(FAILED)},
      {STATE(CANCELLING), STATE(CANCELLED)},
  };
  for (int from = 0; from <= STATE(CANCELLED); from++) {
    for (int to = 0; to <= STATE(CANCELLED); to++) {
      bool drawn = false;
      for (size_t i = 0; i < sizeof arrows / sizeof *arrows; i++) {
        drawn |= (int)arrows[i].from == from && (int)arrows[i].to == to;
      }
      assert_int_equal(mesh_operation_may_enter((Millrace__V1__OperationState)from,
                                                (Millrace__V1__OperationState)to),
                       drawn);
    }
  }
}

static void nothing_is_shown_before_it_is_journalled(bench *own) {
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  own->journal.held = true;
  step(own);
  for (int i = 0; i < 100; i++)
    mesh_yield(own->test->loop);
  mesh_operation_record record;
  mesh_view progress;
  int watchers;
  assert_true(mesh_operation_peek(own->operations, own->name, &record, &progress, &watchers));
  assert_int_equal(record.last_sequence, 1);
  assert_int_equal(watchers, 1);
  assert_int_equal(own->journal.count, 1);
  own->journal.held = false;
  mesh_signal_notify(&own->journal.released);
  expect(call, 2, LOG);
  mesh_call_close(call);
}

enum { MANY = 1000 };

static mesh_code many_steps(mesh_operation *operation, void *arg,
                            Millrace__V1__Succeeded *succeeded, Millrace__V1__Cancelled *cancelled,
                            mesh_error *err) {
  (void)succeeded, (void)cancelled;
  bench *own = arg;
  mesh_code code = GRPC_STATUS_OK;
  for (int i = 0; i < MANY && code == GRPC_STATUS_OK; i++)
    code = report_text(operation, "", err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_signal_wait(&own->go, mesh_operation_scope(operation), MESH_NEVER, err);
}

static void old_events_come_from_the_journal(bench *own) {
  own->work.run = many_steps;
  own->attach = false;
  mesh_call *first = open_call(own, "/test.Bench/Run", "");
  for (int i = 1; i <= MANY + 1; i++)
    expect(first, i, i == 1 ? ACCEPTED : LOG);
  int reads = own->journal.reads;
  mesh_call *tail = open_call(own, "/test.Bench/Watch", "990");  // in memory: no page is read
  for (int i = 991; i <= MANY + 1; i++)
    expect(tail, i, LOG);
  assert_int_equal(own->journal.reads, reads);
  mesh_call *late = open_call(own, "/test.Bench/Watch", "0");
  for (int i = 1; i <= MANY + 1; i++)
    expect(late, i, i == 1 ? ACCEPTED : LOG);
  assert_true(own->journal.reads > reads);
  step(own);
  millrace__v1__outcome__free_unpacked(expect_outcome(late, MANY + 2), NULL);
  mesh_call_close(late);
  mesh_call_close(tail);
  mesh_call_close(first);
}

static void a_quiet_watcher_hears_heartbeats(bench *own) {
  mesh_operations_stop(own->operations);
  mesh_operations_destroy(own->operations);
  mesh_operations_options options = {.heartbeat_ms = 1};
  own->operations =
      mesh_operations_create(own->test->loop, "tester", &own->journal.table, &options);
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  for (int i = 0; i < 3; i++) {
    mesh_event event = next_event(call);
    assert_int_equal(event.payload, PAYLOAD(HEARTBEAT));
    assert_int_equal(event.event_class, MESH_MERGEABLE);
    assert_int_equal(event.sequence, 1);
  }
  mesh_call_close(call);
}

static void labels_are_checked_and_kept(bench *own) {
  Millrace__V1__StartOptions__LabelsEntry entry = MILLRACE__V1__START_OPTIONS__LABELS_ENTRY__INIT;
  Millrace__V1__StartOptions__LabelsEntry *pointer = &entry;
  own->options.n_labels = 1;
  own->options.labels = &pointer;
  entry.key = "Desk";
  entry.value = "fx";
  mesh_call *refused = open_call(own, "/test.Bench/Run", "");
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(refused, &frame, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_non_null(strstr(err.message, "'Desk'"));
  mesh_call_close(refused);
  entry.key = "desk";
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  mesh_event event = next_event(call);
  Millrace__V1__Accepted *accepted =
      millrace__v1__accepted__unpack(NULL, event.body.size_bytes, event.body.data);
  assert_int_equal(accepted->n_labels, 1);
  assert_string_equal(accepted->labels[0]->key, "desk");
  assert_string_equal(accepted->labels[0]->value, "fx");
  millrace__v1__accepted__free_unpacked(accepted, NULL);
  mesh_operation_record record;
  mesh_view progress;
  int watchers;
  assert_true(mesh_operation_peek(own->operations, own->name, &record, &progress, &watchers));
  assert_string_equal(record.labels, "desk=fx\n");
  mesh_call_close(call);
}

static void a_deadline_ends_it(bench *own) {
  own->options.deadline_ms = 2;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  Millrace__V1__Outcome *outcome = expect_outcome(call, 2);
  assert_int_equal(outcome->outcome_case, MILLRACE__V1__OUTCOME__OUTCOME_FAILED);
  assert_int_equal(outcome->failed->code, GRPC_STATUS_DEADLINE_EXCEEDED);
  millrace__v1__outcome__free_unpacked(outcome, NULL);
  mesh_call_close(call);
}

// Takes no notice of anything until `go`.
static mesh_code stubborn(mesh_operation *operation, void *arg, Millrace__V1__Succeeded *succeeded,
                          Millrace__V1__Cancelled *cancelled, mesh_error *err) {
  (void)succeeded, (void)cancelled;
  bench *own = arg;
  mesh_scope deaf;
  mesh_scope_open_root(&deaf, own->test->loop);
  mesh_code code = mesh_signal_wait(&own->go, &deaf, MESH_NEVER, err);
  mesh_scope_close(&deaf);
  return code == GRPC_STATUS_OK ? report_text(operation, "too late", err) : code;
}

// Reports MANY events of 2 KiB, then waits.
static mesh_code large_steps(mesh_operation *operation, void *arg,
                             Millrace__V1__Succeeded *succeeded, Millrace__V1__Cancelled *cancelled,
                             mesh_error *err) {
  (void)succeeded, (void)cancelled;
  bench *own = arg;
  static uint8_t body[2048];
  mesh_code code = GRPC_STATUS_OK;
  for (int i = 0; i < MANY && code == GRPC_STATUS_OK; i++) {
    code = mesh_operation_report(operation, PAYLOAD_LOG, (mesh_view){body, sizeof body}, err);
  }
  if (code != GRPC_STATUS_OK) return code;
  return mesh_signal_wait(&own->go, mesh_operation_scope(operation), MESH_NEVER, err);
}

// A watcher that stands still while more comes than is kept in memory: it goes on in the journal.
static void a_stalled_watcher_loses_nothing(bench *own) {
  own->work.run = large_steps;
  own->attach = false;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  while (own->go.first == NULL)
    mesh_yield(own->test->loop);
  for (int i = 2; i <= MANY + 1; i++)
    expect(call, i, LOG);
  step(own);
  millrace__v1__outcome__free_unpacked(expect_outcome(call, MANY + 2), NULL);
  mesh_call_close(call);
}

// Whoever leaves waits for no watcher that takes nothing: the drain has no limit here.
static void a_stalled_watcher_holds_no_drain_up(bench *own) {
  own->work.run = large_steps;
  own->attach = false;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  while (own->go.first == NULL)
    mesh_yield(own->test->loop);
  assert_true(mesh_operations_drain(own->operations, MESH_NEVER));
  mesh_frame frame = {0};
  mesh_error err;
  mesh_code code = GRPC_STATUS_OK;
  while (code == GRPC_STATUS_OK && !frame.end)
    code = mesh_call_receive(call, &frame, &err);
  assert_int_equal(code, GRPC_STATUS_UNAVAILABLE);
  mesh_call_close(call);
}

static void nothing_is_after_the_last_event(bench *own) {
  own->attach = false;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  mesh_frame frame;
  mesh_error err;
  mesh_call *ahead = open_call(own, "/test.Bench/Watch", "7");
  assert_int_equal(mesh_call_receive(ahead, &frame, &err), GRPC_STATUS_OUT_OF_RANGE);
  mesh_call_close(ahead);
  for (int i = 0; i < 3; i++)
    step(own);
  wait_for_end(own);
  mesh_call *after = open_call(own, "/test.Bench/Watch", "5");  // OK would promise an outcome
  assert_int_equal(mesh_call_receive(after, &frame, &err), GRPC_STATUS_OUT_OF_RANGE);
  assert_non_null(strstr(err.message, "has ended with event 5"));
  mesh_call_close(after);
  ahead = open_call(own, "/test.Bench/Watch", "6");
  assert_int_equal(mesh_call_receive(ahead, &frame, &err), GRPC_STATUS_OUT_OF_RANGE);
  mesh_call_close(ahead);
  mesh_call_close(call);
}

static void what_is_being_cancelled_is_not_joined(bench *own) {
  own->work_key = "EURUSD 1h";
  own->work.run = stubborn;
  own->attach = false;
  mesh_call *first = open_call(own, "/test.Bench/Run", "");
  expect(first, 1, ACCEPTED);
  mesh_error err;
  assert_int_equal(mesh_operation_cancel(own->operations, own->name, "me", &err), GRPC_STATUS_OK);
  own->work.run = three_steps;
  mesh_call *second = open_call(own, "/test.Bench/Run", "");
  expect(second, 1, ACCEPTED);
  assert_null(own->joined);
  mesh_call *third = open_call(own, "/test.Bench/Run", "");  // joins the second
  expect(third, 0, PAYLOAD(JOINED));
  mesh_call_close(third);
  mesh_call_close(second);
  mesh_call_close(first);
  while (own->ended < 2) {
    mesh_signal_notify(&own->go);
    mesh_yield(own->test->loop);
  }
}

// ---- by force ----

static void what_does_not_stop_ends_by_force(bench *own) {
  own->work.run = stubborn;
  own->options.cancel_timeout_ms = 1;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  mesh_error err;
  assert_int_equal(mesh_operation_cancel(own->operations, own->name, "me", &err), GRPC_STATUS_OK);
  expect(call, 2, CANCEL_REQUESTED);
  Millrace__V1__Outcome *outcome = expect_outcome(call, 3);
  assert_true(outcome->cancelled->forced);
  assert_string_equal(outcome->cancelled->requested_by, "me");
  assert_int_equal(outcome->cancelled->n_stops, 0);
  millrace__v1__outcome__free_unpacked(outcome, NULL);
  assert_int_equal(mesh_operations_count(own->operations), 0);
  assert_int_equal(own->ended, 0);
  step(own);  // what it still does no longer counts
  wait_for_end(own);
  assert_int_equal(own->journal.count, 3);
  assert_int_equal(own->journal.state, STATE(CANCELLED));
  mesh_call_close(call);
}

static void a_deadline_is_forced_too(bench *own) {
  own->work.run = stubborn;
  own->options.cancel_timeout_ms = 1;
  own->options.deadline_ms = 1;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  Millrace__V1__Outcome *outcome = expect_outcome(call, 2);
  assert_int_equal(outcome->failed->code, GRPC_STATUS_DEADLINE_EXCEEDED);
  millrace__v1__outcome__free_unpacked(outcome, NULL);
  step(own);
  wait_for_end(own);
  mesh_call_close(call);
}

// ---- one process leaves, another goes on ----

static int64_t int_of(const void *bytes) {
  return *(const char *)bytes - '0';
}

typedef struct successor {
  bench *own;
  int rebuilt;
  bool refuses;
} successor;

static mesh_code rebuild(void *self, mesh_view request, mesh_start *start, mesh_work *work,
                         mesh_error *err) {
  successor *to = self;
  to->rebuilt++;
  assert_int_equal(request.size_bytes, 7);
  assert_memory_equal(request.data, "request", 7);
  if (to->refuses) return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "the series is gone");
  *start = (mesh_start){.options = &to->own->options};
  *work = to->own->work;
  return GRPC_STATUS_OK;
}

// Ends the bench's operations as a drain does, and goes on with new ones on the same journal.
static mesh_code go_on(bench *own, successor *to, int *adopted, mesh_error *err) {
  assert_true(mesh_operations_drain(own->operations, mesh_now_ns() + 5000 * (int64_t)MS));
  mesh_operations_destroy(own->operations);
  mesh_operations_options options = {.adopt_grace_ms = 1};
  own->operations =
      mesh_operations_create(own->test->loop, "tester", &own->journal.table, &options);
  *to = (successor){.own = own, .refuses = to->refuses};
  mesh_kind kinds[] = {{"other", NULL, NULL}, {"test", rebuild, to}};
  mesh_code code = mesh_operations_adopt(own->operations, kinds, 2, "a test", adopted, err);
  mesh_operations_resume(own->operations);
  return code;
}

static void expect_drain(mesh_call *call, int64_t resume_after) {
  mesh_event event = next_event(call);
  assert_int_equal(event.payload, PAYLOAD(DRAIN));
  Millrace__V1__Drain *drain =
      millrace__v1__drain__unpack(NULL, event.body.size_bytes, event.body.data);
  assert_int_equal(drain->resume_after, resume_after);
  assert_string_equal(drain->layer, "tester");
  millrace__v1__drain__free_unpacked(drain, NULL);
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_UNAVAILABLE);
  assert_string_equal(err.reason, "DRAINING");
}

static void a_drained_one_goes_on_elsewhere(bench *own) {
  own->attach = false;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  step(own);
  expect(call, 2, LOG);
  successor to = {0};
  int adopted;
  mesh_error err;
  assert_int_equal(go_on(own, &to, &adopted, &err), GRPC_STATUS_OK);
  expect_drain(call, 2);
  assert_int_equal(adopted, 1);
  assert_int_equal(to.rebuilt, 1);
  mesh_call *again = open_call(own, "/test.Bench/Watch", "2");
  mesh_event event = next_event(again);
  assert_int_equal(event.payload, PAYLOAD(ADOPTED));
  assert_int_equal(event.sequence, 3);
  assert_int_equal(event.epoch, 2);
  for (int i = 4; i <= 6; i++) {
    step(own);
    expect(again, i, LOG);
  }
  millrace__v1__outcome__free_unpacked(expect_outcome(again, 7), NULL);
  mesh_call_close(again);
  mesh_call_close(call);
}

static void an_adopted_one_waits_for_its_watchers(bench *own) {
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  successor to = {0};
  mesh_error err;
  own->ended = 0;
  assert_int_equal(go_on(own, &to, NULL, &err), GRPC_STATUS_OK);
  own->ended = 0;
  wait_for_end(own);  // nobody came back within the grace
  assert_int_equal(own->journal.state, STATE(CANCELLED));
  mesh_call_close(call);
}

static void one_that_was_being_cancelled_ends_as_cancelled(bench *own) {
  own->work.run = stubborn;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  mesh_error err;
  assert_int_equal(mesh_operation_cancel(own->operations, own->name, "me", &err), GRPC_STATUS_OK);
  expect(call, 2, CANCEL_REQUESTED);
  own->journal.taken = true;  // the process loses its journal, as it does with its life
  step(own);
  wait_for_end(own);
  own->journal.taken = false;
  own->work.run = three_steps;
  own->ended = 0;
  successor to = {0};
  assert_int_equal(go_on(own, &to, NULL, &err), GRPC_STATUS_OK);
  expect_drain(call, 2);
  mesh_call *again = open_call(own, "/test.Bench/Watch", "2");
  expect(again, 3, PAYLOAD(ADOPTED));
  Millrace__V1__Outcome *outcome = expect_outcome(again, 4);
  assert_string_equal(outcome->cancelled->requested_by, "me");
  millrace__v1__outcome__free_unpacked(outcome, NULL);
  mesh_call_close(again);
  mesh_call_close(call);
}

static void what_cannot_go_on_fails_with_a_reason(bench *own) {
  own->attach = false;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  successor to = {.refuses = true};
  mesh_error err;
  assert_int_equal(go_on(own, &to, NULL, &err), GRPC_STATUS_OK);
  expect_drain(call, 1);
  mesh_call *again = open_call(own, "/test.Bench/Watch", "1");
  expect(again, 2, PAYLOAD(ADOPTED));
  Millrace__V1__Outcome *outcome = expect_outcome(again, 3);
  assert_int_equal(outcome->failed->code, GRPC_STATUS_NOT_FOUND);
  assert_string_equal(outcome->failed->message, "it cannot go on: the series is gone");
  millrace__v1__outcome__free_unpacked(outcome, NULL);
  mesh_call_close(again);
  mesh_call_close(call);
}

static void who_leaves_takes_no_new_work(bench *own) {
  assert_true(mesh_operations_drain(own->operations, mesh_now_ns() + 5000 * (int64_t)MS));
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_UNAVAILABLE);
  mesh_call_close(call);
}

// Checkpoints n = 1, 2, 3, each after a `go`, as a host's events number 10 * n of epoch 7.
static mesh_code checkpoints(mesh_operation *operation, void *arg,
                             Millrace__V1__Succeeded *succeeded, Millrace__V1__Cancelled *cancelled,
                             mesh_error *err) {
  (void)succeeded, (void)cancelled;
  bench *own = arg;
  own->running = operation;
  mesh_operation_record record = mesh_operation_record_of(operation);
  for (int64_t n = record.source_sequence / 10 + 1; n <= 3; n++) {
    mesh_code code = mesh_signal_wait(&own->go, mesh_operation_scope(operation), MESH_NEVER, err);
    if (code != GRPC_STATUS_OK) return code;
    char body = (char)('0' + n);
    mesh_source source = {.epoch = 7, .sequence = 10 * n};
    code = mesh_operation_report_from(operation, &source, PAYLOAD(CHECKPOINT),
                                      (mesh_view){(const uint8_t *)&body, 1}, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return GRPC_STATUS_OK;
}

static void checkpoints_survive(bench *own) {
  own->attach = false;
  own->work.run = checkpoints;
  mesh_call *call = open_call(own, "/test.Bench/Run", "");
  expect(call, 1, ACCEPTED);
  step(own);
  expect(call, 2, PAYLOAD(CHECKPOINT));
  step(own);
  expect(call, 3, PAYLOAD(CHECKPOINT));
  successor to = {0};
  mesh_error err;
  assert_int_equal(go_on(own, &to, NULL, &err), GRPC_STATUS_OK);
  while (own->go.first == NULL)
    mesh_yield(own->test->loop);
  mesh_operation_record record = mesh_operation_record_of(own->running);
  assert_int_equal(record.source_epoch, 7);
  assert_int_equal(record.source_sequence, 20);
  assert_int_equal(int_of(record.checkpoint.data), 2);
  mesh_call *again = open_call(own, "/test.Bench/Watch", "3");
  expect(again, 4, PAYLOAD(ADOPTED));
  step(own);
  mesh_event event = next_event(again);
  assert_int_equal(event.sequence, 5);
  assert_int_equal(int_of(event.body.data), 3);
  millrace__v1__outcome__free_unpacked(expect_outcome(again, 6), NULL);
  mesh_call_close(again);
  mesh_call_close(call);
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
    {"damaged text never enters the journal", damaged_text_never_enters_the_journal},
    {"a late watcher gets history, then live", a_late_watcher_gets_history_then_live},
    {"attached: ends with its last watcher", an_attached_one_ends_with_its_last_watcher},
    {"only what is held alone is unheld", only_what_is_held_alone_is_unheld},
    {"a cancel is promised once it is journalled", a_cancel_is_promised_once_it_is_journalled},
    {"detached: goes on alone", a_detached_one_goes_on_alone},
    {"cancelling twice is cancelling once", cancelling_twice_is_cancelling_once},
    {"a failure keeps its details", a_failure_keeps_its_details},
    {"the same work is joined", the_same_work_is_joined},
    {"the same request is joined, ended or not", the_same_request_is_joined_even_after_the_end},
    {"what cannot be journalled is not shown", what_cannot_be_journalled_is_not_shown},
    {"what waits for room can be drained", what_waits_for_room_can_be_drained},
    {"what waits for room can be cancelled", what_waits_for_room_can_be_cancelled},
    {"another request is refused", another_request_is_refused},
    {"what it goes on from is there from the start", what_it_goes_on_from_is_there_from_the_start},
    {"a start that cannot be journalled fails", a_start_that_cannot_be_journalled_fails},
    {"every pair of states", every_pair_of_states},
    {"nothing is shown before it is journalled", nothing_is_shown_before_it_is_journalled},
    {"old events come from the journal", old_events_come_from_the_journal},
    {"a quiet watcher hears heartbeats", a_quiet_watcher_hears_heartbeats},
    {"labels are checked and kept", labels_are_checked_and_kept},
    {"a deadline ends it", a_deadline_ends_it},
    {"a stalled watcher loses nothing", a_stalled_watcher_loses_nothing},
    {"a stalled watcher holds no drain up", a_stalled_watcher_holds_no_drain_up},
    {"nothing is after the last event", nothing_is_after_the_last_event},
    {"what is being cancelled is not joined", what_is_being_cancelled_is_not_joined},
    {"what does not stop ends by force", what_does_not_stop_ends_by_force},
    {"a deadline is forced, too", a_deadline_is_forced_too},
    {"drained: goes on elsewhere", a_drained_one_goes_on_elsewhere},
    {"adopted: waits for its watchers", an_adopted_one_waits_for_its_watchers},
    {"adopted while it was being cancelled", one_that_was_being_cancelled_ends_as_cancelled},
    {"adopted: what cannot go on fails", what_cannot_go_on_fails_with_a_reason},
    {"who leaves takes no new work", who_leaves_takes_no_new_work},
    {"checkpoints and the host's numbers survive", checkpoints_survive},
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
