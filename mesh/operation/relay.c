#include "mesh/operation/relay.h"

#include "mesh/operation/event.h"
#include "mesh/rpc/call_internal.h"

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

static mesh_code relay(mesh_call *caller, mesh_link *link, const char *method, mesh_frame request,
                       bool events, mesh_error *err) {
  mesh_call *lower;
  // Batches are asked for only on behalf of a caller that takes them, so that nothing has to be
  // taken apart here.
  mesh_call_options options = {.accept_batch = mesh_call_accepts_batch(caller)};
  mesh_code code =
      mesh_call_open(mesh_call_scope(caller), link, method, request, &options, &lower, err);
  if (code != GRPC_STATUS_OK) return code;
  while ((code = mesh_call_receive_raw(lower, err)) == GRPC_STATUS_OK && lower->received != NULL) {
    code = events ? forward_event(caller, lower, mesh_wall_ns(), err)
                  : mesh_call_forward(caller, lower, err);  // waits while the caller is slow
    if (code != GRPC_STATUS_OK) break;
  }
  mesh_call_close(lower);
  return code;
}

mesh_code mesh_relay(mesh_call *caller, mesh_link *link, const char *method, mesh_frame request,
                     mesh_error *err) {
  return relay(caller, link, method, request, false, err);
}

mesh_code mesh_relay_events(mesh_call *caller, mesh_link *link, const char *method,
                            mesh_frame request, mesh_error *err) {
  return relay(caller, link, method, request, true, err);
}
