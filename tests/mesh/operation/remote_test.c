// Relayed operations: a manager with a journal, a host that counts, and what breaks between them.
#include "mesh/operation/remote.h"

#include <stdlib.h>
#include <string.h>

#include "tests/mesh/operation/relayed_bench.h"

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

static const bench_row rows[] = {
    {"every event of the host is the operation's", every_event_of_the_host_is_the_operations},
    {"the host's failure is the operation's", the_hosts_failure_is_the_operations},
    {"a new manager finds the work where it is", a_new_manager_finds_the_work_where_it_is},
    {"a cancel is acknowledged by the host", a_cancel_is_acknowledged_by_the_host},
    {"a journal that refuses for a moment loses no event",
     a_journal_that_refuses_for_a_moment_loses_no_event},
    {"a cancel loses no event and keeps their order",
     a_cancel_loses_no_event_and_keeps_their_order},
    {"a stubborn host is left behind", a_stubborn_host_is_left_behind},
    {"a deadline stops the host", a_deadline_stops_the_host},
};

int main(void) {
  RUN_ROWS("remote", rows, bench_check);
}
