// Operations with a journal in memory: events, joins, cancels, outcomes.
#include "mesh/operation/operation.h"

#include <stdlib.h>
#include <string.h>

#include "tests/mesh/operation/bench.h"

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

static mesh_code break_down(mesh_operation *operation, void *arg,
                            Millrace__V1__Succeeded *succeeded, Millrace__V1__Cancelled *cancelled,
                            mesh_error *err) {
  (void)operation, (void)arg, (void)succeeded, (void)cancelled;
  mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no security definition for NOPE");
  mesh_error_set_reason(err, "NO_CONTRACT", "ib-host.millrace");
  return err->code;
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

static const bench_row rows[] = {
    {"events are dense and end with one outcome", events_are_dense_and_end_with_one_outcome},
    {"damaged text never enters the journal", damaged_text_never_enters_the_journal},
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
    {"labels are checked and kept", labels_are_checked_and_kept},
    {"a deadline ends it", a_deadline_ends_it},
};

int main(void) {
  RUN_ROWS("operation", rows, bench_check);
}
