#include "mesh/operation/message_report.h"

#include <stdlib.h>

mesh_code mesh_message_report(mesh_operation *operation, uint32_t payload,
                              const ProtobufCMessage *message, mesh_error *err) {
  mesh_bytes bytes = mesh_message_pack(message);
  mesh_code code = mesh_operation_report(operation, payload, mesh_bytes_view(bytes), err);
  free(bytes.data);
  return code;
}
