// mesh_schema: the program's own descriptors, loaded once: types by name, JSON to bytes and back,
// files for reflection. The only place that knows upb. Read-only after its creation: any thread.
#ifndef MILLRACE_MESH_RPC_SCHEMA_H
#define MILLRACE_MESH_RPC_SCHEMA_H

#include <stdbool.h>

#include "mesh/rpc/wire_text.h"

typedef struct mesh_schema mesh_schema;

// Loads a serialized google.protobuf.FileDescriptorSet (imports first). INVALID_ARGUMENT names the
// file that is wrong. On OK the caller owns *out.
MESH_NODISCARD mesh_code mesh_schema_create(mesh_view descriptor_set, mesh_schema **out,
                                            mesh_error *err);

// Frees it and every text and view that it gave out. NULL is fine.
void mesh_schema_destroy(mesh_schema *schema);

// Message `type` ("millrace.v1.OperationEvent") as proto3 JSON, NUL-terminated, on one line.
// The caller frees *out with free(). DATA_LOSS if the bytes are no such message; NOT_FOUND: no such
// type.
MESH_NODISCARD mesh_code mesh_schema_to_json(const mesh_schema *schema, const char *type,
                                             mesh_view message, char **out, mesh_error *err);

// The reverse. The caller frees *out with free(). INVALID_ARGUMENT says where the JSON is wrong.
MESH_NODISCARD mesh_code mesh_schema_from_json(const mesh_schema *schema, const char *type,
                                               const char *json, uint8_t **out, size_t *size_bytes,
                                               mesh_error *err);

// A method by its full name, "millrace.v1.DataService/Load" or "millrace.v1.DataService.Load".
// Strings belong to the schema. NOT_FOUND if there is none.
typedef struct mesh_method_info {
  const char *input_type, *output_type;
  bool streams_requests, streams_replies;
} mesh_method_info;
MESH_NODISCARD mesh_code mesh_schema_method(const mesh_schema *schema, const char *method,
                                            mesh_method_info *out, mesh_error *err);

// The text of messages of `type`, for mesh_wire_check_text() and mesh_wire_mend_text(). False: no
// such type.
bool mesh_schema_wire_type(const mesh_schema *schema, const char *type, mesh_wire_type *out);

// The methods of all services by their full names, "millrace.v1.DataService.Load", one at a time:
// index 0, 1, ...; NULL after the last. Strings belong to the schema.
const char *mesh_schema_method_name(const mesh_schema *schema, size_t index);

// For reflection: the serialized FileDescriptorProto of a file, of the file that declares a symbol
// (service, method, message, enum, field, ...), or that declares an extension. False if there is
// none. Views belong to the schema.
bool mesh_schema_file(const mesh_schema *schema, const char *file, mesh_view *out);
const char *mesh_schema_file_of_symbol(const mesh_schema *schema, const char *symbol);
const char *mesh_schema_file_of_extension(const mesh_schema *schema, const char *type, int number);

// The imports of a file, one at a time: index 0, 1, ...; NULL after the last.
const char *mesh_schema_import(const mesh_schema *schema, const char *file, size_t index);

// The numbers of the extensions of message `type`: up to `capacity` into `out`; returns how many
// there are, -1 if there is no such message.
int mesh_schema_extensions(const mesh_schema *schema, const char *type, int32_t *out, int capacity);

// What a field can hold.
typedef enum mesh_field_kind {
  MESH_FIELD_TEXT,     // string
  MESH_FIELD_INTEGER,  // any of protobuf's whole numbers, as far as int64 goes
  MESH_FIELD_BOOL,
  MESH_FIELD_CHOICE,  // an enum
  MESH_FIELD_MESSAGE,
  MESH_FIELD_NUMBER,  // a double, a float
  MESH_FIELD_OTHER,   // bytes, a map
} mesh_field_kind;

typedef struct mesh_field_info {
  const char *name;      // "client_id"
  mesh_field_kind kind;  // of one of its values
  bool list;             // repeated
  const char *type;      // full name of the enum or message; NULL for other kinds
  int64_t least, most;   // of an INTEGER
} mesh_field_info;

// The fields of message `type`, one at a time as declared: index 0, 1, ...; false after the last,
// and where there is no such message. Strings belong to the schema.
bool mesh_schema_field(const mesh_schema *schema, const char *type, size_t index,
                       mesh_field_info *out);

// The names of the values of an enum, as mesh_schema_field(); NULL after the last.
const char *mesh_schema_choice(const mesh_schema *schema, const char *type, size_t index);

#endif
