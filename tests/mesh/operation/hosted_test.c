// Runs of a host: alone, drained, or given up, and what it is asked that cannot be.
#include "mesh/operation/hosted.h"

#include <stdlib.h>
#include <string.h>

#include "tests/mesh/operation/relayed_bench.h"

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
  mesh_server_stop(own->server, mesh_now_ns() + 5000 * (int64_t)MS);  // as above
  mesh_server_destroy(own->server);
  counter_host_fini(&own->host);
  start_host(own);
  history all = await_end(own);
  assert_int_equal(own->host.steps, 200 - done);
  forget(&all);
}

static const bench_row rows[] = {
    {"what its host gave up goes on at the checkpoint",
     what_its_host_gave_up_goes_on_at_the_checkpoint},
    {"an epoch that nothing can follow is refused", an_epoch_that_nothing_can_follow_is_refused},
    {"a host takes no other request for the same run",
     a_host_takes_no_other_request_for_the_same_run},
    {"a host alone stops after the grace", a_host_without_its_manager_stops_after_the_grace},
    {"a drained host leaves a checkpoint", a_drained_host_leaves_a_checkpoint},
    {"a drained host waits for its manager", a_drained_host_waits_for_a_manager_that_is_away},
};

int main(void) {
  RUN_ROWS("hosted", rows, bench_check);
}
