#include "cli/operation_text.h"

#include <stdlib.h>

#include "tests/unit.h"

#define EVENT(name) MILLRACE__V1__OPERATION_EVENT__PAYLOAD_##name
#define OUTCOME(name) MILLRACE__V1__OUTCOME__OUTCOME_##name

static Google__Protobuf__Timestamp time_of(int64_t seconds) {
  Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  time.seconds = seconds;
  return time;
}

// What operation_print_event() says about `event`, which happened at 2017-04-19T09:00:00Z.
static void check_event(Millrace__V1__OperationEvent *event, const char *want) {
  Google__Protobuf__Timestamp time = time_of(1492592400);
  event->time = &time;
  event->sequence = 7;
  uint8_t bytes[1024];
  mesh_view view = {bytes, millrace__v1__operation_event__pack(event, bytes)};
  char *text;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  mesh_error err;
  assert_int_equal(operation_print_event(out, view, &err), GRPC_STATUS_OK);
  fclose(out);
  assert_string_equal(text, want);
  free(text);
}

static void an_accepted_operation(void **state) {
  (void)state;
  Millrace__V1__Accepted accepted = MILLRACE__V1__ACCEPTED__INIT;
  accepted.kind = "load";
  accepted.title = "SPX 1d";
  accepted.detached = true;
  Millrace__V1__OperationEvent event = MILLRACE__V1__OPERATION_EVENT__INIT;
  event.payload_case = EVENT(ACCEPTED);
  event.accepted = &accepted;
  check_event(&event, "   7  2017-04-19T09:00:00Z  accepted  load SPX 1d (detached)\n");
}

static void a_segment(void **state) {
  (void)state;
  Google__Protobuf__Timestamp from = time_of(0), to = time_of(86400);
  Millrace__V1__Interval interval = MILLRACE__V1__INTERVAL__INIT;
  interval.from = &from;
  interval.to = &to;
  Millrace__V1__SegmentReport report = MILLRACE__V1__SEGMENT_REPORT__INIT;
  report.interval = &interval;
  report.state = MILLRACE__V1__SEGMENT_REPORT__STATE__FAILED;
  report.reason = "pacing";
  Millrace__V1__OperationEvent event = MILLRACE__V1__OPERATION_EVENT__INIT;
  event.payload_case = EVENT(SEGMENT);
  event.segment = &report;
  check_event(&event,
              "   7  2017-04-19T09:00:00Z  segment   1970-01-01T00:00:00Z..1970-01-02T00:00:00Z "
              "failed, 0 bars  pacing\n");
}

static void an_outcome(void **state) {
  (void)state;
  Google__Rpc__Status failed = GOOGLE__RPC__STATUS__INIT;
  failed.message = "the disk is full";
  Millrace__V1__Outcome outcome = MILLRACE__V1__OUTCOME__INIT;
  outcome.outcome_case = OUTCOME(FAILED);
  outcome.failed = &failed;
  Millrace__V1__OperationEvent event = MILLRACE__V1__OPERATION_EVENT__INIT;
  event.payload_case = EVENT(OUTCOME);
  event.outcome = &outcome;
  check_event(&event, "   7  2017-04-19T09:00:00Z  outcome   the disk is full\n");
}

static void an_event_without_a_payload(void **state) {
  (void)state;
  Millrace__V1__OperationEvent event = MILLRACE__V1__OPERATION_EVENT__INIT;
  check_event(&event, "   7  2017-04-19T09:00:00Z  unknown\n");
}

static void a_checkpoint(void **state) {
  (void)state;
  Millrace__V1__Checkpoint checkpoint = MILLRACE__V1__CHECKPOINT__INIT;
  Millrace__V1__OperationEvent event = MILLRACE__V1__OPERATION_EVENT__INIT;
  event.payload_case = EVENT(CHECKPOINT);
  event.checkpoint = &checkpoint;
  checkpoint.lost = 2;  // before there was one
  check_event(&event,
              "   7  2017-04-19T09:00:00Z  checkpoint  none yet; its host was lost 2 times since "
              "the start\n");
  checkpoint.position = 3;
  checkpoint.total = 10;
  checkpoint.unit = "epochs";
  checkpoint.lost = 0;
  check_event(&event, "   7  2017-04-19T09:00:00Z  checkpoint  3/10 epochs\n");
  checkpoint.lost = 1;
  check_event(&event,
              "   7  2017-04-19T09:00:00Z  checkpoint  3/10 epochs; its host was lost 1 time since "
              "then\n");
}

static void bytes_that_are_no_event(void **state) {
  (void)state;
  mesh_error err;
  mesh_view view = {(const uint8_t *)"\xff\xff\xff", 3};
  assert_int_equal(operation_print_event(stdout, view, &err), GRPC_STATUS_DATA_LOSS);
}

static void an_operation_that_was_cancelled(void **state) {
  (void)state;
  Google__Protobuf__Timestamp time = time_of(1492592400);
  Millrace__V1__LayerStop stop = MILLRACE__V1__LAYER_STOP__INIT, *stops[] = {&stop};
  stop.layer = "ib-host";
  stop.time = &time;
  stop.detail = "cancelHistoricalData sent for request 7";
  Millrace__V1__Cancelled cancelled = MILLRACE__V1__CANCELLED__INIT;
  cancelled.requested_by = "somebody";
  Google__Protobuf__Timestamp asked = time_of(1492592399);
  asked.nanos = 998500000;
  cancelled.requested = &asked;
  cancelled.forced = true;
  cancelled.n_stops = 1;
  cancelled.stops = stops;
  cancelled.summary = "10 bars stored";
  Millrace__V1__Outcome outcome = MILLRACE__V1__OUTCOME__INIT;
  outcome.outcome_case = OUTCOME(CANCELLED);
  outcome.cancelled = &cancelled;
  Millrace__V1__Operation operation = MILLRACE__V1__OPERATION__INIT;
  operation.name = "load-1";
  operation.kind = "load";
  operation.title = "SPX 1d";
  operation.state = MILLRACE__V1__OPERATION_STATE__CANCELLED;
  operation.created = operation.updated = &time;
  operation.last_sequence = 3;
  operation.outcome = &outcome;
  char *text;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  operation_print_whole(out, &operation);
  fclose(out);
  assert_string_equal(
      text,
      "name          load-1\n"
      "what          load SPX 1d\n"
      "state         CANCELLED\n"
      "started       2017-04-19T09:00:00Z\n"
      "updated       2017-04-19T09:00:00Z\n"
      "events        3\n"
      "cancelled by  somebody; ended by force: not everything below had acknowledged it\n"
      "stopped       ib-host        1.500 ms after the request  cancelHistoricalData sent for "
      "request 7\n"
      "outcome       10 bars stored\n");
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_accepted_operation),
      cmocka_unit_test(a_segment),
      cmocka_unit_test(an_outcome),
      cmocka_unit_test(an_event_without_a_payload),
      cmocka_unit_test(a_checkpoint),
      cmocka_unit_test(bytes_that_are_no_event),
      cmocka_unit_test(an_operation_that_was_cancelled),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
