#include "mesh/rpc/message.h"

mesh_code mesh_message_send(mesh_call *call, const ProtobufCMessage *message, mesh_error *err) {
  return mesh_call_send_bytes(call, mesh_message_pack(message), err);
}

void *mesh_message_take(const ProtobufCMessageDescriptor *type, mesh_frame frame, mesh_error *err) {
  void *request = mesh_message_unpack(type, frame.data, frame.size_bytes);
  if (request == NULL)
    (void)mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "the request is no %s", type->name);
  return request;
}

mesh_code mesh_message_check_time(const char *field, int64_t seconds, int32_t nanos,
                                  mesh_error *err) {
  if (mesh_is_timestamp(seconds, nanos)) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "%s is %lld s and %d ns since 1970: use a time in the years 1 to 9999", field,
                   (long long)seconds, (int)nanos);
}
