#include "mesh/rpc/pack.h"

#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/wire_text.h"
#include "mesh/runtime/text.h"

mesh_bytes mesh_message_pack(const ProtobufCMessage *message) {
  mesh_bytes bytes = {.size_bytes = protobuf_c_message_get_packed_size(message)};
  bytes.data = malloc(bytes.size_bytes + 1);
  if (bytes.data == NULL) abort();
  protobuf_c_message_pack(message, bytes.data);
  mesh_wire_mend_text(mesh_wire_type_of(message->descriptor), bytes.data, bytes.size_bytes);
  return bytes;
}

// Where protobuf-c packs to: it gives whole fields, which are copied a piece at a time.
typedef struct packing {
  ProtobufCBuffer base;  // first
  bool (*go_on)(void *arg);
  void *arg;
  mesh_bytes *out;  // of the whole size
  size_t at;
  bool over;
} packing;

static void append(ProtobufCBuffer *buffer, size_t size_bytes, const uint8_t *data) {
  enum { PIECE_BYTES = 1 << 20 };
  packing *own = (packing *)buffer;
  while (size_bytes > 0 && !own->over) {
    size_t piece = size_bytes < PIECE_BYTES ? size_bytes : PIECE_BYTES;
    memcpy(own->out->data + own->at, data, piece);
    own->at += piece;
    data += piece;
    size_bytes -= piece;
    if (own->at / PIECE_BYTES > (own->at - piece) / PIECE_BYTES) own->over = !own->go_on(own->arg);
  }
}

bool mesh_message_pack_while(const ProtobufCMessage *message, bool (*go_on)(void *arg), void *arg,
                             mesh_bytes *out) {
  packing own = {{append}, go_on, arg, out, 0, !go_on(arg)};
  *out = (mesh_bytes){0};
  if (own.over) return false;
  out->size_bytes = protobuf_c_message_get_packed_size(message);
  out->data = malloc(out->size_bytes + 1);
  if (out->data == NULL) abort();
  protobuf_c_message_pack_to_buffer(message, &own.base);
  if (!own.over) {
    mesh_wire_mend_text(mesh_wire_type_of(message->descriptor), out->data, out->size_bytes);
    return true;
  }
  free(out->data);
  *out = (mesh_bytes){0};
  return false;
}

bool mesh_message_pack_into(const ProtobufCMessage *message, void *room, size_t room_bytes,
                            size_t *size_bytes) {
  *size_bytes = 0;
  if (protobuf_c_message_get_packed_size(message) > room_bytes) return false;
  *size_bytes = protobuf_c_message_pack(message, room);
  mesh_wire_mend_text(mesh_wire_type_of(message->descriptor), room, *size_bytes);
  return true;
}

// ---- text ----

static void mend_message(ProtobufCMessage *message);

static void mend_value(const ProtobufCFieldDescriptor *field, void *value) {
  if (field->type == PROTOBUF_C_TYPE_STRING) {
    char *text = *(char **)value;
    if (text != NULL) mesh_text_mend_in_place(text, strlen(text));
  } else if (*(ProtobufCMessage **)value != NULL) {
    mend_message(*(ProtobufCMessage **)value);
  }
}

// True if the field is the member of its oneof that is set, or in none.
static bool is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0) return true;
  return *(const uint32_t *)((const char *)message + field->quantifier_offset) == field->id;
}

// A message that was unpacked owns its strings; those that are not there are "" and need no
// mending.
static void mend_message(ProtobufCMessage *message) {
  for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
    bool text = field->type == PROTOBUF_C_TYPE_STRING,
         inner = field->type == PROTOBUF_C_TYPE_MESSAGE;
    if ((!text && !inner) || !is_set(message, field)) continue;
    char *member = (char *)message + field->offset;
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
      mend_value(field, member);
      continue;
    }
    size_t count = *(const size_t *)((const char *)message + field->quantifier_offset);
    for (size_t k = 0; k < count; k++)
      mend_value(field, *(char ***)member + k);
  }
}

// ---- unpacking ----

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

// The field in which a message of `type` holds others of its own type (events in an event); 0:
// none.
static uint32_t own_field(const ProtobufCMessageDescriptor *type) {
  for (unsigned i = 0; i < type->n_fields; i++) {
    if (type->fields[i].descriptor == type) return type->fields[i].id;
  }
  return 0;
}

// Takes a varint off the front; false where there is none.
static bool take_varint(const uint8_t **at, const uint8_t *end, uint64_t *out) {
  *out = 0;
  for (int shift = 0; *at < end && shift < 64; shift += 7) {
    uint8_t byte = *(*at)++;
    *out |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

// Whether `field` lies in itself at most `levels` deep. protobuf-c's recursion has no bound of its
// own. What is no message at all is for protobuf-c to say.
static bool is_shallow(const uint8_t *at, size_t size_bytes, uint32_t field, int levels) {
  const uint8_t *end = at + size_bytes;
  uint64_t tag, size;
  while (take_varint(&at, end, &tag)) {
    uint64_t type = tag & 7;
    if (type == 0) {
      if (!take_varint(&at, end, &size)) return true;
      continue;
    }
    size = type == 1 ? 8 : 4;
    if (type == 2 && !take_varint(&at, end, &size)) return true;
    if ((type != 1 && type != 2 && type != 5) || size > (uint64_t)(end - at)) return true;
    if (type == 2 && tag >> 3 == field &&
        (levels == 0 || !is_shallow(at, (size_t)size, field, levels - 1))) {
      return false;
    }
    at += size;
  }
  return true;
}

// Field 0, which protobuf-c lets pass where its tag is longer than it need be.
static bool has_field_0(const ProtobufCMessage *message) {
  for (unsigned i = 0; i < message->n_unknown_fields; i++) {
    if (message->unknown_fields[i].tag == 0) return true;
  }
  return false;
}

void *mesh_message_unpack(const ProtobufCMessageDescriptor *type, const void *bytes,
                          size_t size_bytes) {
  size_t left_bytes;
  if (__builtin_mul_overflow(size_bytes, (size_t)MESH_UNPACK_TIMES, &left_bytes) ||
      __builtin_add_overflow(left_bytes, (size_t)MESH_UNPACK_FREE, &left_bytes)) {
    return NULL;
  }
  uint32_t own = own_field(type);
  if (own != 0 && size_bytes > 0 && !is_shallow(bytes, size_bytes, own, MESH_UNPACK_LEVELS)) {
    return NULL;
  }
  ProtobufCAllocator bounded = {take, give_back, &left_bytes};
  ProtobufCMessage *message = protobuf_c_message_unpack(type, &bounded, size_bytes, bytes);
  if (message == NULL) return NULL;
  if (has_field_0(message)) {
    protobuf_c_message_free_unpacked(message, NULL);
    return NULL;
  }
  mend_message(message);
  return message;
}
