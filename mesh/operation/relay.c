#include "mesh/operation/relay.h"

#include <grpc/byte_buffer_reader.h>
#include <stdio.h>

#include "mesh/operation/event_stream.h"
#include "mesh/rpc/call_internal.h"
#include "mesh/runtime/text.h"

enum { RELAY_NAME_MAX = 64 };  // of an operation or a layer, in a Drain event

// Sends what `lower` received last to `caller`, with the time that it spent here behind it: a
// message may be continued by appending fields to it.
static mesh_code forward_event(mesh_call *caller, mesh_call *lower, int64_t received_ns,
                               mesh_error *err) {
  uint8_t bytes[MESH_HOP_MAX];
  mesh_hop hop = {mesh_call_layer(caller), received_ns, mesh_wall_ns()};
  grpc_slice slice =
      grpc_slice_from_copied_buffer((const char *)bytes, mesh_event_encode_hop(&hop, bytes));
  grpc_slice_buffer_add(&lower->received->data.raw.slice_buffer, slice);
  return mesh_call_forward(caller, lower, err);
}

// ---- events ----

// One stream of events on its way up.
typedef struct relaying {
  mesh_call *caller, *lower;
  grpc_byte_buffer *last;  // the last frame, as it was forwarded; NULL: none
} relaying;

static mesh_code forward_frame(relaying *own, mesh_error *err) {
  mesh_code code = forward_event(own->caller, own->lower, mesh_wall_ns(), err);
  if (own->last != NULL) grpc_byte_buffer_destroy(own->last);
  own->last = own->lower->received;  // no copy: it is looked at when the stream ends, and only then
  own->lower->received = NULL;
  return code;
}

// What the stream carried last; its operation's name in *name.
static mesh_event_tail tail_of(const relaying *own, char name[RELAY_NAME_MAX], int64_t *epoch) {
  mesh_event_tail tail = {0};
  grpc_byte_buffer_reader reader;
  *epoch = 0;
  name[0] = '\0';
  if (own->last == NULL || !grpc_byte_buffer_reader_init(&reader, own->last)) return tail;
  grpc_slice flat = grpc_byte_buffer_reader_readall(&reader);
  grpc_byte_buffer_reader_destroy(&reader);
  mesh_view one, frame = {GRPC_SLICE_START_PTR(flat), GRPC_SLICE_LENGTH(flat)};
  mesh_event event;
  size_t offset = 0;
  bool bad;
  mesh_event_tail_take(&tail, frame);
  while (mesh_event_next(frame, &offset, &one, &bad)) {
    if (mesh_event_decode(one, &event, NULL) != GRPC_STATUS_OK) break;
    *epoch = event.epoch;
    mesh_text_format(name, RELAY_NAME_MAX, "%.*s", (int)event.operation.size_bytes,
                     (const char *)event.operation.data);
  }
  grpc_slice_unref(flat);
  return tail;
}

static mesh_code end_events(relaying *own, bool leaves, mesh_code code, mesh_error *err) {
  char name[RELAY_NAME_MAX];
  int64_t epoch;
  mesh_event_tail tail = tail_of(own, name, &epoch);
  if (own->last != NULL) grpc_byte_buffer_destroy(own->last);
  if (!leaves || tail.outcome) return mesh_event_tail_end(&tail, code, err);
  mesh_event_stream *stream = mesh_event_stream_create(own->caller);
  mesh_view layer = mesh_call_layer(own->caller);
  char text[RELAY_NAME_MAX];
  mesh_text_format(text, sizeof text, "%.*s", (int)layer.size_bytes, (const char *)layer.data);
  mesh_event_stream_set_after(stream, tail.sequence);
  return mesh_event_stream_end(stream, mesh_event_stream_drain(stream, text, name, epoch, err),
                               err);
}

static mesh_code open_lower(mesh_call *caller, mesh_scope *scope, mesh_link *link,
                            const char *method, mesh_frame request, mesh_call **lower,
                            mesh_error *err) {
  // Batches are asked for only on behalf of a caller that takes them, so that nothing has to be
  // taken apart here.
  mesh_call_options options = {.accept_batch = mesh_call_accepts_batch(caller)};
  return mesh_call_open(scope, link, method, request, &options, lower, err);
}

// The lower calls are below `scope`: the caller's, or the one that ends when this process leaves.
static bool is_left(mesh_call *caller, const mesh_scope *scope) {
  return scope != mesh_call_scope(caller) && scope->code == GRPC_STATUS_UNAVAILABLE;
}

static mesh_code relay_events(mesh_call *caller, mesh_scope *scope, mesh_link *link,
                              const char *method, mesh_frame request, mesh_error *err) {
  relaying own = {.caller = caller};
  mesh_code code = open_lower(caller, scope, link, method, request, &own.lower, err);
  if (code != GRPC_STATUS_OK) return code;
  while ((code = mesh_call_receive_raw(own.lower, err)) == GRPC_STATUS_OK &&
         own.lower->received != NULL) {
    code = forward_frame(&own, err);
    if (code != GRPC_STATUS_OK) break;
  }
  mesh_call_close(own.lower);
  return end_events(&own, is_left(caller, scope), code, err);
}

mesh_code mesh_relay_events(mesh_call *caller, mesh_link *link, const char *method,
                            mesh_frame request, mesh_error *err) {
  return relay_events(caller, mesh_call_scope(caller), link, method, request, err);
}

mesh_code mesh_relay_live(mesh_call *caller, mesh_link *link, const char *method,
                          mesh_frame request, mesh_error *err) {
  return relay_events(caller, mesh_call_drain_scope(caller), link, method, request, err);
}

// ---- whatever else ----

static mesh_code relay(mesh_call *caller, mesh_scope *scope, mesh_link *link, const char *method,
                       mesh_frame request, mesh_error *err) {
  mesh_call *lower;
  mesh_code code = open_lower(caller, scope, link, method, request, &lower, err);
  if (code != GRPC_STATUS_OK) return code;
  while ((code = mesh_call_receive_raw(lower, err)) == GRPC_STATUS_OK && lower->received != NULL) {
    code = mesh_call_forward_mended(caller, lower, err);  // waits while the caller is slow
    if (code != GRPC_STATUS_OK) break;
  }
  mesh_call_close(lower);
  return is_left(caller, scope) ? mesh_fail_draining(err, method) : code;
}

mesh_code mesh_relay(mesh_call *caller, mesh_link *link, const char *method, mesh_frame request,
                     mesh_error *err) {
  return relay(caller, mesh_call_scope(caller), link, method, request, err);
}

mesh_code mesh_relay_endless(mesh_call *caller, mesh_link *link, const char *method,
                             mesh_frame request, mesh_error *err) {
  return relay(caller, mesh_call_drain_scope(caller), link, method, request, err);
}
