#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/model/model.h"
#include "mesh/rpc/pack.h"
#include "mesh/runtime/text.h"
#include "onnx/onnx.pb-c.h"

// onnx.proto's "IR_VERSION_2020_5_8" and opset 13: the oldest with all that is used here.
enum { IR_VERSION = 7, OPSET = 13, FLOAT = 1, TENSORS_MAX = 2 * (TRAIN_HIDDEN_MAX + 1) + 2 };
enum { NODES_MAX = 2 * (TRAIN_HIDDEN_MAX + 1) + 3, TEXT_MAX = 32 };

// A graph in the making: messages that point to each other, all in one place.
typedef struct drawing {
  Onnx__NodeProto nodes[NODES_MAX], *node_list[NODES_MAX];
  char *ins[NODES_MAX][3], *outs[NODES_MAX][1], texts[NODES_MAX][TEXT_MAX];
  Onnx__AttributeProto attributes[NODES_MAX], *attribute_list[NODES_MAX][1];
  size_t nodes_made;
  Onnx__TensorProto tensors[TENSORS_MAX], *tensor_list[TENSORS_MAX];
  int64_t dims[TENSORS_MAX][2];
  char tensor_names[TENSORS_MAX][TEXT_MAX];
  size_t tensors_made;
  char *last;  // the name of the newest value
} drawing;

// ---- pieces ----

static char *add_tensor(drawing *own, const char *name, const float *numbers, int rows,
                        int columns) {
  size_t i = own->tensors_made++;
  Onnx__TensorProto *tensor = &own->tensors[i];
  onnx__tensor_proto__init(tensor);
  mesh_text_copy(own->tensor_names[i], TEXT_MAX, name);
  own->dims[i][0] = rows;
  own->dims[i][1] = columns;
  tensor->name = own->tensor_names[i];
  tensor->has_data_type = 1;
  tensor->data_type = FLOAT;
  tensor->n_dims = columns > 0 ? 2 : 1;
  tensor->dims = own->dims[i];
  tensor->has_raw_data = 1;
  tensor->raw_data.len = (size_t)rows * (size_t)(columns > 0 ? columns : 1) * sizeof *numbers;
  tensor->raw_data.data = (uint8_t *)(uintptr_t)numbers;
  own->tensor_list[i] = tensor;
  return tensor->name;
}

// A node that takes the newest value (and up to two constants) and makes the next.
static Onnx__NodeProto *add_node(drawing *own, const char *type, char *second, char *third,
                                 const char *output) {
  size_t i = own->nodes_made++;
  Onnx__NodeProto *node = &own->nodes[i];
  onnx__node_proto__init(node);
  mesh_text_copy(own->texts[i], TEXT_MAX, output);
  own->ins[i][0] = own->last;
  own->ins[i][1] = second;
  own->ins[i][2] = third;
  own->outs[i][0] = own->texts[i];
  node->op_type = (char *)(uintptr_t)type;
  node->name = own->texts[i];
  node->n_input = 1 + (second != NULL) + (third != NULL);
  node->input = own->ins[i];
  node->n_output = 1;
  node->output = own->outs[i];
  own->node_list[i] = node;
  own->last = own->texts[i];
  return node;
}

static void add_attribute(drawing *own, Onnx__NodeProto *node, const char *name, bool whole,
                          int64_t number, float fraction) {
  size_t i = (size_t)(node - own->nodes);
  Onnx__AttributeProto *attribute = &own->attributes[i];
  onnx__attribute_proto__init(attribute);
  attribute->name = (char *)(uintptr_t)name;
  attribute->has_type = 1;
  attribute->type = whole ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT
                          : ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
  attribute->has_i = whole;
  attribute->i = number;
  attribute->has_f = !whole;
  attribute->f = fraction;
  own->attribute_list[i][0] = attribute;
  node->n_attribute = 1;
  node->attribute = own->attribute_list[i];
}

static void add_activation(drawing *own, train_activation activation, int index) {
  static const char *const types[] = {"Relu", "Tanh", "Sigmoid", "LeakyRelu"};
  char name[TEXT_MAX];
  snprintf(name, sizeof name, "activation%d", index);
  Onnx__NodeProto *node = add_node(own, types[activation], NULL, NULL, name);
  if (activation == TRAIN_LEAKY_RELU) add_attribute(own, node, "alpha", false, 0, 0.01f);
}

static void add_linear(drawing *own, const train_layer *layer, const float *weights, int index,
                       const char *output) {
  char name[TEXT_MAX];
  snprintf(name, sizeof name, "layers.%d.weight", index);
  char *weight = add_tensor(own, name, weights + layer->weight, layer->out, layer->in);
  snprintf(name, sizeof name, "layers.%d.bias", index);
  char *bias = add_tensor(own, name, weights + layer->bias, layer->out, 0);
  add_attribute(own, add_node(own, "Gemm", weight, bias, output), "transB", true, 1, 0);
}

// (x - offset) * scale, where some feature is scaled at all. `numbers` holds both.
static void add_scaling(drawing *own, const model *from, float *numbers) {
  int inputs = from->strategy->feature_count;
  bool needed = false;
  for (int i = 0; i < inputs; i++) {
    numbers[i] = (float)from->scaling.offset[i];
    numbers[inputs + i] = (float)from->scaling.scale[i];
    needed = needed || from->scaling.offset[i] != 0 || from->scaling.scale[i] != 1;
  }
  if (!needed) return;
  add_node(own, "Sub", add_tensor(own, "offset", numbers, inputs, 0), NULL, "centered");
  add_node(own, "Mul", add_tensor(own, "scale", numbers + inputs, inputs, 0), NULL, "scaled");
}

static void draw(drawing *own, const model *from, float *scaling) {
  const train_network *network = &from->strategy->network;
  train_layer layers[TRAIN_HIDDEN_MAX + 1];
  int count = train_network_layers(network, layers);
  own->last = "features";
  add_scaling(own, from, scaling);
  for (int i = 0; i < count; i++) {
    char name[TEXT_MAX];
    snprintf(name, sizeof name, i + 1 < count ? "linear%d" : "outputs", i);
    add_linear(own, &layers[i], from->weights, i, name);
    if (i + 1 < count) add_activation(own, network->activation, i);
  }
  if (network->outputs > 1) {
    Onnx__NodeProto *softmax = add_node(own, "Softmax", NULL, NULL, "probabilities");
    add_attribute(own, softmax, "axis", true, 1, 0);
  }
}

// ---- what goes in and out ----

typedef struct value {
  Onnx__ValueInfoProto info;
  Onnx__TypeProto type;
  Onnx__TypeProto__Tensor tensor;
  Onnx__TensorShapeProto shape;
  Onnx__TensorShapeProto__Dimension sides[2], *side_list[2];
} value;

static Onnx__ValueInfoProto *describe(value *own, const char *name, int columns) {
  onnx__value_info_proto__init(&own->info);
  onnx__type_proto__init(&own->type);
  onnx__type_proto__tensor__init(&own->tensor);
  onnx__tensor_shape_proto__init(&own->shape);
  for (int i = 0; i < 2; i++) {
    onnx__tensor_shape_proto__dimension__init(&own->sides[i]);
    own->side_list[i] = &own->sides[i];
  }
  own->sides[0].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
  own->sides[0].dim_param = "rows";
  own->sides[1].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
  own->sides[1].dim_value = columns;
  own->shape.n_dim = 2;
  own->shape.dim = own->side_list;
  own->tensor.has_elem_type = 1;
  own->tensor.elem_type = FLOAT;
  own->tensor.shape = &own->shape;
  own->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
  own->type.tensor_type = &own->tensor;
  own->info.name = (char *)(uintptr_t)name;
  own->info.type = &own->type;
  return &own->info;
}

static char *join_features(const Millrace__V1__Model *about) {
  mesh_bytes all = {0};
  mesh_bytes_append(&all, (mesh_view){(const uint8_t *)"", 0});
  for (size_t i = 0; i < about->n_features; i++) {
    if (i > 0) mesh_bytes_append(&all, (mesh_view){(const uint8_t *)",", 1});
    const char *name = about->features[i];
    mesh_bytes_append(&all, (mesh_view){(const uint8_t *)name, strlen(name)});
  }
  return (char *)all.data;
}

static bool go_on(void *stop) {
  return !train_stopped(stop);
}

static mesh_code pack(train_stop *stop, const model *from, Onnx__GraphProto *graph, mesh_bytes *out,
                      mesh_error *err) {
  Onnx__ModelProto file = ONNX__MODEL_PROTO__INIT;
  Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets[] = {&opset};
  Onnx__StringStringEntryProto features = ONNX__STRING_STRING_ENTRY_PROTO__INIT;
  Onnx__StringStringEntryProto *properties[] = {&features};
  opset.domain = "";
  opset.has_version = 1;
  opset.version = OPSET;
  file.has_ir_version = 1;
  file.ir_version = IR_VERSION;
  file.producer_name = "millrace";
  file.n_opset_import = 1;
  file.opset_import = opsets;
  file.graph = graph;
  features.key = "features";
  features.value = join_features(from->about);
  file.n_metadata_props = 1;
  file.metadata_props = properties;
  bool whole = mesh_message_pack_while(&file.base, go_on, stop, out);
  free(features.value);
  return whole ? GRPC_STATUS_OK : train_stop_check(stop, err);
}

mesh_code model_to_onnx(train_stop *stop, const model *from, mesh_bytes *out, mesh_error *err) {
  drawing *own = calloc(1, sizeof *own);
  float *scaling = calloc(2 * (size_t)from->strategy->feature_count, sizeof *scaling);
  if (own == NULL || scaling == NULL) abort();
  draw(own, from, scaling);
  const train_network *network = &from->strategy->network;
  value input, outputs, probabilities;
  Onnx__ValueInfoProto *in[] = {describe(&input, "features", network->inputs)};
  Onnx__ValueInfoProto *outs[] = {describe(&outputs, "outputs", network->outputs),
                                  describe(&probabilities, "probabilities", network->outputs)};
  Onnx__GraphProto graph = ONNX__GRAPH_PROTO__INIT;
  graph.name = from->strategy->name;
  graph.n_node = own->nodes_made;
  graph.node = own->node_list;
  graph.n_initializer = own->tensors_made;
  graph.initializer = own->tensor_list;
  graph.n_input = 1;
  graph.input = in;
  graph.n_output = network->outputs > 1 ? 2 : 1;
  graph.output = outs;
  mesh_code code = pack(stop, from, &graph, out, err);
  free(scaling);
  free(own);
  return code;
}
