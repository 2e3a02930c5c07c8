// Streams of events: one frame an event when idle, batches under backlog for those who take them,
// and a bound on what waits for a caller that does not read.
#include "mesh/operation/event_stream.h"

#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/server.h"
#include "protos/descriptors.h"
#include "tests/mesh/harness.h"

#define MS INT64_C(1000000)

enum { EVENTS = 20000 };

typedef struct bench {
  harness *test;
  mesh_schema *schema;
  mesh_server *server;
  mesh_service service;
  mesh_link *link;
  int put;  // events that the method has put
} bench;

static mesh_code flood(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  bench *own = self;
  int count = request.size_bytes == 1 ? 3 : EVENTS;
  mesh_event_stream *stream = mesh_event_stream_create(call);
  uint8_t body[60] = {0};
  mesh_code code = GRPC_STATUS_OK;
  for (own->put = 0; own->put < count && code == GRPC_STATUS_OK; own->put++) {
    mesh_event event = {.operation = {(const uint8_t *)"op", 2},
                        .sequence = own->put + 1,
                        .event_class = MESH_DURABLE,
                        .payload = 12,
                        .body = {body, sizeof body}};
    code = mesh_event_stream_put(stream, &event, err);
  }
  if (code == GRPC_STATUS_OK) code = mesh_event_stream_flush(stream, err);
  mesh_event_stream_destroy(stream);
  return code;
}

static mesh_call *open_flood(bench *own, const char *request, bool batches) {
  mesh_call_options options = {.accept_batch = batches};
  mesh_frame frame = {(const uint8_t *)request, strlen(request), false};
  mesh_call *call;
  mesh_error err;
  assert_int_equal(mesh_call_open(&own->test->scope, own->link, "/test.Bench/Flood", frame,
                                  &options, &call, &err),
                   GRPC_STATUS_OK);
  return call;
}

// Reads to the end; checks that sequence numbers are dense. Returns how many frames there were.
static int read_all(mesh_call *call, int want) {
  int frames = 0, seen = 0;
  for (;; frames++) {
    mesh_frame frame;
    mesh_error err;
    assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
    if (frame.end) break;
    mesh_view one, all = {frame.data, frame.size_bytes};
    size_t offset = 0;
    bool bad;
    while (mesh_event_next(all, &offset, &one, &bad)) {
      mesh_event event;
      assert_int_equal(mesh_event_decode(one, &event, &err), GRPC_STATUS_OK);
      assert_int_equal(event.sequence, ++seen);
    }
    assert_false(bad);
  }
  assert_int_equal(seen, want);
  return frames;
}

static void a_backlog_comes_in_batches(bench *own) {
  mesh_call *call = open_flood(own, "", true);
  assert_true(read_all(call, EVENTS) < EVENTS / 20);
  mesh_call_close(call);
}

static void who_did_not_ask_gets_single_events(bench *own) {
  mesh_call *call = open_flood(own, "", false);
  assert_int_equal(read_all(call, EVENTS), EVENTS);
  mesh_call_close(call);
}

static void what_waits_for_a_stalled_caller_is_bounded(bench *own) {
  mesh_call *call = open_flood(own, "", true);
  int before = -1;
  while (before != own->put || own->put == 0) {  // until the method stands still
    before = own->put;
    assert_int_equal(mesh_sleep_until(&own->test->scope, mesh_now_ns() + 20 * MS, NULL),
                     GRPC_STATUS_OK);
  }
  assert_true(own->put < EVENTS);
  assert_true(own->put * 80 < 512 * 1024);  // windows, socket buffers, and 64 KiB of ours
  assert_true(read_all(call, EVENTS) > 0);  // nothing was lost meanwhile
  mesh_call_close(call);
}

static void a_caller_that_leaves_ends_the_stream(bench *own) {
  mesh_call *call = open_flood(own, "", true);
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
  mesh_call_close(call);  // the bench is taken down with the method still in its loop
}

static void a_few_events_are_not_held_back(bench *own) {
  mesh_call *call = open_flood(own, "x", true);
  assert_true(read_all(call, 3) >= 1);
  mesh_call_close(call);
}

typedef struct row {
  const char *name;
  void (*run)(bench *own);
} row;

static const row rows[] = {
    {"a backlog comes in batches", a_backlog_comes_in_batches},
    {"who did not ask gets single events", who_did_not_ask_gets_single_events},
    {"what waits for a stalled caller is bounded", what_waits_for_a_stalled_caller_is_bounded},
    {"a caller that leaves ends the stream", a_caller_that_leaves_ends_the_stream},
    {"a few events are not held back", a_few_events_are_not_held_back},
};

static void run_row(harness *test, void *arg) {
  static const mesh_method methods[] = {{.name = "Flood", .run = flood}};
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  mesh_error err;
  bench own = {.test = test};
  assert_int_equal(mesh_schema_create(set, &own.schema, &err), GRPC_STATUS_OK);
  own.server = mesh_server_create(test->loop, own.schema);
  own.service = (mesh_service){"test.Bench", methods, 1, &own};
  mesh_server_add(own.server, &own.service);
  mesh_server_start(own.server);
  assert_int_equal(mesh_link_open_local(test->loop, "bench", own.server, &own.link, &err),
                   GRPC_STATUS_OK);
  ((const row *)arg)->run(&own);
  mesh_link_close(own.link);
  mesh_server_stop(own.server, mesh_now_ns() + 1000 * MS);
  mesh_server_destroy(own.server);
  mesh_schema_destroy(own.schema);
}

static void check(void **state) {
  run_in_fiber(run_row, *state);
}

int main(void) {
  RUN_ROWS("event_stream", rows, check);
}
