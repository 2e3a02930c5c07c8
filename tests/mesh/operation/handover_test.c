// Operations that end by force, and those that go on in another process.
#include <stdlib.h>
#include <string.h>

#include "tests/mesh/operation/bench.h"

// ---- by force ----

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

// Who joins for good is in the journal, once: a later process does not end it for its parent.
static void who_has_joined_is_known_to_the_next_process(bench *own) {
  for (int joins = 0; joins <= 2; joins++) {
    own->attach = false;
    own->work_key = "key";
    own->ended = 0;
    mesh_call *first = open_call(own, "/test.Bench/Run", "");
    expect(first, 1, ACCEPTED);
    for (int i = 0; i < joins; i++) {
      mesh_call *other = open_call(own, "/test.Bench/Run", "");
      expect(other, 0, PAYLOAD(JOINED));
      mesh_call_close(other);
    }
    mesh_call_close(first);
    mesh_operation_record record;
    mesh_view progress;
    int watchers;
    do {
      mesh_yield(own->test->loop);
      assert_true(mesh_operation_peek(own->operations, own->name, &record, &progress, &watchers));
    } while (watchers > 0);
    assert_int_equal(mesh_operation_is_shared(own->operations, own->name), joins > 0);
    for (int process = 2; process <= 3; process++) {
      successor to = {0};
      int adopted = 0;
      mesh_error err;
      assert_int_equal(go_on(own, &to, &adopted, &err), GRPC_STATUS_OK);
      assert_int_equal(adopted, 1);
      assert_int_equal(mesh_operation_is_shared(own->operations, own->name), joins > 0);
    }
    assert_true(mesh_operation_peek(own->operations, own->name, &record, &progress, &watchers));
    assert_int_equal(record.last_sequence, 3 + (joins > 0));  // accepted, joined, adopted twice
    mesh_error err;
    assert_int_equal(mesh_operation_cancel(own->operations, own->name, "the test", &err),
                     GRPC_STATUS_OK);
    assert_int_equal(mesh_operation_await(own->operations, own->name, &own->test->scope, &err),
                     GRPC_STATUS_OK);
  }
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

static const bench_row rows[] = {
    {"what does not stop ends by force", what_does_not_stop_ends_by_force},
    {"a deadline is forced, too", a_deadline_is_forced_too},
    {"what is being cancelled is not joined", what_is_being_cancelled_is_not_joined},
    {"drained: goes on elsewhere", a_drained_one_goes_on_elsewhere},
    {"who has joined is known to the next process", who_has_joined_is_known_to_the_next_process},
    {"adopted: waits for its watchers", an_adopted_one_waits_for_its_watchers},
    {"adopted while it was being cancelled", one_that_was_being_cancelled_ends_as_cancelled},
    {"adopted: what cannot go on fails", what_cannot_go_on_fails_with_a_reason},
    {"who leaves takes no new work", who_leaves_takes_no_new_work},
    {"checkpoints and the host's numbers survive", checkpoints_survive},
};

int main(void) {
  RUN_ROWS("handover", rows, bench_check);
}
