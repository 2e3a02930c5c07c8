#include "mesh/rpc/message.h"

#include <stdlib.h>

mesh_code mesh_message_send(mesh_call *call, const ProtobufCMessage *message, mesh_error *err) {
  mesh_bytes bytes = mesh_message_pack(message);
  mesh_code code = mesh_call_send(call, (mesh_frame){bytes.data, bytes.size_bytes, false}, err);
  free(bytes.data);
  return code;
}

mesh_code mesh_message_open(mesh_scope *scope, mesh_link *link, const char *method,
                            const ProtobufCMessage *request, const mesh_call_options *options,
                            mesh_call **out, mesh_error *err) {
  mesh_bytes bytes = mesh_message_pack(request);
  mesh_frame frame = {bytes.data, bytes.size_bytes, false};
  mesh_code code = mesh_call_open(scope, link, method, frame, options, out, err);
  free(bytes.data);
  return code;
}

mesh_code mesh_message_refuse(const char *type, mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "the request is no millrace.v1.%s", type);
}
