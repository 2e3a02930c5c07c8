#include "host/training/model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/model/tensors.h"
#include "mesh/rpc/pack.h"

#define TYPE "millrace.v1.Model"
#define NOTE "millrace"

enum { NAME_MAX_BYTES = 32, LAYERS_MAX = TRAIN_HIDDEN_MAX + 1 };

typedef struct layer_names {
  char weight[NAME_MAX_BYTES], bias[NAME_MAX_BYTES];
} layer_names;

static void name_layer(int index, layer_names *out) {
  snprintf(out->weight, sizeof out->weight, "layers.%d.weight", index);
  snprintf(out->bias, sizeof out->bias, "layers.%d.bias", index);
}

// ---- packing ----

static mesh_code about_to_json(const mesh_schema *schema, const Millrace__V1__Model *about,
                               char **json, mesh_error *err) {
  mesh_bytes bytes = mesh_message_pack(&about->base);
  mesh_code code = mesh_schema_to_json(schema, TYPE, mesh_bytes_view(bytes), json, err);
  free(bytes.data);
  // Our own message, and the schema has it: a text in it is no UTF-8.
  return code == GRPC_STATUS_OK ? code
                                : mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                                            "what is told of the model is no UTF-8");
}

mesh_code model_pack(const mesh_schema *schema, const Millrace__V1__Model *about,
                     const train_network *network, const float *weights,
                     const dataset_scaling *scaling, mesh_bytes *out, mesh_error *err) {
  train_layer layers[LAYERS_MAX];
  layer_names names[LAYERS_MAX];
  int count = train_network_layers(network, layers);
  tensors *file = tensors_create();
  for (int i = 0; i < count; i++) {
    name_layer(i, &names[i]);
    size_t rows = (size_t)layers[i].out, columns = (size_t)layers[i].in;
    tensors_add(file, names[i].weight, TENSOR_F32, rows, columns, weights + layers[i].weight);
    tensors_add(file, names[i].bias, TENSOR_F32, rows, 0, weights + layers[i].bias);
  }
  size_t inputs = (size_t)network->inputs;
  tensors_add(file, "scaling.offset", TENSOR_F64, inputs, 0, scaling->offset);
  tensors_add(file, "scaling.scale", TENSOR_F64, inputs, 0, scaling->scale);
  char *json = NULL;
  mesh_code code = about_to_json(schema, about, &json, err);
  if (code == GRPC_STATUS_OK) code = tensors_note(file, NOTE, json, err);
  if (code == GRPC_STATUS_OK) tensors_pack(file, out);
  free(json);
  tensors_destroy(file);
  return code;
}

// ---- reading ----

static mesh_code read_about(const mesh_schema *schema, const tensors *file, model *out,
                            mesh_error *err) {
  const char *json = tensors_noted(file, NOTE);
  if (json == NULL) {
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "no model of millrace: note '%s' is missing",
                     NOTE);
  }
  uint8_t *bytes;
  size_t size_bytes;
  mesh_code code = mesh_schema_from_json(schema, TYPE, json, &bytes, &size_bytes, err);
  if (code != GRPC_STATUS_OK) return mesh_error_prefix(err, "the model's note");
  out->about = mesh_message_unpack(&millrace__v1__model__descriptor, bytes, size_bytes);
  free(bytes);
  if (out->about != NULL) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the model's note is malformed");
}

static mesh_code read_strategy(train_stop *stop, const mesh_schema *schema, model *out,
                               mesh_error *err) {
  const Millrace__V1__Model *about = out->about;
  strategy_overrides overrides = {.symbols = (const char *const *)about->symbols,
                                  .symbol_count = about->n_symbols,
                                  .timeframes = (const char *const *)about->timeframes,
                                  .timeframe_count = about->n_timeframes};
  mesh_view text = {(const uint8_t *)about->strategy, strlen(about->strategy)};
  out->zero = strcmp(about->warmup, "zero") == 0;
  return strategy_read(stop, schema, "the model's strategy", text, &overrides, &out->strategy, err);
}

static mesh_code read_layers(train_stop *stop, const tensors *file, model *out, mesh_error *err) {
  const train_network *network = &out->strategy->network;
  train_layer layers[LAYERS_MAX];
  int count = train_network_layers(network, layers);
  out->weight_count = train_network_parameter_count(network);
  out->weights = calloc(out->weight_count, sizeof *out->weights);
  if (out->weights == NULL) abort();
  mesh_code code = GRPC_STATUS_OK;
  for (int i = 0; i < count && code == GRPC_STATUS_OK; i++) {
    layer_names names;
    name_layer(i, &names);
    size_t rows = (size_t)layers[i].out, columns = (size_t)layers[i].in;
    code = tensors_get(file, names.weight, TENSOR_F32, rows * columns,
                       out->weights + layers[i].weight, err);
    if (code != GRPC_STATUS_OK) break;
    code = train_stop_check(stop, err);
    if (code != GRPC_STATUS_OK) break;
    code = tensors_get(file, names.bias, TENSOR_F32, rows, out->weights + layers[i].bias, err);
  }
  return code;
}

static mesh_code read_scaling(const tensors *file, model *out, mesh_error *err) {
  size_t inputs = (size_t)out->strategy->feature_count;
  out->scaling.offset = calloc(inputs, sizeof(double));
  out->scaling.scale = calloc(inputs, sizeof(double));
  if (out->scaling.offset == NULL || out->scaling.scale == NULL) abort();
  mesh_code code =
      tensors_get(file, "scaling.offset", TENSOR_F64, inputs, out->scaling.offset, err);
  if (code != GRPC_STATUS_OK) return code;
  return tensors_get(file, "scaling.scale", TENSOR_F64, inputs, out->scaling.scale, err);
}

mesh_code model_read(train_stop *stop, const mesh_schema *schema, mesh_view file, model **out,
                     mesh_error *err) {
  tensors *read;
  *out = NULL;
  mesh_code code = tensors_read(stop, file, &read, err);
  if (code != GRPC_STATUS_OK) return code;
  model *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  code = read_about(schema, read, own, err);
  if (code == GRPC_STATUS_OK) code = train_stop_check(stop, err);
  if (code == GRPC_STATUS_OK) code = read_strategy(stop, schema, own, err);
  if (code == GRPC_STATUS_OK) code = read_layers(stop, read, own, err);
  if (code == GRPC_STATUS_OK) code = read_scaling(read, own, err);
  tensors_destroy(read);
  if (code == GRPC_STATUS_OK) {
    *out = own;
  } else {
    model_destroy(own);
  }
  return code;
}

void model_destroy(model *own) {
  if (own == NULL) return;
  if (own->about != NULL) millrace__v1__model__free_unpacked(own->about, NULL);
  strategy_destroy(own->strategy);
  free(own->weights);
  free(own->scaling.offset);
  free(own->scaling.scale);
  free(own);
}
