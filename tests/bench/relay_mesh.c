// Five hops of mesh, each the product's own code: servers, links, mesh_relay_events,
// mesh_event_stream.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/operation/event_stream.h"
#include "mesh/operation/relay.h"
#include "mesh/rpc/server.h"
#include "mesh/runtime/fiber.h"
#include "millrace/v1/operation.pb-c.h"
#include "protos/descriptors.h"
#include "tests/bench/child.h"
#include "tests/bench/relay.h"

#define METHOD "/millrace.v1.OperationsService/Watch"

enum { RELAYS = 4, PROGRESS_PAYLOAD = 11, PROGRESS_MAX = 128 };

static void check(mesh_code code, const mesh_error *err) {
  if (code != GRPC_STATUS_OK) bench_die("%s: %s", mesh_code_name(code), err->message);
}

static mesh_server *make_server(mesh_loop *loop, const mesh_service *service) {
  mesh_error err;
  mesh_schema *schema;
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  check(mesh_schema_create(set, &schema, &err), &err);
  mesh_server *server = mesh_server_create(loop, schema);
  mesh_server_add(server, service);
  return server;
}

static void listen_on(mesh_server *server, const char *address) {
  mesh_error err;
  check(mesh_server_listen(server, address, NULL, &err), &err);
}

// ---- The host ----

static mesh_code put_progress(mesh_event_stream *stream, int64_t number, int64_t events,
                              mesh_error *err) {
  Millrace__V1__Progress progress = MILLRACE__V1__PROGRESS__INIT;
  progress.done = number;
  progress.total = events;
  progress.unit = "bars";
  progress.note = "EURUSD 1h: 17 of 19 segments";
  uint8_t body[PROGRESS_MAX];
  mesh_event event = {
      .operation = {(const uint8_t *)"load-4t7kq2ma", 13},
      .epoch = 1,
      .sequence = number,
      .event_class = MESH_DURABLE,
      .time_ns = mesh_now_ns(),
      .payload = PROGRESS_PAYLOAD,
      .body = {body, millrace__v1__progress__pack(&progress, body)},
  };
  return mesh_event_stream_put(stream, &event, err);
}

// A stream of events that does not end with an outcome is one that broke.
static mesh_code put_outcome(mesh_event_stream *stream, int64_t number, mesh_error *err) {
  Millrace__V1__Succeeded succeeded = MILLRACE__V1__SUCCEEDED__INIT;
  Millrace__V1__Outcome outcome = MILLRACE__V1__OUTCOME__INIT;
  outcome.outcome_case = MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED;
  outcome.succeeded = &succeeded;
  uint8_t body[PROGRESS_MAX];
  mesh_event event = {
      .operation = {(const uint8_t *)"load-4t7kq2ma", 13},
      .epoch = 1,
      .sequence = number,
      .event_class = MESH_DURABLE,
      .time_ns = mesh_now_ns(),
      .payload = MILLRACE__V1__OPERATION_EVENT__PAYLOAD_OUTCOME,
      .body = {body, millrace__v1__outcome__pack(&outcome, body)},
  };
  return mesh_event_stream_put(stream, &event, err);
}

// A server lets only what the method's type says through: `name` is the gap, `after_sequence` the
// number, as relay_cpp.cc has them.
static mesh_code watch(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)self;
  Millrace__V1__WatchOperationRequest *asked =
      millrace__v1__watch_operation_request__unpack(NULL, request.size_bytes, request.data);
  if (asked == NULL) return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "no request");
  relay_plan plan = {.events = asked->after_sequence, .gap_ns = strtoll(asked->name, NULL, 10)};
  millrace__v1__watch_operation_request__free_unpacked(asked, NULL);

  mesh_event_stream *stream = mesh_event_stream_create(call);
  mesh_code code = GRPC_STATUS_OK;
  for (int64_t i = 1; i <= plan.events && code == GRPC_STATUS_OK; i++) {
    if (plan.gap_ns > 0) {
      code = mesh_sleep_until(mesh_call_scope(call), mesh_now_ns() + plan.gap_ns, err);
      if (code != GRPC_STATUS_OK) break;
    }
    code = put_progress(stream, i, plan.events, err);
  }
  if (code == GRPC_STATUS_OK) code = put_outcome(stream, plan.events + 1, err);
  if (code == GRPC_STATUS_OK) code = mesh_event_stream_flush(stream, err);
  mesh_event_stream_destroy(stream);
  return code;
}

static void serve(void *address) {
  static const mesh_method methods[] = {{.name = "Watch", .run = watch}};
  const mesh_service service = {"millrace.v1.OperationsService", methods, 1, NULL};
  mesh_loop *loop = mesh_loop_create();
  mesh_server *server = make_server(loop, &service);
  listen_on(server, address);
  mesh_server_start(server);
  mesh_loop_run(loop);
}

// ---- The backend ----

static mesh_code pass_on(mesh_call *call, mesh_frame request, void *below, mesh_error *err) {
  return mesh_relay_events(call, below, METHOD, request, err);
}

static void relay(const char *address, const char *below_address) {
  static const mesh_method methods[] = {{.name = "Watch", .run = pass_on}};
  mesh_service services[RELAYS];
  mesh_error err;
  mesh_loop *loop = mesh_loop_create();
  mesh_link *below;
  check(mesh_link_open(loop, "host", below_address, &below, &err), &err);

  for (int i = 0; i < RELAYS; i++) {  // the lowest first
    services[i] = (mesh_service){"millrace.v1.OperationsService", methods, 1, below};
    mesh_server *server = make_server(loop, &services[i]);
    bool top = i == RELAYS - 1;
    if (top) listen_on(server, address);
    mesh_server_start(server);
    if (!top) check(mesh_link_open_local(loop, "layer", server, &below, &err), &err);
  }
  mesh_loop_run(loop);
}

// ---- The client ----

typedef struct client {
  mesh_loop *loop;
  mesh_scope scope;
  mesh_link *link;
  relay_result *result;
} client;

static mesh_code take_frame(client *self, mesh_frame frame, mesh_error *err) {
  size_t offset = 0;
  bool bad = false;
  mesh_view one;
  while (mesh_event_next((mesh_view){frame.data, frame.size_bytes}, &offset, &one, &bad)) {
    mesh_event event;
    mesh_code code = mesh_event_decode(one, &event, err);
    if (code != GRPC_STATUS_OK) return code;
    if (event.payload == MILLRACE__V1__OPERATION_EVENT__PAYLOAD_OUTCOME) continue;
    relay_arrived(self->result, event.time_ns);
    if (event.sequence != self->result->events) {
      return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "event %lld came as number %lld",
                       (long long)event.sequence, (long long)self->result->events);
    }
  }
  return bad ? mesh_fail(err, GRPC_STATUS_DATA_LOSS, "a malformed frame") : GRPC_STATUS_OK;
}

static void read_events(void *arg) {
  client *self = arg;
  mesh_error err;
  mesh_call *call;
  mesh_call_options options = {.accept_batch = true, .wait_for_ready = true, .timeout_ms = 60000};
  char gap[24];
  snprintf(gap, sizeof gap, "%lld", (long long)self->result->plan.gap_ns);
  Millrace__V1__WatchOperationRequest ask = MILLRACE__V1__WATCH_OPERATION_REQUEST__INIT;
  ask.name = gap;
  ask.after_sequence = self->result->plan.events;
  uint8_t bytes[64];
  mesh_frame frame = {bytes, millrace__v1__watch_operation_request__pack(&ask, bytes), false};
  check(mesh_call_open(&self->scope, self->link, METHOD, frame, &options, &call, &err), &err);
  for (;;) {
    check(mesh_call_receive(call, &frame, &err), &err);
    if (frame.end) break;
    self->result->messages++;
    check(take_frame(self, frame, &err), &err);
  }
  mesh_call_close(call);
  mesh_loop_stop(self->loop);
}

static void read_all(void *arg) {
  mesh_error err;
  client self = {.loop = mesh_loop_create(), .result = arg};
  mesh_scope_open_root(&self.scope, self.loop);
  check(mesh_link_open(self.loop, "backend", self.result->address, &self.link, &err), &err);
  mesh_fiber_start(&self.scope, read_events, &self);
  mesh_loop_run(self.loop);
}

const relay_chain relay_mesh = {"millrace, five hops", serve, relay, read_all};
