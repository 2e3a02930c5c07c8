#include "mesh/operation/same_request.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/pack.h"
#include "millrace/v1/operation.pb-c.h"

// ---- what counts ----

static int by_key(const void *left, const void *right) {
  typedef Millrace__V1__StartOptions__LabelsEntry label;
  const label *const *a = left, *const *b = right;
  return strcmp((*a)->key, (*b)->key);
}

static const ProtobufCFieldDescriptor *find_start(const ProtobufCMessageDescriptor *type) {
  const ProtobufCFieldDescriptor *field =
      protobuf_c_message_descriptor_get_field_by_name(type, "start");
  bool is_start = field != NULL && field->label != PROTOBUF_C_LABEL_REPEATED &&
                  field->descriptor == &millrace__v1__start_options__descriptor;
  return is_start ? field : NULL;
}

// Leaves out of an unpacked message what may differ, and sorts what has no order.
static void reduce(ProtobufCMessage *message) {
  const ProtobufCFieldDescriptor *field = find_start(message->descriptor);
  if (field == NULL) return;
  Millrace__V1__StartOptions *start;
  memcpy(&start, (const uint8_t *)message + field->offset, sizeof start);
  if (start == NULL) return;
  if (start->request_id[0] != '\0') start->request_id[0] = '\0';
  start->detached = false;
  start->grace_ms = 0;
  if (start->n_labels > 1) qsort(start->labels, start->n_labels, sizeof *start->labels, by_key);
}

// The message as it counts, with its fields in the order of their numbers; the caller frees the
// bytes. What is no `type` counts as it is.
static mesh_bytes reduced(const ProtobufCMessageDescriptor *type, mesh_view view) {
  mesh_bytes bytes = {0};
  ProtobufCMessage *message = mesh_message_unpack(type, view.data, view.size_bytes);
  if (message == NULL) {
    mesh_bytes_set(&bytes, view);
    return bytes;
  }
  reduce(message);
  bytes = mesh_message_pack(message);
  protobuf_c_message_free_unpacked(message, NULL);
  return bytes;
}

// ---- what differs ----

// One field of a packed message: its number, its bytes with the tag, and its content where it has a
// length.
typedef struct packed_field {
  uint32_t number;
  mesh_view whole, content;
} packed_field;

static bool take_varint(mesh_view *rest, uint64_t *value) {
  *value = 0;
  for (int shift = 0; shift < 64 && rest->size_bytes > 0; shift += 7) {
    uint8_t byte = *rest->data++;
    rest->size_bytes--;
    *value |= (uint64_t)(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

// False at the end. What it reads was packed here.
static bool next_field(mesh_view *rest, packed_field *out) {
  enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };
  mesh_view begin = *rest;
  uint64_t tag, size = 0;
  *out = (packed_field){0};
  if (!take_varint(rest, &tag)) return false;
  switch (tag & 7) {
    case VARINT:
      if (!take_varint(rest, &size)) return false;
      size = 0;
      break;
    case FIXED64:
      size = 8;
      break;
    case FIXED32:
      size = 4;
      break;
    case LENGTH:
      if (!take_varint(rest, &size)) return false;
      break;
    default:
      return false;
  }
  if (size > rest->size_bytes) return false;
  out->number = (uint32_t)(tag >> 3);
  out->content = (mesh_view){rest->data, (size_t)size};
  rest->data += size;
  rest->size_bytes -= (size_t)size;
  out->whole = (mesh_view){begin.data, begin.size_bytes - rest->size_bytes};
  return true;
}

static bool same_bytes(mesh_view left, mesh_view right) {
  return left.size_bytes == right.size_bytes &&
         (left.size_bytes == 0 || memcmp(left.data, right.data, left.size_bytes) == 0);
}

// The first field that is not the same in both; NULL: none that `type` knows. Of two fields that
// stand at the same place, the one with the lower number is missing on the other side.
static const ProtobufCFieldDescriptor *first_difference(const ProtobufCMessageDescriptor *type,
                                                        mesh_view left, mesh_view right,
                                                        packed_field *a, packed_field *b) {
  for (;;) {
    bool more_left = next_field(&left, a), more_right = next_field(&right, b);
    if (!more_left && !more_right) return NULL;
    if (more_left && more_right && same_bytes(a->whole, b->whole)) continue;
    bool left_first = !more_right || (more_left && a->number <= b->number);
    return protobuf_c_message_descriptor_get_field(type, left_first ? a->number : b->number);
  }
}

static void name_difference(const ProtobufCMessageDescriptor *type, mesh_view left, mesh_view right,
                            char field[MESH_FIELD_NAME_MAX]) {
  packed_field a, b;
  const ProtobufCFieldDescriptor *at = first_difference(type, left, right, &a, &b);
  snprintf(field, MESH_FIELD_NAME_MAX, "%s", at != NULL ? at->name : "request");
  if (at == NULL || at != find_start(type) || a.number != b.number) return;
  const ProtobufCFieldDescriptor *inner =
      first_difference(&millrace__v1__start_options__descriptor, a.content, b.content, &a, &b);
  if (inner != NULL) snprintf(field, MESH_FIELD_NAME_MAX, "start.%s", inner->name);
}

bool mesh_same_request(const ProtobufCMessageDescriptor *type, mesh_view left, mesh_view right,
                       char field[MESH_FIELD_NAME_MAX]) {
  field[0] = '\0';
  if (same_bytes(left, right)) return true;
  snprintf(field, MESH_FIELD_NAME_MAX, "request");
  if (type == NULL) return false;
  mesh_bytes a = reduced(type, left), b = reduced(type, right);
  bool same = same_bytes(mesh_bytes_view(a), mesh_bytes_view(b));
  if (same) {
    field[0] = '\0';
  } else {
    name_difference(type, mesh_bytes_view(a), mesh_bytes_view(b), field);
  }
  free(a.data);
  free(b.data);
  return same;
}
