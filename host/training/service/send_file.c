#include "host/training/service/send_file.h"

#include "mesh/rpc/message.h"
#include "millrace/v1/training_host.pb-c.h"

enum { CHUNK_BYTES = 256 * 1024 };

mesh_code training_send_file(mesh_call *call, mesh_view file, mesh_view about, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  if (about.size_bytes > 0) {
    code = mesh_call_send(call, (mesh_frame){about.data, about.size_bytes, false}, err);
  }
  for (size_t at = 0; code == GRPC_STATUS_OK && at < file.size_bytes; at += CHUNK_BYTES) {
    Millrace__V1__FileChunk chunk = MILLRACE__V1__FILE_CHUNK__INIT;
    size_t left = file.size_bytes - at;
    chunk.data.data = (uint8_t *)(uintptr_t)(file.data + at);
    chunk.data.len = left < CHUNK_BYTES ? left : CHUNK_BYTES;
    code = mesh_message_send(call, &chunk.base, err);
  }
  return code;
}
