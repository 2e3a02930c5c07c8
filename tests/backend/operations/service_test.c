// Both services over real calls: lists, histories, deletes, and the standard's view of the same.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/backend/operations/service_bench.h"

#define OURS "millrace.v1.OperationsService/"
#define STANDARD "google.longrunning.Operations/"

static void expect_ok(service_bench *own, const char *method, const char *json, int count) {
  mesh_code code = service_bench_call(own, method, json);
  if (code != GRPC_STATUS_OK) fail_msg("%s %s: %s", method, json, own->err.message);
  assert_int_equal(own->count, count);
}

// Answer number `index` has this text.
static void expect_text(const service_bench *own, int index, const char *text) {
  assert_true(index < own->count);
  if (strstr(own->answers[index], text) == NULL) fail_msg("no %s in %s", text, own->answers[index]);
}

static void expect_no_text(const service_bench *own, int index, const char *text) {
  assert_true(index < own->count);
  if (strstr(own->answers[index], text) != NULL) fail_msg("%s in %s", text, own->answers[index]);
}

static void expect_failure(service_bench *own, const char *method, const char *json, mesh_code code,
                           const char *message) {
  mesh_code got = service_bench_call(own, method, json);
  if (got != code || strstr(own->err.message, message) == NULL) {
    fail_msg("%s %s: %s: %s", method, json, mesh_code_name(got), own->err.message);
  }
  assert_int_equal(own->count, 0);
}

// ---- ours ----

static void get_shows_what_runs_and_what_has_ended(service_bench *own) {
  service_bench_start(own, "test-a", "first", "fx");
  expect_ok(own, OURS "Get", "{\"name\":\"test-a\"}", 1);
  expect_text(own, 0, "\"state\":\"RUNNING\"");
  expect_text(own, 0, "\"labels\":{\"team\":\"fx\"}");
  expect_text(own, 0, "\"checkpoint\":{\"position\":7,");
  expect_text(own, 0, "\"progress\":{\"done\":7,");
  expect_text(own, 0, "\"watchers\":0");
  service_bench_finish(own, "test-a");
  expect_ok(own, OURS "Get", "{\"name\":\"test-a\"}", 1);
  expect_text(own, 0, "\"state\":\"SUCCEEDED\"");
  expect_text(own, 0, "\"labels\":{\"team\":\"fx\"}");
  expect_text(own, 0, "\"checkpoint\":{\"position\":7,");
  expect_text(own, 0, "\"summary\":\"it is done\"");
  expect_no_text(own, 0, "\"progress\"");
}

static void watchers_are_counted(service_bench *own) {
  service_bench_start(own, "test-a", "first", NULL);
  mesh_call *watch = service_bench_open(own, OURS "Watch", "{\"name\":\"test-a\"}");
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(watch, &frame, &err), GRPC_STATUS_OK);
  expect_ok(own, OURS "Get", "{\"name\":\"test-a\"}", 1);
  expect_text(own, 0, "\"watchers\":1");
  mesh_call_close(watch);
}

static void get_shows_each_moment(service_bench *own) {
  service_bench_start(own, "test-a", "first", "fx");
  expect_ok(own, OURS "Get", "{\"name\":\"test-a\",\"atSequence\":\"1\"}", 1);
  expect_text(own, 0, "\"state\":\"RUNNING\"");
  expect_text(own, 0, "\"lastSequence\":1,");
  expect_text(own, 0, "\"labels\":{\"team\":\"fx\"}");
  expect_no_text(own, 0, "\"checkpoint\"");
  expect_ok(own, OURS "Get", "{\"name\":\"test-a\",\"atSequence\":\"2\"}", 1);
  expect_text(own, 0, "\"checkpoint\":{\"position\":7,");
  expect_failure(own, OURS "Get", "{\"name\":\"test-a\",\"atSequence\":\"3\"}",
                 GRPC_STATUS_OUT_OF_RANGE, "test-a has 2 events: there is no event 3");
  service_bench_finish(own, "test-a");
  expect_ok(own, OURS "Get", "{\"name\":\"test-a\",\"atSequence\":\"3\"}", 1);
  expect_text(own, 0, "\"state\":\"SUCCEEDED\"");
  expect_text(own, 0, "\"summary\":\"it is done\"");
  expect_failure(own, OURS "Get", "{\"name\":\"test-a\",\"atSequence\":\"-1\"}",
                 GRPC_STATUS_INVALID_ARGUMENT, "at_sequence is -1");
}

static void events_are_the_whole_history(service_bench *own) {
  service_bench_start(own, "test-a", "first", NULL);
  expect_ok(own, OURS "Events", "{\"name\":\"test-a\"}", 2);
  service_bench_finish(own, "test-a");
  expect_ok(own, OURS "Events", "{\"name\":\"test-a\"}", 3);
  expect_text(own, 0, "\"accepted\"");
  expect_text(own, 1, "\"checkpoint\"");
  expect_text(own, 2, "\"outcome\"");
  expect_ok(own, OURS "Events", "{\"name\":\"test-a\",\"afterSequence\":\"2\"}", 1);
  expect_text(own, 0, "\"outcome\"");
  expect_ok(own, OURS "Events", "{\"name\":\"test-a\",\"afterSequence\":\"3\"}", 0);
}

static void list_filters_and_pages(service_bench *own) {
  service_bench_start(own, "test-a", "first", "fx");
  service_bench_finish(own, "test-a");
  service_bench_start(own, "test-b", "second", "rates");
  service_bench_start(own, "test-c", "third", "fx");
  expect_ok(own, OURS "List", "{}", 3);
  expect_text(own, 0, "test-c");
  expect_text(own, 0, "\"progress\"");  // what runs is shown as it is now
  expect_text(own, 2, "test-a");
  for (int i = 0; i < 3; i++)
    expect_no_text(own, i, "\"checkpoint\"");  // those of Get
  expect_ok(own, OURS "List", "{\"limit\":2}", 2);
  expect_text(own, 1, "test-b");
  expect_ok(own, OURS "List", "{\"limit\":2,\"after\":\"test-b\"}", 1);
  expect_text(own, 0, "test-a");
  expect_ok(own, OURS "List", "{\"state\":\"RUNNING\"}", 2);
  expect_ok(own, OURS "List", "{\"state\":\"RUNNING\",\"labels\":{\"team\":\"fx\"}}", 1);
  expect_text(own, 0, "test-c");
  expect_ok(own, OURS "List", "{\"kind\":\"load\"}", 0);
  expect_ok(own, OURS "List", "{\"createdTo\":\"2001-01-01T00:00:00Z\"}", 0);
  expect_ok(own, OURS "List", "{\"createdFrom\":\"2001-01-01T00:00:00Z\"}", 3);
  expect_failure(own, OURS "List", "{\"limit\":-1}", GRPC_STATUS_INVALID_ARGUMENT, "limit is -1");
  expect_failure(own, OURS "List", "{\"after\":\"no-such\"}", GRPC_STATUS_NOT_FOUND, "no-such");
}

static void cancel_streams_the_end(service_bench *own) {
  service_bench_start(own, "test-a", "first", NULL);
  expect_ok(own, OURS "Cancel", "{\"name\":\"test-a\",\"requestedBy\":\"a test\"}", 3);
  expect_text(own, 0, "\"progress\"");
  expect_text(own, 1, "\"cancelRequested\"");
  expect_text(own, 2, "\"requestedBy\":\"a test\"");
  expect_ok(own, OURS "Cancel", "{\"name\":\"test-a\"}", 1);  // again: the outcome alone
  expect_text(own, 0, "\"requestedBy\":\"a test\"");
  expect_ok(own, OURS "Get", "{\"name\":\"test-a\",\"atSequence\":\"3\"}", 1);
  expect_text(own, 0, "\"state\":\"CANCELLING\"");
}

static void delete_waits_for_the_end(service_bench *own) {
  service_bench_start(own, "test-a", "first", NULL);
  for (int i = 0; i < 2; i++) {
    expect_failure(own, i == 0 ? OURS "Delete" : STANDARD "DeleteOperation",
                   "{\"name\":\"test-a\"}", GRPC_STATUS_FAILED_PRECONDITION,
                   "test-a is RUNNING: cancel it first");
  }
  service_bench_finish(own, "test-a");
  expect_ok(own, OURS "Delete", "{\"name\":\"test-a\"}", 1);
  assert_string_equal(own->answers[0], "{\"events\":3}");
  expect_ok(own, OURS "List", "{}", 0);
}

static void unknown_names_are_not_found(service_bench *own) {
  static const char *const methods[] = {
      OURS "Get",
      OURS "Watch",
      OURS "Cancel",
      OURS "Events",
      OURS "Delete",
      STANDARD "GetOperation",
      STANDARD "DeleteOperation",
      STANDARD "CancelOperation",
      STANDARD "WaitOperation",
  };
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
    expect_failure(own, methods[i], "{\"name\":\"no-such\"}", GRPC_STATUS_NOT_FOUND, "no-such");
  expect_failure(own, OURS "Get", "{\"name\":\"no-such\",\"atSequence\":\"1\"}",
                 GRPC_STATUS_NOT_FOUND, "no-such");
}

// ---- the standard ----

static void the_standard_shows_the_same(service_bench *own) {
  service_bench_start(own, "test-a", "first", "fx");
  expect_ok(own, STANDARD "GetOperation", "{\"name\":\"test-a\"}", 1);
  expect_text(own, 0, "\"@type\":\"type.googleapis.com/millrace.v1.Operation\"");
  expect_text(own, 0, "\"labels\":{\"team\":\"fx\"}");
  expect_no_text(own, 0, "\"done\":true");
  service_bench_finish(own, "test-a");
  expect_ok(own, STANDARD "GetOperation", "{\"name\":\"test-a\"}", 1);
  expect_text(own, 0, "\"done\":true");
  expect_text(own, 0,
              "\"response\":{\"@type\":\"type.googleapis.com/millrace.v1.Succeeded\","
              "\"summary\":\"it is done\"}");
}

static void the_standard_has_failures_as_errors(service_bench *own) {
  service_bench_start(own, "test-a", "broken", NULL);
  service_bench_finish(own, "test-a");
  expect_ok(own, STANDARD "GetOperation", "{\"name\":\"test-a\"}", 1);
  expect_text(own, 0,
              "\"done\":true,\"error\":{\"code\":15,\"message\":\"it is broken\",\"details\":[]}");
}

static void the_standard_cancels_at_once(service_bench *own) {
  service_bench_start(own, "test-a", "first", NULL);
  expect_ok(own, STANDARD "CancelOperation", "{\"name\":\"test-a\"}", 1);
  assert_string_equal(own->answers[0], "{}");
  expect_ok(own, STANDARD "WaitOperation", "{\"name\":\"test-a\"}", 1);
  expect_text(own, 0,
              "\"done\":true,\"error\":{\"code\":1,\"message\":\"test-a was cancelled by "
              "google.longrunning.Operations.CancelOperation\",\"details\":[]}");
  expect_ok(own, STANDARD "CancelOperation", "{\"name\":\"test-a\"}", 1);
  expect_ok(own, STANDARD "DeleteOperation", "{\"name\":\"test-a\"}", 1);
  assert_string_equal(own->answers[0], "{}");
  expect_failure(own, STANDARD "GetOperation", "{\"name\":\"test-a\"}", GRPC_STATUS_NOT_FOUND,
                 "test-a");
}

static void waiting_ends_with_the_operation(service_bench *own) {
  service_bench_start(own, "test-a", "first", NULL);
  mesh_call *call = service_bench_open(own, STANDARD "WaitOperation", "{\"name\":\"test-a\"}");
  expect_ok(own, OURS "Get", "{\"name\":\"test-a\"}", 1);  // the other call has begun by then
  service_bench_finish(own, "test-a");
  assert_int_equal(service_bench_take(own, call, STANDARD "WaitOperation"), GRPC_STATUS_OK);
  assert_int_equal(own->count, 1);
  expect_text(own, 0, "\"done\":true");
  mesh_call_close(call);
}

static void waiting_ends_with_the_timeout(service_bench *own) {
  service_bench_start(own, "test-a", "first", NULL);
  expect_ok(own, STANDARD "WaitOperation", "{\"name\":\"test-a\",\"timeout\":\"0s\"}", 1);
  expect_no_text(own, 0, "\"done\":true");
  expect_ok(own, STANDARD "WaitOperation", "{\"name\":\"test-a\",\"timeout\":\"0.010s\"}", 1);
  expect_no_text(own, 0, "\"done\":true");
  expect_text(own, 0, "\"state\":\"RUNNING\"");
  expect_failure(own, STANDARD "WaitOperation", "{\"name\":\"test-a\",\"timeout\":\"-1s\"}",
                 GRPC_STATUS_INVALID_ARGUMENT, "timeout is -1 s");
}

static void waiting_ends_when_the_process_leaves(service_bench *own) {
  service_bench_start(own, "test-a", "first", NULL);
  mesh_call *call = service_bench_open(own, STANDARD "WaitOperation", "{\"name\":\"test-a\"}");
  expect_ok(own, OURS "Get", "{\"name\":\"test-a\"}", 1);
  assert_true(mesh_operations_drain(own->operations, mesh_now_ns() + INT64_C(5000000000)));
  assert_int_equal(service_bench_take(own, call, STANDARD "WaitOperation"),
                   GRPC_STATUS_UNAVAILABLE);
  assert_string_equal(own->err.reason, "DRAINING");
  mesh_call_close(call);
}

static void the_standard_lists_pages(service_bench *own) {
  service_bench_start(own, "test-a", "first", "fx");
  service_bench_finish(own, "test-a");
  service_bench_start(own, "test-b", "second", "rates");
  service_bench_start(own, "test-c", "third", "fx");
  expect_ok(own, STANDARD "ListOperations", "{\"pageSize\":2}", 1);
  expect_text(own, 0, "\"nextPageToken\":\"test-b\"");
  expect_no_text(own, 0, "test-a");
  expect_ok(own, STANDARD "ListOperations", "{\"pageSize\":2,\"pageToken\":\"test-b\"}", 1);
  expect_text(own, 0, "test-a");
  expect_text(own, 0, "\"nextPageToken\":\"\"");
  expect_ok(own, STANDARD "ListOperations", "{\"pageSize\":3}", 1);
  expect_text(own, 0, "\"nextPageToken\":\"\"");
  expect_ok(own, STANDARD "ListOperations",
            "{\"filter\":\"state=RUNNING AND labels.team=fx\",\"pageSize\":5000}", 1);
  expect_text(own, 0, "test-c");
  expect_no_text(own, 0, "test-a");
  expect_no_text(own, 0, "test-b");
  expect_ok(own, STANDARD "ListOperations", "{\"filter\":\"kind=load\"}", 1);
  assert_string_equal(own->answers[0], "{\"operations\":[],\"nextPageToken\":\"\"}");
  expect_failure(own, STANDARD "ListOperations", "{\"filter\":\"done=true\"}",
                 GRPC_STATUS_INVALID_ARGUMENT, "filter: 'done=true'");
  expect_failure(own, STANDARD "ListOperations", "{\"pageSize\":-1}", GRPC_STATUS_INVALID_ARGUMENT,
                 "page_size is -1");
  expect_failure(own, STANDARD "ListOperations", "{\"pageToken\":\"no-such\"}",
                 GRPC_STATUS_INVALID_ARGUMENT, "page_token 'no-such'");
}

// ---- rows ----

typedef struct row {
  const char *name;
  void (*run)(service_bench *own);
} row;

#define ROW(name) \
  { #name, name }
static const row rows[] = {
    ROW(get_shows_what_runs_and_what_has_ended),
    ROW(watchers_are_counted),
    ROW(get_shows_each_moment),
    ROW(events_are_the_whole_history),
    ROW(list_filters_and_pages),
    ROW(cancel_streams_the_end),
    ROW(delete_waits_for_the_end),
    ROW(unknown_names_are_not_found),
    ROW(the_standard_shows_the_same),
    ROW(the_standard_has_failures_as_errors),
    ROW(the_standard_cancels_at_once),
    ROW(waiting_ends_with_the_operation),
    ROW(waiting_ends_with_the_timeout),
    ROW(waiting_ends_when_the_process_leaves),
    ROW(the_standard_lists_pages),
};

static void run_row(harness *test, void *arg) {
  const row *own = arg;
  service_bench *bench = calloc(1, sizeof *bench);
  assert_non_null(bench);
  service_bench_init(bench, test);
  own->run(bench);
  service_bench_fini(bench);
  free(bench);
}

static void check_row(void **state) {
  run_in_fiber(run_row, *state);
}

int main(void) {
  RUN_ROWS("services", rows, check_row);
}
