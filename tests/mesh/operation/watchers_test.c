// Who watches an operation: late, slow, standing still, or hearing nothing for long.
#include <stdlib.h>
#include <string.h>

#include "tests/mesh/operation/bench.h"

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

static const bench_row rows[] = {
    {"a late watcher gets history, then live", a_late_watcher_gets_history_then_live},
    {"old events come from the journal", old_events_come_from_the_journal},
    {"a quiet watcher hears heartbeats", a_quiet_watcher_hears_heartbeats},
    {"a stalled watcher loses nothing", a_stalled_watcher_loses_nothing},
    {"a stalled watcher holds no drain up", a_stalled_watcher_holds_no_drain_up},
    {"nothing is after the last event", nothing_is_after_the_last_event},
    {"a slow watcher gets the newest progress", a_slow_watcher_gets_the_newest_progress},
};

int main(void) {
  RUN_ROWS("watchers", rows, bench_check);
}
