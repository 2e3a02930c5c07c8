// Relayed operations whose hosts die, or end their streams without a word.
#include <stdlib.h>
#include <string.h>

#include "tests/mesh/operation/relayed_bench.h"

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

static const bench_row rows[] = {
    {"a new host goes on at the checkpoint", a_new_host_goes_on_at_the_checkpoint},
    {"what ends its host twice is not begun again", what_ends_its_host_twice_is_not_begun_again},
    {"a host that stays away has lost it", a_host_that_stays_away_has_lost_it},
    {"what ends without an outcome twice is not begun again",
     what_ends_without_an_outcome_twice_is_not_begun_again},
    {"a failure of code 0 is a failure", a_failure_of_code_0_is_a_failure},
    {"a new manager counts on", a_new_manager_counts_on},
    {"what gets further is begun as often as needed",
     what_gets_further_is_begun_as_often_as_needed},
    {"a cancel does not begin what was lost", a_cancel_does_not_begin_what_was_lost},
};

int main(void) {
  RUN_ROWS("lost hosts", rows, bench_check);
}
