#include "tests/bench/backend_client.h"

#include <stdlib.h>

#include "millrace/v1/data.pb-c.h"
#include "tests/bench/child.h"

typedef struct client_run {
  backend_client client;
  void (*run)(backend_client *client, void *arg);
  void *arg;
} client_run;

void backend_client_check(mesh_code code, const mesh_error *err) {
  if (code != GRPC_STATUS_OK) bench_die("%s: %s", mesh_code_name(code), err->message);
}

static void body(void *arg) {
  client_run *self = arg;
  self->run(&self->client, self->arg);
  mesh_link_close(self->client.link);
  mesh_loop_stop(self->client.loop);
}

void backend_client_run(const char *address, void (*run)(backend_client *client, void *arg),
                        void *arg) {
  client_run self = {.client.loop = mesh_loop_create(), .run = run, .arg = arg};
  mesh_error err;
  mesh_scope_open_root(&self.client.scope, self.client.loop);
  mesh_code code = mesh_link_open(self.client.loop, "backend", address, &self.client.link, &err);
  backend_client_check(code, &err);
  mesh_fiber_start(&self.client.scope, body, &self);
  mesh_loop_run(self.client.loop);
  mesh_scope_close(&self.client.scope);
  mesh_loop_destroy(self.client.loop);
}

mesh_call *backend_client_call(backend_client *client, mesh_link *link, const char *method,
                               const ProtobufCMessage *message) {
  static const mesh_call_options options = {
      .accept_batch = true, .wait_for_ready = true, .timeout_ms = 120000};
  mesh_error err;
  mesh_call *out;
  size_t size = protobuf_c_message_get_packed_size(message);
  uint8_t *bytes = malloc(size + 1);
  if (bytes == NULL) bench_die("out of memory");
  mesh_frame request = {bytes, protobuf_c_message_pack(message, bytes), false};
  mesh_code code = mesh_call_open(&client->scope, link, method, request, &options, &out, &err);
  backend_client_check(code, &err);
  free(bytes);
  return out;
}

mesh_call *backend_client_load(backend_client *client, const char *symbol, const char *timeframe,
                               int64_t from_s, int64_t to_s) {
  Google__Protobuf__Timestamp from = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  Google__Protobuf__Timestamp to = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  Millrace__V1__LoadRequest request = MILLRACE__V1__LOAD_REQUEST__INIT;
  from.seconds = from_s;
  to.seconds = to_s;
  request.symbol = (char *)symbol;
  request.timeframe = (char *)timeframe;
  request.from = &from;
  request.to = &to;
  request.mode = MILLRACE__V1__LOAD_REQUEST__MODE__BACKFILL;
  return backend_client_call(client, client->link, "/millrace.v1.DataService/Load", &request.base);
}

mesh_call *backend_client_cancel(backend_client *client, const char *operation) {
  Millrace__V1__CancelOperationRequest request = MILLRACE__V1__CANCEL_OPERATION_REQUEST__INIT;
  request.name = (char *)operation;
  return backend_client_call(client, client->link, "/millrace.v1.OperationsService/Cancel",
                             &request.base);
}

// Waits for the next frame; false after the last one.
static bool next_frame(event_walk *walk) {
  mesh_error err;
  mesh_code code = mesh_call_receive(walk->call, &walk->frame, &err);
  walk->offset = 0;
  if (code == GRPC_STATUS_CANCELLED) return false;
  backend_client_check(code, &err);
  return !walk->frame.end;
}

bool event_walk_next(event_walk *walk, mesh_event *out) {
  for (;;) {
    mesh_view one, frame = {walk->frame.data, walk->frame.size_bytes};
    bool bad = false;
    if (walk->frame.data != NULL && mesh_event_next(frame, &walk->offset, &one, &bad)) {
      mesh_error err;
      backend_client_check(mesh_event_decode(one, out, &err), &err);
      return true;
    }
    if (bad) bench_die("a malformed frame of events");
    if (!next_frame(walk)) return false;
  }
}
