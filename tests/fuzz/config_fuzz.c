// A configuration file: any bytes.
#include <stdio.h>
#include <stdlib.h>

#include "mesh/program/config.h"
#include "protos/descriptors.h"
#include "tests/fuzz/file.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  static mesh_schema *schema;
  mesh_error err;
  if (schema == NULL) {
    mesh_view all = {millrace_descriptors, millrace_descriptors_size};
    if (mesh_schema_create(all, &schema, &err) != GRPC_STATUS_OK) abort();
  }
  mesh_config *config;
  if (mesh_config_create(schema, "millrace.v1.Config", NULL, 0, &config, &err) != GRPC_STATUS_OK) {
    abort();
  }
  fuzz_file file;
  fuzz_file_open(&file, data, size_bytes);
  mesh_code code = mesh_config_load_yaml(config, file.path, &err);
  if (code != GRPC_STATUS_OK && err.message[0] == '\0') abort();
  mesh_setting setting;
  for (size_t i = 0; mesh_config_setting(config, i, &setting); i++) {
    if (setting.text == NULL || setting.origin == NULL) abort();
  }
  fuzz_file_close(&file);
  mesh_config_destroy(config);
  return 0;
}
