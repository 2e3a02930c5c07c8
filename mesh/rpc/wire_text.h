// mesh_wire_text: the text in an encoded message, looked at where it stands, before anybody unpacks
// it. protobuf-c and nanopb take any bytes for a string; other protobuf libraries do not read a
// message with text that is no UTF-8, and a NUL cuts a C string. So a server checks each request
// here (server.h), whatever its service does, and a journal each event. Without allocation; depth
// is bounded. Any thread.
#ifndef MILLRACE_MESH_RPC_WIRE_TEXT_H
#define MILLRACE_MESH_RPC_WIRE_TEXT_H

#include <protobuf-c/protobuf-c.h>

#include "mesh/runtime/status.h"
#include "mesh/runtime/view.h"

enum {
  MESH_TEXT_LINE_MAX = 4096,         // bytes of a string field, unless it is a document
  MESH_TEXT_DOCUMENT_MAX = 1 << 20,  // bytes of one that is
  MESH_WIRE_DEPTH_MAX = 32,          // messages inside messages
};

// What a type has under a field's number.
typedef enum mesh_wire_kind { MESH_WIRE_OTHER, MESH_WIRE_TEXT, MESH_WIRE_MESSAGE } mesh_wire_kind;
typedef struct mesh_wire_field {
  mesh_wire_kind kind;
  const char *name;  // "requested_by"
  const void *type;  // of a MESSAGE
} mesh_wire_field;

// A message type, whichever library describes it.
typedef struct mesh_wire_type {
  const void *type;
  const char *(*name)(const void *type);  // "millrace.v1.LoadRequest"
  // False: the number is not known, and what it holds is passed over.
  bool (*find)(const void *type, uint32_t number, mesh_wire_field *out);
} mesh_wire_type;

mesh_wire_type mesh_wire_type_of(const ProtobufCMessageDescriptor *descriptor);

// Looks at each string of `message`: it is UTF-8 and no NUL is in it; it has up to
// MESH_TEXT_LINE_MAX bytes and no control character, or, where `documents` (NULL, or ended by a
// NULL) has "millrace.v1.TrainRequest.strategy", up to MESH_TEXT_DOCUMENT_MAX of several lines.
// INVALID_ARGUMENT names the field, and what is wrong; also where the bytes are no message at all.
MESH_NODISCARD mesh_code mesh_wire_check_text(mesh_wire_type type, mesh_view message,
                                              const char *const *documents, mesh_error *err);

// True if every string of `message` is UTF-8.
bool mesh_wire_is_utf8(mesh_wire_type type, mesh_view message);

// Replaces each damaged byte of text in bytes[0 .. size_bytes) by '?', where it stands, so that any
// library reads the message. Returns how many strings were damaged; what is behind a field that
// cannot be read, or too deep, stays as it is.
int mesh_wire_mend_text(mesh_wire_type type, uint8_t *bytes, size_t size_bytes);

#endif
