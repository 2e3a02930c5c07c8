// JSON that a person gave, and messages that are shown as JSON: the first byte chooses which way
// and the type. What decodes as a message has JSON.
#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/schema.h"
#include "protos/descriptors.h"
#include "tests/fuzz/target.h"

static const char *const types[] = {"millrace.v1.OperationEvent", "millrace.v1.Model",
                                    "millrace.v1.LoadRequest",    "google.longrunning.Operation",
                                    "millrace.v1.Strategy",       "millrace.v1.Operation",
                                    "google.rpc.Status",          "millrace.v1.BarBatch"};

static void from_json(const mesh_schema *schema, const char *type, const char *json) {
  uint8_t *bytes;
  size_t size_bytes;
  mesh_error err;
  char *back;
  if (mesh_schema_from_json(schema, type, json, &bytes, &size_bytes, &err) != GRPC_STATUS_OK)
    return;
  if (mesh_schema_to_json(schema, type, (mesh_view){bytes, size_bytes}, &back, &err) !=
      GRPC_STATUS_OK) {
    abort();
  }
  free(back);
  free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  static mesh_schema *schema;
  mesh_error err;
  if (schema == NULL) {
    mesh_view all = {millrace_descriptors, millrace_descriptors_size};
    if (mesh_schema_create(all, &schema, &err) != GRPC_STATUS_OK) abort();
  }
  if (size_bytes == 0) return 0;
  const char *type = types[data[0] % (sizeof types / sizeof *types)];
  char *text = strndup((const char *)data + 1, size_bytes - 1);
  if (text == NULL) abort();
  if (data[0] & 0x80) {
    char *json;
    mesh_view message = {data + 1, size_bytes - 1};
    if (mesh_schema_to_json(schema, type, message, &json, &err) == GRPC_STATUS_OK) {
      free(json);
    } else if (strstr(err.message, " are no ") == NULL) {
      abort();
    }
  } else {
    from_json(schema, type, text);
  }
  // What reflection looks up.
  mesh_view file;
  (void)mesh_schema_file(schema, text, &file);
  (void)mesh_schema_file_of_symbol(schema, text);
  (void)mesh_schema_file_of_extension(schema, text, 1000);
  free(text);
  return 0;
}
