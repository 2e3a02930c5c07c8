#include "mesh/relay.h"

#include "mesh/call_internal.h"

mesh_code mesh_relay(mesh_call *caller, mesh_link *link, const char *method, mesh_frame request,
                     mesh_error *err) {
  mesh_call *lower;
  // Batches are asked for only on behalf of a caller that takes them, so that nothing has to be
  // taken apart here.
  mesh_call_options options = {.accept_batch = mesh_call_accepts_batch(caller)};
  mesh_code code =
      mesh_call_open(mesh_call_scope(caller), link, method, request, &options, &lower, err);
  if (code != GRPC_STATUS_OK) return code;
  while ((code = mesh_call_receive_raw(lower, err)) == GRPC_STATUS_OK && lower->received != NULL) {
    code = mesh_call_forward(caller, lower, err);  // waits while the caller is slow
    if (code != GRPC_STATUS_OK) break;
  }
  mesh_call_close(lower);
  return code;
}
