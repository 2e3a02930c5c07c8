#include "mesh/rpc/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "google/protobuf/descriptor.upb.h"
#include "mesh/runtime/text.h"
#include "upb/decode.h"
#include "upb/def.h"
#include "upb/encode.h"
#include "upb/json_decode.h"
#include "upb/json_encode.h"
#include "upb/reflection.h"

typedef struct schema_file {
  const upb_FileDef *def;
  mesh_view bytes;  // the serialized FileDescriptorProto, in `arena`
} schema_file;

struct mesh_schema {
  upb_DefPool *pool;
  upb_Arena *arena;
  schema_file *files;
  size_t file_count;
};

// ---- load ----

static mesh_code add_file(mesh_schema *schema, const google_protobuf_FileDescriptorProto *proto,
                          mesh_error *err) {
  upb_Status status;
  upb_Status_Clear(&status);
  const upb_FileDef *def = upb_DefPool_AddFile(schema->pool, proto, &status);
  if (def == NULL) {
    upb_StringView name = google_protobuf_FileDescriptorProto_name(proto);
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "descriptor of %.*s: %s", (int)name.size,
                     name.data, upb_Status_ErrorMessage(&status));
  }
  size_t size_bytes;
  char *bytes = google_protobuf_FileDescriptorProto_serialize(proto, schema->arena, &size_bytes);
  if (bytes == NULL) abort();
  schema->files[schema->file_count++] = (schema_file){def, {(const uint8_t *)bytes, size_bytes}};
  return GRPC_STATUS_OK;
}

mesh_code mesh_schema_create(mesh_view descriptor_set, mesh_schema **out, mesh_error *err) {
  mesh_schema *schema = calloc(1, sizeof *schema);
  if (schema == NULL) abort();
  schema->pool = upb_DefPool_New();
  schema->arena = upb_Arena_New();
  *out = NULL;
  mesh_code code = GRPC_STATUS_OK;
  const google_protobuf_FileDescriptorSet *set = google_protobuf_FileDescriptorSet_parse(
      (const char *)descriptor_set.data, descriptor_set.size_bytes, schema->arena);
  if (set == NULL) {
    code = mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "no FileDescriptorSet (%zu bytes)",
                     descriptor_set.size_bytes);
  } else {
    size_t count;
    const google_protobuf_FileDescriptorProto *const *protos =
        google_protobuf_FileDescriptorSet_file(set, &count);
    schema->files = calloc(count + 1, sizeof *schema->files);
    if (schema->files == NULL) abort();
    for (size_t i = 0; i < count && code == GRPC_STATUS_OK; i++) {
      code = add_file(schema, protos[i], err);
    }
  }
  if (code == GRPC_STATUS_OK) {
    *out = schema;
  } else {
    mesh_schema_destroy(schema);
  }
  return code;
}

void mesh_schema_destroy(mesh_schema *schema) {
  if (schema == NULL) return;
  upb_DefPool_Free(schema->pool);
  upb_Arena_Free(schema->arena);
  free(schema->files);
  free(schema);
}

// ---- JSON ----

static mesh_code find_type(const mesh_schema *schema, const char *type, const upb_MessageDef **out,
                           mesh_error *err) {
  *out = upb_DefPool_FindMessageByName(schema->pool, type);
  if (*out != NULL) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no message type %s", type);
}

// What JSON takes for each byte of the wire, mostly; where it is more, `message` is encoded twice.
enum { JSON_GROWTH = 6, JSON_LEAST = 1024 };

static mesh_code encode_json(const mesh_schema *schema, const upb_MessageDef *def,
                             const upb_Message *message, size_t wire_bytes, char **out,
                             mesh_error *err) {
  upb_Status status;
  size_t capacity = wire_bytes * JSON_GROWTH + JSON_LEAST, size;
  char *text = NULL;
  upb_Status_Clear(&status);
  for (;;) {
    text = realloc(text, capacity);
    if (text == NULL) abort();
    size = upb_JsonEncode(message, def, schema->pool, upb_JsonEncode_EmitDefaults, text, capacity,
                          &status);
    if (size == (size_t)-1 || size < capacity) break;
    capacity = size + 1;
  }
  if (size == (size_t)-1) {
    free(text);
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "%s as JSON: %s", upb_MessageDef_FullName(def),
                     upb_Status_ErrorMessage(&status));
  }
  *out = text;
  return GRPC_STATUS_OK;
}

mesh_code mesh_schema_to_json(const mesh_schema *schema, const char *type, mesh_view message,
                              char **out, mesh_error *err) {
  *out = NULL;
  const upb_MessageDef *def;
  mesh_code code = find_type(schema, type, &def, err);
  if (code != GRPC_STATUS_OK) return code;
  upb_Arena *arena = upb_Arena_New();
  upb_Message *decoded = upb_Message_New(def, arena);
  upb_DecodeStatus status = upb_Decode((const char *)message.data, message.size_bytes, decoded,
                                       upb_MessageDef_MiniTable(def),
                                       upb_DefPool_ExtensionRegistry(schema->pool), 0, arena);
  if (status == kUpb_DecodeStatus_Ok) {
    code = encode_json(schema, def, decoded, message.size_bytes, out, err);
  } else {
    code = mesh_fail(err, GRPC_STATUS_DATA_LOSS, "%zu bytes are no %s", message.size_bytes, type);
  }
  upb_Arena_Free(arena);
  return code;
}

// Decodes JSON into wire bytes that lie in `arena`.
static mesh_code decode_json(const mesh_schema *schema, const upb_MessageDef *def, const char *json,
                             upb_Arena *arena, char **wire, size_t *size_bytes, mesh_error *err) {
  upb_Status status;
  upb_Status_Clear(&status);
  if (json[strspn(json, " \t\r\n")] == '\0') {  // upb takes it for a message
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s: the text is empty; write at least {}",
                     upb_MessageDef_FullName(def));
  }
  upb_Message *message = upb_Message_New(def, arena);
  if (!upb_JsonDecode(json, strlen(json), message, def, schema->pool, 0, arena, &status)) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s: %s", upb_MessageDef_FullName(def),
                     upb_Status_ErrorMessage(&status));
  }
  const upb_MiniTable *table = upb_MessageDef_MiniTable(def);
  if (upb_Encode(message, table, 0, arena, wire, size_bytes) != kUpb_EncodeStatus_Ok) {
    return mesh_fail(err, GRPC_STATUS_INTERNAL, "%s cannot be encoded",
                     upb_MessageDef_FullName(def));
  }
  // The JSON decoder takes any bytes for a string; the wire decoder looks at them.
  if (upb_Decode(*wire, *size_bytes, upb_Message_New(def, arena), table, NULL, 0, arena) !=
      kUpb_DecodeStatus_Ok) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s: a string is no UTF-8",
                     upb_MessageDef_FullName(def));
  }
  return GRPC_STATUS_OK;
}

mesh_code mesh_schema_from_json(const mesh_schema *schema, const char *type, const char *json,
                                uint8_t **out, size_t *size_bytes, mesh_error *err) {
  *out = NULL;
  *size_bytes = 0;
  const upb_MessageDef *def;
  mesh_code code = find_type(schema, type, &def, err);
  if (code != GRPC_STATUS_OK) return code;
  upb_Arena *arena = upb_Arena_New();
  char *wire = NULL;
  code = decode_json(schema, def, json, arena, &wire, size_bytes, err);
  if (code == GRPC_STATUS_OK) {
    *out = malloc(*size_bytes + 1);
    if (*out == NULL) abort();
    if (*size_bytes > 0) memcpy(*out, wire, *size_bytes);
  }
  upb_Arena_Free(arena);
  return code;
}

// ---- methods ----

static const upb_MethodDef *find_method(const mesh_schema *schema, const char *method) {
  char service[256];
  if (*method == '/') method++;
  const char *cut = strrchr(method, '/');
  if (cut == NULL) cut = strrchr(method, '.');
  if (cut == NULL || (size_t)(cut - method) >= sizeof service) return NULL;
  mesh_text_format(service, sizeof service, "%.*s", (int)(cut - method), method);
  const upb_ServiceDef *def = upb_DefPool_FindServiceByName(schema->pool, service);
  return def == NULL ? NULL : upb_ServiceDef_FindMethodByName(def, cut + 1);
}

mesh_code mesh_schema_method(const mesh_schema *schema, const char *method, mesh_method_info *out,
                             mesh_error *err) {
  const upb_MethodDef *def = find_method(schema, method);
  if (def == NULL) return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no method %s", method);
  *out = (mesh_method_info){
      .input_type = upb_MessageDef_FullName(upb_MethodDef_InputType(def)),
      .output_type = upb_MessageDef_FullName(upb_MethodDef_OutputType(def)),
      .streams_requests = upb_MethodDef_ClientStreaming(def),
      .streams_replies = upb_MethodDef_ServerStreaming(def),
  };
  return GRPC_STATUS_OK;
}

const char *mesh_schema_method_name(const mesh_schema *schema, size_t index) {
  for (size_t i = 0; i < schema->file_count; i++) {
    const upb_FileDef *file = schema->files[i].def;
    for (int k = 0; k < upb_FileDef_ServiceCount(file); k++) {
      const upb_ServiceDef *service = upb_FileDef_Service(file, k);
      size_t count = (size_t)upb_ServiceDef_MethodCount(service);
      if (index < count) return upb_MethodDef_FullName(upb_ServiceDef_Method(service, (int)index));
      index -= count;
    }
  }
  return NULL;
}

// ---- text ----

static const char *name_in_upb(const void *type) {
  return upb_MessageDef_FullName(type);
}

static bool find_in_upb(const void *type, uint32_t number, mesh_wire_field *out) {
  const upb_FieldDef *field = upb_MessageDef_FindFieldByNumber(type, number);
  if (field == NULL) return false;
  *out = (mesh_wire_field){.name = upb_FieldDef_Name(field)};
  if (upb_FieldDef_CType(field) == kUpb_CType_String) out->kind = MESH_WIRE_TEXT;
  if (upb_FieldDef_CType(field) == kUpb_CType_Message) {
    out->kind = MESH_WIRE_MESSAGE;
    out->type = upb_FieldDef_MessageSubDef(field);
  }
  return true;
}

bool mesh_schema_wire_type(const mesh_schema *schema, const char *type, mesh_wire_type *out) {
  const upb_MessageDef *def = upb_DefPool_FindMessageByName(schema->pool, type);
  *out = (mesh_wire_type){def, name_in_upb, find_in_upb};
  return def != NULL;
}

// ---- reflection ----

static const schema_file *find_file(const mesh_schema *schema, const char *file) {
  for (size_t i = 0; i < schema->file_count; i++) {
    if (strcmp(upb_FileDef_Name(schema->files[i].def), file) == 0) return &schema->files[i];
  }
  return NULL;
}

bool mesh_schema_file(const mesh_schema *schema, const char *file, mesh_view *out) {
  const schema_file *found = find_file(schema, file);
  if (found != NULL) *out = found->bytes;
  return found != NULL;
}

// upb finds every kind of symbol but methods; a slash is how calls name those, no symbol.
const char *mesh_schema_file_of_symbol(const mesh_schema *schema, const char *symbol) {
  const upb_FileDef *file = upb_DefPool_FindFileContainingSymbol(schema->pool, symbol);
  if (file == NULL && strchr(symbol, '/') == NULL) {
    const upb_MethodDef *method = find_method(schema, symbol);
    if (method != NULL) file = upb_ServiceDef_File(upb_MethodDef_Service(method));
  }
  return file == NULL ? NULL : upb_FileDef_Name(file);
}

const char *mesh_schema_file_of_extension(const mesh_schema *schema, const char *type, int number) {
  const upb_MessageDef *message = upb_DefPool_FindMessageByName(schema->pool, type);
  if (message == NULL) return NULL;
  const upb_FieldDef *extension = upb_DefPool_FindExtensionByNumber(schema->pool, message, number);
  return extension == NULL ? NULL : upb_FileDef_Name(upb_FieldDef_File(extension));
}

const char *mesh_schema_import(const mesh_schema *schema, const char *file, size_t index) {
  const schema_file *found = find_file(schema, file);
  if (found == NULL || index >= (size_t)upb_FileDef_DependencyCount(found->def)) return NULL;
  return upb_FileDef_Name(upb_FileDef_Dependency(found->def, (int)index));
}

int mesh_schema_extensions(const mesh_schema *schema, const char *type, int32_t *out,
                           int capacity) {
  const upb_MessageDef *message = upb_DefPool_FindMessageByName(schema->pool, type);
  if (message == NULL) return -1;
  size_t count;
  const upb_FieldDef **all = upb_DefPool_GetAllExtensions(schema->pool, message, &count);
  for (size_t i = 0; i < count && i < (size_t)capacity; i++) {
    out[i] = (int32_t)upb_FieldDef_Number(all[i]);
  }
  free((void *)all);
  return (int)count;
}

// ---- fields ----

static mesh_field_kind kind_of(const upb_FieldDef *field) {
  if (upb_FieldDef_IsMap(field)) return MESH_FIELD_OTHER;
  switch (upb_FieldDef_CType(field)) {
    case kUpb_CType_String:
      return MESH_FIELD_TEXT;
    case kUpb_CType_Int32:
    case kUpb_CType_UInt32:
    case kUpb_CType_Int64:
    case kUpb_CType_UInt64:
      return MESH_FIELD_INTEGER;
    case kUpb_CType_Bool:
      return MESH_FIELD_BOOL;
    case kUpb_CType_Enum:
      return MESH_FIELD_CHOICE;
    case kUpb_CType_Message:
      return MESH_FIELD_MESSAGE;
    case kUpb_CType_Float:
    case kUpb_CType_Double:
      return MESH_FIELD_NUMBER;
    default:
      return MESH_FIELD_OTHER;
  }
}

static const char *type_of(const upb_FieldDef *field) {
  const upb_MessageDef *message = upb_FieldDef_MessageSubDef(field);
  const upb_EnumDef *choices = upb_FieldDef_EnumSubDef(field);
  if (message != NULL) return upb_MessageDef_FullName(message);
  return choices != NULL ? upb_EnumDef_FullName(choices) : NULL;
}

static void set_range(const upb_FieldDef *field, mesh_field_info *out) {
  upb_CType type = upb_FieldDef_CType(field);
  bool is_unsigned = type == kUpb_CType_UInt32 || type == kUpb_CType_UInt64;
  bool is_narrow = type == kUpb_CType_UInt32 || type == kUpb_CType_Int32;
  out->least = is_unsigned ? 0 : is_narrow ? INT32_MIN : INT64_MIN;
  out->most = !is_narrow ? INT64_MAX : is_unsigned ? UINT32_MAX : INT32_MAX;
}

bool mesh_schema_field(const mesh_schema *schema, const char *type, size_t index,
                       mesh_field_info *out) {
  const upb_MessageDef *message = upb_DefPool_FindMessageByName(schema->pool, type);
  if (message == NULL || index >= (size_t)upb_MessageDef_FieldCount(message)) return false;
  const upb_FieldDef *field = upb_MessageDef_Field(message, (int)index);
  *out = (mesh_field_info){.name = upb_FieldDef_Name(field),
                           .kind = kind_of(field),
                           .list = upb_FieldDef_IsRepeated(field),
                           .type = type_of(field)};
  if (out->kind == MESH_FIELD_INTEGER) set_range(field, out);
  return true;
}

const char *mesh_schema_choice(const mesh_schema *schema, const char *type, size_t index) {
  const upb_EnumDef *choices = upb_DefPool_FindEnumByName(schema->pool, type);
  if (choices == NULL || index >= (size_t)upb_EnumDef_ValueCount(choices)) return NULL;
  return upb_EnumValueDef_Name(upb_EnumDef_Value(choices, (int)index));
}
