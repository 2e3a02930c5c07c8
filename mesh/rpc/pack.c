#include "mesh/rpc/pack.h"

#include <stdlib.h>

mesh_bytes mesh_message_pack(const ProtobufCMessage *message) {
  mesh_bytes bytes = {.size_bytes = protobuf_c_message_get_packed_size(message)};
  bytes.data = malloc(bytes.size_bytes + 1);
  if (bytes.data == NULL) abort();
  protobuf_c_message_pack(message, bytes.data);
  return bytes;
}

bool mesh_message_pack_into(const ProtobufCMessage *message, void *room, size_t room_bytes,
                            size_t *size_bytes) {
  *size_bytes = 0;
  if (protobuf_c_message_get_packed_size(message) > room_bytes) return false;
  *size_bytes = protobuf_c_message_pack(message, room);
  return true;
}

// What is left of what one message may take. Nothing is given back: all that a message takes on
// its way counts.
static void *take(void *left, size_t size_bytes) {
  size_t *left_bytes = left;
  if (size_bytes > *left_bytes) return NULL;
  *left_bytes -= size_bytes;
  return malloc(size_bytes);
}

static void give_back(void *left, void *memory) {
  (void)left;
  free(memory);
}

void *mesh_message_unpack(const ProtobufCMessageDescriptor *type, const void *bytes,
                          size_t size_bytes) {
  size_t left_bytes;
  if (__builtin_mul_overflow(size_bytes, (size_t)MESH_UNPACK_TIMES, &left_bytes) ||
      __builtin_add_overflow(left_bytes, (size_t)MESH_UNPACK_FREE, &left_bytes)) {
    return NULL;
  }
  ProtobufCAllocator bounded = {take, give_back, &left_bytes};
  return protobuf_c_message_unpack(type, &bounded, size_bytes, bytes);
}
