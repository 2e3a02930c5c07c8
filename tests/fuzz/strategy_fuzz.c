// The strategy reader: any bytes as a file. What it takes can be computed with: its numbers are in
// range, its references are there.
#include <stdlib.h>
#include <string.h>

#include "host/training/strategy/strategy.h"
#include "protos/descriptors.h"
#include "tests/fuzz/target.h"

static void check(const strategy *own) {
  for (int i = 0; i < own->feature_count; i++) {
    const strategy_feature *feature = &own->features[i];
    if (feature->indicator < 0 || feature->indicator >= own->indicator_count) abort();
    if (feature->timeframe < 0 || feature->timeframe >= own->timeframe_count) abort();
    const char *const *outputs = own->indicators[feature->indicator].row->outputs;
    if (feature->output < 0 || outputs[feature->output] == NULL) abort();
  }
  if (own->feature_count < 1 || own->symbol_count < 1) abort();
  if (train_network_check(&own->network, NULL) != GRPC_STATUS_OK) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  static mesh_schema *schema;
  mesh_error err;
  if (schema == NULL) {
    mesh_view all = {millrace_descriptors, millrace_descriptors_size};
    if (mesh_schema_create(all, &schema, &err) != GRPC_STATUS_OK) abort();
  }
  strategy *read;
  mesh_view text = {data, size_bytes};
  if (strategy_read(NULL, schema, "fuzz.yaml", text, NULL, &read, &err) != GRPC_STATUS_OK) {
    if (err.message[0] == '\0') abort();
    return 0;
  }
  check(read);
  strategy_destroy(read);
  return 0;
}
