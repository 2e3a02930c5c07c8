// export DIRECTORY ACTIVATION: a model with weights of a seed, as model.onnx; rows of features, as
// rows.f32; and what our own network makes of them, as outputs.f32. For onnx_test.sh.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/engine/random.h"
#include "host/training/model/model.h"
#include "mesh/program/file.h"
#include "protos/descriptors.h"

enum { ROWS = 200 };

static const char template_text[] =
    "name: exported\n"
    "training_data:\n"
    "  symbols: {mode: single, symbol: SPX}\n"
    "  timeframes: {mode: single, timeframe: 1d}\n"
    "indicators:\n"
    "  rsi_14: {type: rsi}\n"
    "  bands: {type: bollinger_bands}\n"
    "fuzzy_sets:\n"
    "  momentum: {indicator: rsi_14, low: [0, 20, 40], middle: [30, 50, 70], high: [60, 80, 100]}\n"
    "nn_inputs:\n"
    "  - {fuzzy_set: momentum, timeframes: all}\n"
    "  - {raw_indicator: bands.upper, timeframes: all, normalization: zscore}\n"
    "model:\n"
    "  architecture: {hidden_layers: [33, 17], activation: %s}\n"
    "training:\n"
    "  labels: {source: %s}\n";

static void must(mesh_code code, const mesh_error *err) {
  if (code == GRPC_STATUS_OK) return;
  fprintf(stderr, "export: %s\n", err->message);
  exit(1);
}

static void write_file(const char *directory, const char *name, const void *data, size_t size) {
  char path[4096];
  mesh_error err;
  snprintf(path, sizeof path, "%s/%s", directory, name);
  must(mesh_file_write(path, (mesh_view){data, size}, &err), &err);
}

static float number(uint32_t index) {
  uint32_t random[4];
  train_random4(5, index, 0, 0, 9, random);
  return train_random_unit(random[0]);
}

// Packs a model and reads it back, so that the file is in the test, too.
static model *make_model(const mesh_schema *schema, char *text, strategy *strategy) {
  train_state state;
  train_state_init(&state, &strategy->network, 3);
  double offsets[] = {0, 0, 0, 1400.25}, scales[] = {1, 1, 1, 1 / 310.5};
  dataset_scaling scaling = {offsets, scales};
  Millrace__V1__Model about = MILLRACE__V1__MODEL__INIT;
  char *features[4];
  for (int i = 0; i < 4; i++)
    features[i] = strategy->features[i].name;
  about.name = strategy->name;
  about.strategy = text;
  about.n_features = 4;
  about.features = features;
  mesh_bytes file;
  mesh_error err;
  must(model_pack(schema, &about, &strategy->network, state.parameters, &scaling, &file, &err),
       &err);
  model *read;
  must(model_read(NULL, schema, mesh_bytes_view(file), &read, &err), &err);
  if (memcmp(read->weights, state.parameters, state.parameter_count * sizeof(float)) != 0) abort();
  free(file.data);
  train_state_fini(&state);
  return read;
}

static void predict(const model *from, const float *rows, float *outputs) {
  train_setup setup = {.network = from->strategy->network,
                       .optimizer = from->strategy->learning.optimizer,
                       .batch_rows = 1};
  train_state state;
  train_engine *engine;
  mesh_error err;
  train_state_init(&state, &setup.network, 0);
  memcpy(state.parameters, from->weights, from->weight_count * sizeof(float));
  must(train_cpu_create(&setup, NULL, &engine, &err), &err);
  must(train_engine_load(engine, &state, &err), &err);
  must(train_engine_predict(engine, rows, ROWS, outputs, &err), &err);
  train_engine_destroy(engine);
  train_state_fini(&state);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  char text[2048];
  bool numbers = strcmp(argv[2], "sigmoid") == 0;  // one of them has a number as its output
  snprintf(text, sizeof text, template_text, argv[2], numbers ? "forward_return" : "zigzag");
  mesh_schema *schema;
  strategy *strategy;
  mesh_error err;
  must(mesh_schema_create((mesh_view){millrace_descriptors, millrace_descriptors_size}, &schema,
                          &err),
       &err);
  mesh_view view = {(const uint8_t *)text, strlen(text)};
  must(strategy_read(NULL, schema, "exported.yaml", view, NULL, &strategy, &err), &err);
  model *made = make_model(schema, text, strategy);

  static float raw[ROWS * 4], scaled[ROWS * 4], outputs[ROWS * 3];
  for (uint32_t i = 0; i < ROWS * 4; i++) {
    raw[i] = i % 4 == 3 ? 1000 + 1000 * number(i) : number(i);
    scaled[i] =
        (float)(((double)raw[i] - made->scaling.offset[i % 4]) * made->scaling.scale[i % 4]);
  }
  predict(made, scaled, outputs);
  mesh_bytes onnx;
  must(model_to_onnx(NULL, made, &onnx, &err), &err);
  write_file(argv[1], "model.onnx", onnx.data, onnx.size_bytes);
  write_file(argv[1], "rows.f32", raw, sizeof raw);
  size_t count = (size_t)ROWS * (size_t)made->strategy->network.outputs;
  write_file(argv[1], "outputs.f32", outputs, count * sizeof *outputs);
  free(onnx.data);
  model_destroy(made);
  strategy_destroy(strategy);
  mesh_schema_destroy(schema);
  return 0;
}
