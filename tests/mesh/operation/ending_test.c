// How streams of events end: OK only after an outcome, whoever streams, relays or leaves.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/operation/event_stream.h"
#include "mesh/operation/operation.h"
#include "mesh/operation/relay.h"
#include "mesh/rpc/schema.h"
#include "mesh/rpc/server.h"
#include "protos/descriptors.h"
#include "tests/mesh/harness.h"
#include "tests/mesh/operation/memory_journal.h"

#define PAYLOAD(name) MILLRACE__V1__OPERATION_EVENT__PAYLOAD_##name

// ---- a server whose methods stream, relay, and watch ----

typedef struct bench {
  harness *test;
  mesh_schema *schema;
  mesh_server *server;
  mesh_service service;
  mesh_link *link;
  memory_journal journal;
  mesh_operations *operations;
  bool outcome;  // Stream ends with one
} bench;

static mesh_code put(mesh_event_stream *stream, int64_t sequence, uint32_t payload,
                     mesh_error *err) {
  mesh_event event = {.operation = {(const uint8_t *)"test-1", 6},
                      .epoch = 3,
                      .sequence = sequence,
                      .event_class = MESH_DURABLE,
                      .time_ns = 1,
                      .payload = payload,
                      .body = {(const uint8_t *)"", 0}};
  return mesh_event_stream_put(stream, &event, err);
}

// Two events, and an outcome if it is told to; says OK in any case.
static mesh_code stream_events(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request;
  bench *own = self;
  mesh_event_stream *stream = mesh_event_stream_create(call);
  mesh_code code = put(stream, 1, PAYLOAD(ACCEPTED), err);
  if (code == GRPC_STATUS_OK) code = put(stream, 2, PAYLOAD(LOG), err);
  if (code == GRPC_STATUS_OK && own->outcome) code = put(stream, 3, PAYLOAD(OUTCOME), err);
  if (code == GRPC_STATUS_OK) code = mesh_event_stream_flush(stream, err);
  mesh_event_stream_destroy(stream);
  return code;
}

// The same, ended as streams should be.
static mesh_code end_events(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request;
  bench *own = self;
  mesh_event_stream *stream = mesh_event_stream_create(call);
  mesh_code code = put(stream, 1, PAYLOAD(ACCEPTED), err);
  if (code == GRPC_STATUS_OK && own->outcome) code = put(stream, 2, PAYLOAD(OUTCOME), err);
  return mesh_event_stream_end(stream, code, err);
}

// Two events, then nothing, for ever.
static mesh_code stream_for_ever(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request, (void)self;
  mesh_event_stream *stream = mesh_event_stream_create(call);
  mesh_code code = put(stream, 1, PAYLOAD(ACCEPTED), err);
  if (code == GRPC_STATUS_OK) code = put(stream, 2, PAYLOAD(BARS), err);
  if (code == GRPC_STATUS_OK) code = mesh_sleep_until(mesh_call_scope(call), MESH_NEVER, err);
  return mesh_event_stream_end(stream, code, err);
}

static mesh_code relay_events(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return mesh_relay_events(call, ((bench *)self)->link, "/test.Bench/Stream", request, err);
}

static mesh_code relay_live(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return mesh_relay_live(call, ((bench *)self)->link, "/test.Bench/ForEver", request, err);
}

static mesh_code relay_endless(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return mesh_relay_endless(call, ((bench *)self)->link, "/test.Bench/ForEver", request, err);
}

static mesh_code watch(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request;
  mesh_watch how = {.after_sequence = 1};
  return mesh_operation_watch(((bench *)self)->operations, "test-1", &how, call, err);
}

static const mesh_method methods[] = {
    {.name = "Stream", .run = stream_events},
    {.name = "End", .run = end_events},
    {.name = "ForEver", .run = stream_for_ever},
    {.name = "Relay", .run = relay_events},
    {.name = "Live", .run = relay_live},
    {.name = "Endless", .run = relay_endless},
    {.name = "Watch", .run = watch},
};

static void bench_init(bench *own, harness *test) {
  mesh_error err;
  *own = (bench){.test = test};
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  assert_int_equal(mesh_schema_create(set, &own->schema, &err), GRPC_STATUS_OK);
  memory_journal_init(&own->journal, test->loop);
  own->operations = mesh_operations_create(test->loop, "tester", &own->journal.table, NULL);
  own->server = mesh_server_create(test->loop, own->schema);
  own->service = (mesh_service){"test.Bench", methods, sizeof methods / sizeof *methods, own};
  mesh_server_add(own->server, &own->service);
  mesh_server_start(own->server);
  assert_int_equal(mesh_link_open_local(test->loop, "bench", own->server, &own->link, &err),
                   GRPC_STATUS_OK);
}

static void bench_fini(bench *own) {
  mesh_link_close(own->link);
  mesh_server_stop(own->server, mesh_now_ns());
  mesh_server_destroy(own->server);
  mesh_operations_destroy(own->operations);
  memory_journal_fini(&own->journal);
  mesh_schema_destroy(own->schema);
}

static mesh_call *open_call(bench *own, const char *method) {
  mesh_call *call;
  mesh_error err;
  mesh_frame frame = {(const uint8_t *)"", 0, false};
  assert_int_equal(mesh_call_open(&own->test->scope, own->link, method, frame, NULL, &call, &err),
                   GRPC_STATUS_OK);
  return call;
}

// The next event; its body is borrowed until the next receive.
static mesh_event expect(mesh_call *call, int64_t sequence, uint32_t payload) {
  mesh_frame frame;
  mesh_error err;
  mesh_event event;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
  assert_false(frame.end);
  mesh_view view = {frame.data, frame.size_bytes};
  assert_int_equal(mesh_event_decode(view, &event, &err), GRPC_STATUS_OK);
  assert_int_equal(event.sequence, sequence);
  assert_int_equal(event.payload, payload);
  return event;
}

static void expect_drain(mesh_call *call, const char *layer, int64_t resume_after) {
  mesh_event event = expect(call, resume_after, PAYLOAD(DRAIN));
  assert_int_equal(event.operation.size_bytes, 6);
  assert_memory_equal(event.operation.data, "test-1", 6);
  Millrace__V1__Drain *drain =
      millrace__v1__drain__unpack(NULL, event.body.size_bytes, event.body.data);
  assert_non_null(drain);
  assert_string_equal(drain->layer, layer);
  assert_int_equal(drain->resume_after, resume_after);
  millrace__v1__drain__free_unpacked(drain, NULL);
}

static void expect_unavailable(mesh_call *call, const char *reason) {
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_UNAVAILABLE);
  assert_string_equal(err.reason, reason);
  mesh_call_close(call);
}

static void expect_end(mesh_call *call) {
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
  assert_true(frame.end);
  mesh_call_close(call);
}

// ---- tests ----

static void a_stream_without_an_outcome_is_not_ok(bench *own) {
  mesh_call *call = open_call(own, "/test.Bench/End");
  expect(call, 1, PAYLOAD(ACCEPTED));
  expect_unavailable(call, "NO_OUTCOME");
}

static void a_stream_with_an_outcome_is_ok(bench *own) {
  own->outcome = true;
  mesh_call *call = open_call(own, "/test.Bench/End");
  expect(call, 1, PAYLOAD(ACCEPTED));
  expect(call, 2, PAYLOAD(OUTCOME));
  expect_end(call);
}

static void a_relay_believes_no_ok_without_an_outcome(bench *own) {
  mesh_frame frame;
  mesh_error err;
  mesh_call *call = open_call(own, "/test.Bench/Relay");
  expect(call, 1, PAYLOAD(ACCEPTED));
  expect(call, 2, PAYLOAD(LOG));
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_UNAVAILABLE);
  assert_string_equal(err.reason, "NO_OUTCOME");
  assert_non_null(strstr(err.message, "go on after event 2"));
  mesh_call_close(call);
}

static void a_relay_passes_an_outcome_on(bench *own) {
  own->outcome = true;
  mesh_call *call = open_call(own, "/test.Bench/Relay");
  expect(call, 1, PAYLOAD(ACCEPTED));
  expect(call, 2, PAYLOAD(LOG));
  expect(call, 3, PAYLOAD(OUTCOME));
  expect_end(call);
}

// What runs in a process that follows this one, or that has taken the journal over.
static void what_another_process_runs_goes_on_there(bench *own) {
  mesh_error err;
  mesh_operation_record record = {.name = "test-1",
                                  .kind = "test",
                                  .state = MILLRACE__V1__OPERATION_STATE__RUNNING,
                                  .epoch = 1,
                                  .last_sequence = 1};
  uint8_t bytes[128];
  mesh_event event = {.operation = {(const uint8_t *)"test-1", 6},
                      .epoch = 1,
                      .sequence = 1,
                      .event_class = MESH_DURABLE,
                      .payload = PAYLOAD(ACCEPTED),
                      .body = {(const uint8_t *)"", 0}};
  const mesh_journal *journal = &own->journal.table;
  mesh_view view = {bytes, mesh_event_encode(&event, bytes, sizeof bytes)};
  assert_int_equal(journal->create(journal->self, &record, view, &err), GRPC_STATUS_OK);
  record.last_sequence = event.sequence = 2;
  event.payload = PAYLOAD(LOG);
  view.size_bytes = mesh_event_encode(&event, bytes, sizeof bytes);
  assert_int_equal(journal->append(journal->self, &record, view, &err), GRPC_STATUS_OK);
  mesh_call *call = open_call(own, "/test.Bench/Watch");
  expect(call, 2, PAYLOAD(LOG));
  expect_drain(call, "tester", 2);
  expect_unavailable(call, "DRAINING");
}

// Whoever leaves waits for nobody who has no end: the stop has no limit here.
static void live_events_are_told_of_a_drain(bench *own) {
  mesh_call *call = open_call(own, "/test.Bench/Live");
  expect(call, 1, PAYLOAD(ACCEPTED));
  expect(call, 2, PAYLOAD(BARS));
  mesh_server_drain(own->server);
  expect_drain(call, "Bench", 2);
  expect_unavailable(call, "DRAINING");
  mesh_server_stop(own->server, MESH_NEVER);
}

static void endless_streams_are_told_of_a_drain(bench *own) {
  mesh_call *call = open_call(own, "/test.Bench/Endless");
  expect(call, 1, PAYLOAD(ACCEPTED));
  expect(call, 2, PAYLOAD(BARS));
  mesh_server_drain(own->server);
  expect_unavailable(call, "DRAINING");
  mesh_server_stop(own->server, MESH_NEVER);
}

static void a_silent_caller_holds_no_stop_up(bench *own) {
  mesh_error err;
  mesh_call *call;
  assert_int_equal(
      mesh_call_open_stream(&own->test->scope, own->link, "/test.Bench/End", NULL, &call, &err),
      GRPC_STATUS_OK);
  while (mesh_server_running(own->server) == 0)  // the call has arrived
    mesh_yield(own->test->loop);
  mesh_server_drain(own->server);
  mesh_server_stop(own->server, MESH_NEVER);
  mesh_frame frame;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_UNAVAILABLE);
  mesh_call_close(call);
}

typedef struct row {
  const char *name;
  void (*run)(bench *own);
} row;

static const row rows[] = {
    {"a stream without an outcome is not OK", a_stream_without_an_outcome_is_not_ok},
    {"a stream with an outcome is OK", a_stream_with_an_outcome_is_ok},
    {"a relay believes no OK without an outcome", a_relay_believes_no_ok_without_an_outcome},
    {"a relay passes an outcome on", a_relay_passes_an_outcome_on},
    {"what another process runs goes on there", what_another_process_runs_goes_on_there},
    {"live events are told of a drain", live_events_are_told_of_a_drain},
    {"endless streams are told of a drain", endless_streams_are_told_of_a_drain},
    {"a silent caller holds no stop up", a_silent_caller_holds_no_stop_up},
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
  RUN_ROWS("ending", rows, check);
}
