// What the CUDA kernels know: the network, where its numbers lie on the device, and how far the run
// has come. Kernels run on a GPU and, compiled as plain C++ by tests/emulation, on a CPU: only what
// that header offers may be used here.
#ifndef MILLRACE_HOST_TRAINING_ENGINE_CUDA_PLAN_CUH
#define MILLRACE_HOST_TRAINING_ENGINE_CUDA_PLAN_CUH

extern "C" {
#include "host/training/engine/engine.h"
}
#include <cuda_runtime.h>

#include "host/training/engine/random.h"

enum {
  CUDA_LAYERS_MAX = TRAIN_HIDDEN_MAX + 1,
  CUDA_THREADS = 256,    // of each block
  CUDA_ROWS = 32,        // of a batch that a block of the small network takes at a time
  CUDA_ROW_STRIDE = 33,  // floats from one unit's rows to the next: odd, so that no two threads of
                         // a warp meet in a bank
  CUDA_PARTS_MAX = 256,  // sums of a batch that are added in the end, in order
  CUDA_SPAN = 1024,      // parameters that a block of cuda_reduce() and cuda_update() takes
};

// Passed to kernels by value.
struct cuda_plan {
  train_network network;
  train_optimizer optimizer;
  uint64_t seed;
  int layer_count;
  train_layer layers[CUDA_LAYERS_MAX];
  size_t parameter_count;
  // Of the small network, in floats from the start of a block's shared memory: each layer's weights
  // (in, out | 1) and biases; the values that go into each layer and come out of the last (units,
  // CUDA_ROW_STRIDE); two deltas as large as the widest; what rows have lost; dropout's bytes.
  int weights[CUDA_LAYERS_MAX], biases[CUDA_LAYERS_MAX], values[CUDA_LAYERS_MAX + 1], deltas[2];
  int losses, kept, shared_floats;
};

enum cuda_state { CUDA_RUNNING, CUDA_STOPPED, CUDA_FAILED };

struct cuda_progress {
  int state;
  int64_t step;  // steps done since training began
  train_ran ran;
};

// On the device. A step's kernels read `next`, cuda_reduce() makes it `now`, cuda_update() reads
// that and writes `next`: no kernel reads what its own other blocks write.
struct cuda_control {
  cuda_progress now, next;
  float learning_rate;
};

// What a part of a batch adds up to.
struct cuda_part {
  double loss, weight;
  int correct;
};

// Device addresses, passed to kernels by value.
struct cuda_memory {
  const float *features, *numbers;
  const uint8_t *classes;
  const uint32_t *order;
  float *parameters, *first, *second;  // flat, as in network.h
  float *gradient;                     // one of parameter_count for each part
  cuda_part *parts;
  double *squares;  // of the gradient, for each block of cuda_reduce()
  cuda_control *control;
  const volatile int *stop;  // mapped: the host sets it
};

// A block's own: as much as it was launched with.
#ifdef MILLRACE_CUDA_EMULATION
extern float cuda_shared[];
#else
extern __shared__ float cuda_shared[];
#endif

// ---- activations ----

__device__ static inline float cuda_activate(train_activation activation, float x) {
  switch (activation) {
    case TRAIN_RELU:
      return x > 0 ? x : 0;
    case TRAIN_TANH:
      return tanhf(x);
    case TRAIN_SIGMOID_UNIT:
      return 1 / (1 + expf(-x));
    default:
      return x > 0 ? x : 0.01f * x;
  }
}

// The slope where the activation gave y.
__device__ static inline float cuda_slope(train_activation activation, float y) {
  switch (activation) {
    case TRAIN_RELU:
      return y > 0 ? 1 : 0;
    case TRAIN_TANH:
      return 1 - y * y;
    case TRAIN_SIGMOID_UNIT:
      return y * (1 - y);
    default:
      return y > 0 ? 1 : 0.01f;
  }
}

// Whether dropout keeps a unit: see random.h for the counters. `row` is that of the batch.
__device__ static inline bool cuda_keeps(const cuda_plan &plan, int64_t step, int layer, int row,
                                         int unit) {
  uint64_t number = (uint64_t)row * (uint64_t)plan.layers[layer].out + (uint64_t)unit;
  uint32_t high = ((uint32_t)((uint64_t)step >> 32) << 8) ^ (uint32_t)layer, random[4];
  train_random4(plan.seed, (uint32_t)(number / 4), (uint32_t)step, high, TRAIN_STREAM_DROPOUT,
                random);
  return random[number % 4] >= train_random_threshold(plan.network.dropout);
}

// ---- the loss of a row ----

// Outputs and deltas are `stride` floats apart. The deltas are not yet divided by the batch's
// weight: cuda_reduce() does that.
struct cuda_row {
  double loss;
  float weight;
  bool correct;
};

__device__ static inline cuda_row cuda_score_class(const train_network &network, const float *out,
                                                   float *delta, int stride, int wanted) {
  float most = out[0], sum = 0, p[TRAIN_TARGETS_MAX];
  for (int o = 1; o < network.outputs; o++)
    most = fmaxf(most, out[o * stride]);
  for (int o = 0; o < network.outputs; o++)
    sum += p[o] = expf(out[o * stride] - most);
  float cross = logf(sum) + most - out[wanted * stride], on_loss = 1, on_gradient = 1;
  if (network.loss == TRAIN_FOCAL) {
    float gamma = network.loss_parameter, right = p[wanted] / sum, missing = 1 - right;
    on_loss = on_gradient = powf(missing, gamma);
    if (gamma != 0 && missing > 0) on_gradient += gamma * powf(missing, gamma - 1) * right * cross;
  }
  cuda_row row = {0, network.weighted ? network.class_weights[wanted] : 1, true};
  row.loss = (double)(row.weight * on_loss * cross);
  for (int o = 0; o < network.outputs; o++) {
    float x = out[o * stride], best = out[wanted * stride];
    row.correct = row.correct && (o < wanted ? x < best : x <= best);
    delta[o * stride] = (p[o] / sum - (o == wanted ? 1.0f : 0.0f)) * (row.weight * on_gradient);
  }
  return row;
}

__device__ static inline cuda_row cuda_score_number(const train_network &network, float out,
                                                    float *delta, float wanted) {
  float most = network.loss_parameter, off = out - wanted, size = fabsf(off);
  *delta = size <= most ? off : copysignf(most, off);
  return {(double)(size <= most ? off * off / 2 : most * (size - most / 2)), 1,
          (out > 0) == (wanted > 0)};
}

__device__ static inline cuda_row cuda_score(const cuda_plan &plan, const cuda_memory &memory,
                                             uint32_t from, const float *out, float *delta,
                                             int stride) {
  if (plan.network.loss == TRAIN_HUBER) {
    return cuda_score_number(plan.network, out[0], delta, memory.numbers[from]);
  }
  return cuda_score_class(plan.network, out, delta, stride, memory.classes[from]);
}

#endif
