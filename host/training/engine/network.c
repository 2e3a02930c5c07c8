#include "host/training/engine/network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/engine/random.h"

train_optimizer train_optimizer_defaults(train_rule rule) {
  return (train_optimizer){.rule = rule,
                           .weight_decay = 1e-4f,
                           .momentum = 0.9f,
                           .beta1 = 0.9f,
                           .beta2 = rule == TRAIN_RMSPROP ? 0.99f : 0.999f,
                           .epsilon = 1e-8f,
                           .gradient_clip = 1.0f};
}

// ---- check ----

static mesh_code check_width(const char *what, int width, int most, mesh_error *err) {
  if (width >= 1 && width <= most) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s: %d is not in 1..%d", what, width, most);
}

static mesh_code check_loss(const train_network *network, mesh_error *err) {
  bool numbers = network->loss == TRAIN_HUBER;
  if (numbers && network->outputs != 1) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "huber loss has 1 output, not %d",
                     network->outputs);
  }
  float least = numbers ? 1e-9f : 0;
  if (network->loss_parameter >= least && network->loss_parameter <= 100) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s %g is not in %g..100",
                   numbers ? "huber delta" : "focal gamma", (double)network->loss_parameter,
                   (double)least);
}

mesh_code train_network_check(const train_network *network, mesh_error *err) {
  mesh_code code = check_width("inputs", network->inputs, TRAIN_WIDTH_MAX, err);
  if (code == GRPC_STATUS_OK) {
    code = check_width("outputs", network->outputs, TRAIN_TARGETS_MAX, err);
  }
  if (code != GRPC_STATUS_OK) return code;
  if (network->hidden_count < 0 || network->hidden_count > TRAIN_HIDDEN_MAX) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%d hidden layers: at most %d",
                     network->hidden_count, TRAIN_HIDDEN_MAX);
  }
  for (int i = 0; i < network->hidden_count && code == GRPC_STATUS_OK; i++)
    code = check_width("a hidden layer's width", network->hidden[i], TRAIN_WIDTH_MAX, err);
  if (code != GRPC_STATUS_OK) return code;
  if (!(network->dropout >= 0 && network->dropout < 1)) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "dropout %g is not in [0, 1)",
                     (double)network->dropout);
  }
  return check_loss(network, err);
}

// ---- layers ----

int train_network_layers(const train_network *network, train_layer layers[TRAIN_HIDDEN_MAX + 1]) {
  size_t at = 0;
  int in = network->inputs;
  for (int i = 0; i <= network->hidden_count; i++) {
    int out = i < network->hidden_count ? network->hidden[i] : network->outputs;
    size_t weights = (size_t)in * (size_t)out;
    layers[i] = (train_layer){in, out, at, at + weights};
    at += weights + (size_t)out;
    in = out;
  }
  return network->hidden_count + 1;
}

size_t train_network_parameter_count(const train_network *network) {
  train_layer layers[TRAIN_HIDDEN_MAX + 1];
  const train_layer *last = &layers[train_network_layers(network, layers) - 1];
  return last->bias + (size_t)last->out;
}

size_t train_predict_piece(const train_network *network) {
  enum { ROWS_MOST = 4096, PRODUCTS = 1 << 27 };
  size_t rows = PRODUCTS / (train_network_parameter_count(network) + 1);
  return rows < 1 ? 1 : rows > ROWS_MOST ? ROWS_MOST : rows;
}

// ---- initial weights ----

// Numbers [first, first + count), uniform in +-bound; number i is lane i % 4 of counter i / 4.
static void fill_uniform(uint64_t seed, size_t first, size_t count, float bound, float *out) {
  uint32_t random[4] = {0};
  for (size_t i = first; i < first + count; i++) {
    if (i == first || i % 4 == 0) {
      train_random4(seed, (uint32_t)(i / 4), 0, 0, TRAIN_STREAM_WEIGHTS, random);
    }
    *out++ = (2 * train_random_unit(random[i % 4]) - 1) * bound;
  }
}

void train_network_initialize(const train_network *network, uint64_t seed, float *parameters) {
  train_layer layers[TRAIN_HIDDEN_MAX + 1];
  int count = train_network_layers(network, layers);
  for (int i = 0; i < count; i++) {
    size_t size = (size_t)layers[i].out * ((size_t)layers[i].in + 1);
    fill_uniform(seed, layers[i].weight, size, 1 / sqrtf((float)layers[i].in),
                 parameters + layers[i].weight);
  }
}

void train_state_init(train_state *state, const train_network *network, uint64_t seed) {
  size_t count = train_network_parameter_count(network);
  *state = (train_state){.parameter_count = count};
  float **arrays[] = {&state->parameters, &state->first, &state->second};
  for (int i = 0; i < 3; i++) {
    *arrays[i] = calloc(count, sizeof(float));
    if (*arrays[i] == NULL) abort();
  }
  train_network_initialize(network, seed, state->parameters);
}

void train_state_fini(train_state *state) {
  free(state->parameters);
  free(state->first);
  free(state->second);
  *state = (train_state){0};
}
