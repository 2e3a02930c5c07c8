#include "mesh/rpc/wire_text.h"

#include <string.h>

#include "mesh/runtime/text.h"

// Where a string stands: "start.labels.value", from the inside out.
typedef struct place {
  const struct place *above;
  const char *name;
} place;

typedef struct walk walk;
struct walk {
  mesh_wire_type types;  // its functions; which type it is, each level knows
  // Called for each string; false ends the walk.
  bool (*on_text)(walk *self, const void *type, const place *where, mesh_view text);
  const char *const *documents;
  mesh_error *err;
  int damaged;
};

// ---- the wire ----

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

// Takes a varint off the front; false if there is none.
static bool take_varint(mesh_view *left, uint64_t *out) {
  *out = 0;
  for (size_t i = 0; i < 10 && i < left->size_bytes; i++) {
    *out |= (uint64_t)(left->data[i] & 0x7f) << (7 * i);
    if ((left->data[i] & 0x80) != 0) continue;
    left->data += i + 1;
    left->size_bytes -= i + 1;
    return true;
  }
  return false;
}

static bool take_bytes(mesh_view *left, uint64_t size_bytes, mesh_view *out) {
  if (size_bytes > left->size_bytes) return false;
  *out = (mesh_view){left->data, (size_t)size_bytes};
  left->data += size_bytes;
  left->size_bytes -= (size_t)size_bytes;
  return true;
}

// Takes one field off the front: its number, and its bytes where it has some (else data is NULL).
static bool take_field(mesh_view *left, uint32_t *number, mesh_view *bytes) {
  uint64_t key, value;
  *bytes = (mesh_view){0};
  if (!take_varint(left, &key) || key >> 3 == 0 || key >> 3 > UINT32_MAX >> 3) return false;
  *number = (uint32_t)(key >> 3);
  mesh_view passed;
  switch (key & 7) {
    case VARINT:
      return take_varint(left, &value);
    case FIXED64:
      return take_bytes(left, 8, &passed);
    case FIXED32:
      return take_bytes(left, 4, &passed);
    case BYTES:
      return take_varint(left, &value) && take_bytes(left, value, bytes);
    default:
      return false;  // groups: no proto3 message has one
  }
}

static bool fail_wire(walk *self, const void *type, const char *why) {
  mesh_fail(self->err, GRPC_STATUS_INVALID_ARGUMENT, "the bytes are no %s: %s",
            self->types.name(type), why);
  return false;
}

static bool walk_message(walk *self, const void *type, const place *above, mesh_view left,
                         int depth) {
  if (depth > MESH_WIRE_DEPTH_MAX) return fail_wire(self, type, "too many messages in messages");
  while (left.size_bytes > 0) {
    uint32_t number;
    mesh_view bytes;
    mesh_wire_field field;
    if (!take_field(&left, &number, &bytes)) return fail_wire(self, type, "a field is malformed");
    if (bytes.data == NULL || !self->types.find(type, number, &field)) continue;
    place here = {above, field.name};
    bool goes_on = field.kind == MESH_WIRE_TEXT ? self->on_text(self, type, &here, bytes)
                   : field.kind == MESH_WIRE_MESSAGE
                       ? walk_message(self, field.type, &here, bytes, depth + 1)
                       : true;
    if (!goes_on) return false;
  }
  return true;
}

// ---- checking ----

static void write_place(const place *where, char *out, size_t capacity) {
  if (where->above != NULL) {
    write_place(where->above, out, capacity);
    mesh_text_append(out, capacity, ".");
  }
  mesh_text_append(out, capacity, "%s", where->name);
}

static bool refuse(walk *self, const place *where, const char *what, size_t number) {
  char name[256] = "";
  write_place(where, name, sizeof name);
  mesh_fail(self->err, GRPC_STATUS_INVALID_ARGUMENT, "%s %s %zu", name, what, number);
  return false;
}

static bool is_document(const walk *self, const void *type, const char *field) {
  const char *type_name = self->types.name(type);
  size_t size = strlen(type_name);
  for (const char *const *one = self->documents; one != NULL && *one != NULL; one++) {
    if (strncmp(*one, type_name, size) != 0 || (*one)[size] != '.') continue;
    if (strcmp(*one + size + 1, field) == 0) return true;
  }
  return false;
}

static bool check_text(walk *self, const void *type, const place *where, mesh_view text) {
  const char *bytes = (const char *)text.data;
  bool document = is_document(self, type, where->name);
  size_t most = document ? MESH_TEXT_DOCUMENT_MAX : MESH_TEXT_LINE_MAX;
  if (text.size_bytes > most) {
    return refuse(self, where, "has more bytes than it may have, which is", most);
  }
  for (size_t at = 0, size; at < text.size_bytes; at += size) {
    uint32_t character = 0;
    size = mesh_text_character(bytes + at, text.size_bytes - at, &character);
    if (size == 0) return refuse(self, where, "is no UTF-8 at byte", at);
    bool control = document ? character == 0 : mesh_text_is_control(character);
    if (control) return refuse(self, where, "has a control character at byte", at);
  }
  return true;
}

mesh_code mesh_wire_check_text(mesh_wire_type type, mesh_view message, const char *const *documents,
                               mesh_error *err) {
  walk self = {.types = type, .on_text = check_text, .documents = documents, .err = err};
  bool good = walk_message(&self, type.type, NULL, message, 0);
  return good ? GRPC_STATUS_OK : GRPC_STATUS_INVALID_ARGUMENT;
}

static bool is_text(walk *self, const void *type, const place *where, mesh_view text) {
  (void)type;
  (void)where;
  bool good = mesh_text_valid_bytes((const char *)text.data, text.size_bytes) == text.size_bytes;
  if (!good) self->damaged++;
  return good;
}

bool mesh_wire_is_utf8(mesh_wire_type type, mesh_view message) {
  mesh_error ignored;
  walk self = {.types = type, .on_text = is_text, .err = &ignored};
  walk_message(&self, type.type, NULL, message, 0);
  return self.damaged == 0;
}

// ---- mending ----

static bool mend_text(walk *self, const void *type, const place *where, mesh_view text) {
  (void)type;
  (void)where;
  // The bytes are the caller's, who gave them to be changed.
  if (mesh_text_mend_in_place((char *)text.data, text.size_bytes) > 0) self->damaged++;
  return true;
}

int mesh_wire_mend_text(mesh_wire_type type, uint8_t *bytes, size_t size_bytes) {
  mesh_error ignored;
  walk self = {.types = type, .on_text = mend_text, .err = &ignored};
  walk_message(&self, type.type, NULL, (mesh_view){bytes, size_bytes}, 0);
  return self.damaged;
}

// ---- protobuf-c's descriptors ----

static const char *name_in_c(const void *type) {
  return ((const ProtobufCMessageDescriptor *)type)->name;
}

static bool find_in_c(const void *type, uint32_t number, mesh_wire_field *out) {
  const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(type, number);
  if (field == NULL) return false;
  *out = (mesh_wire_field){.name = field->name};
  if (field->type == PROTOBUF_C_TYPE_STRING) out->kind = MESH_WIRE_TEXT;
  if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
    out->kind = MESH_WIRE_MESSAGE;
    out->type = field->descriptor;
  }
  return true;
}

mesh_wire_type mesh_wire_type_of(const ProtobufCMessageDescriptor *descriptor) {
  return (mesh_wire_type){descriptor, name_in_c, find_in_c};
}
