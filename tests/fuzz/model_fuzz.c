// A model file: any bytes. One that is taken has its weights and can be exported.
#include <stdlib.h>

#include "host/training/model/model.h"
#include "protos/descriptors.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  static mesh_schema *schema;
  mesh_error err;
  if (schema == NULL) {
    mesh_view all = {millrace_descriptors, millrace_descriptors_size};
    if (mesh_schema_create(all, &schema, &err) != GRPC_STATUS_OK) abort();
  }
  model *read;
  if (model_read(NULL, schema, (mesh_view){data, size_bytes}, &read, &err) != GRPC_STATUS_OK) {
    if (read != NULL || err.message[0] == '\0') abort();
    return 0;
  }
  mesh_bytes onnx;
  if (model_to_onnx(NULL, read, &onnx, &err) != GRPC_STATUS_OK) abort();
  free(onnx.data);
  model_destroy(read);
  return 0;
}
