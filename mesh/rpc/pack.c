#include "mesh/rpc/pack.h"

#include <stdlib.h>
#include <string.h>

#include "mesh/runtime/text.h"

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

// ---- text: protobuf-c takes any bytes as a string ----

static bool is_text(const ProtobufCMessage *message);

static bool is_text_value(const ProtobufCFieldDescriptor *field, const void *value) {
  if (value == NULL) return true;
  if (field->type == PROTOBUF_C_TYPE_MESSAGE) return is_text(value);
  size_t size_bytes = strlen(value);
  return mesh_text_valid_bytes(value, size_bytes) == size_bytes;
}

// Members of a oneof share their place: only the one that is set may be looked at.
static bool is_text_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  const char *base = (const char *)message;
  const char *quantifier = base + field->quantifier_offset, *member = base + field->offset;
  if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && *(const uint32_t *)quantifier != field->id) {
    return true;
  }
  void *const *values = (void *const *)member;
  if (field->label != PROTOBUF_C_LABEL_REPEATED) return is_text_value(field, *values);
  size_t count = *(const size_t *)quantifier;
  values = *(void *const *const *)member;
  for (size_t i = 0; i < count; i++) {
    if (!is_text_value(field, values[i])) return false;
  }
  return true;
}

static bool is_text(const ProtobufCMessage *message) {
  const ProtobufCMessageDescriptor *type = message->descriptor;
  for (unsigned i = 0; i < type->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &type->fields[i];
    bool holds = field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE;
    if (holds && !is_text_field(message, field)) return false;
  }
  return true;
}

void *mesh_message_unpack(const ProtobufCMessageDescriptor *type, const void *bytes,
                          size_t size_bytes) {
  size_t left_bytes;
  if (__builtin_mul_overflow(size_bytes, (size_t)MESH_UNPACK_TIMES, &left_bytes) ||
      __builtin_add_overflow(left_bytes, (size_t)MESH_UNPACK_FREE, &left_bytes)) {
    return NULL;
  }
  ProtobufCAllocator bounded = {take, give_back, &left_bytes};
  ProtobufCMessage *message = protobuf_c_message_unpack(type, &bounded, size_bytes, bytes);
  if (message == NULL || is_text(message)) return message;
  protobuf_c_message_free_unpacked(message, NULL);
  return NULL;
}
