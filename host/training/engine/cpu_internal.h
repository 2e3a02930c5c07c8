// The CPU engine's inside: what its loop and its kernels share. Matrices are padded to PAD columns,
// zeros, so that kernels have no tails.
#ifndef MILLRACE_HOST_TRAINING_ENGINE_CPU_INTERNAL_H
#define MILLRACE_HOST_TRAINING_ENGINE_CPU_INTERNAL_H

#include "host/training/engine/cpu_gemm.h"
#include "host/training/engine/engine.h"

enum {
  CPU_PAD = 16,         // floats: the widest vector
  CPU_BLOCK_ROWS = 64,  // of the batch that go through the network together, and stay in cache
  CPU_LAYERS_MAX = TRAIN_HIDDEN_MAX + 1,
};

// One Linear. `weight` (in, out_pad) is transposed, so that a row of inputs times it runs along
// outputs; `back` (out, in_pad) is the same as torch has it, for the way back.
typedef struct cpu_layer {
  int in, out, in_pad, out_pad;
  size_t weight, bias;  // offsets in the padded parameters
  size_t back;          // offset in the transposed weights
} cpu_layer;

// A large network is one whose products a library does. It goes through in larger pieces, and the
// gradients of its weights are found once all rows have come back.
typedef struct cpu_shape {
  train_network network;
  const cpu_gemm *gemm;     // NULL: our own kernels
  int layer_count, widest;  // padded units
  cpu_layer layers[CPU_LAYERS_MAX];
  size_t parameter_count, back_count;  // padded
} cpu_shape;

// What a step reads of the parameters.
typedef struct cpu_weights {
  float *parameters;
  float *back;       // of a network that is not large
  uint16_t *halves;  // the parameters, for a library that takes bf16
} cpu_weights;

// Rows of one step that one worker has, and where it works. Values of layer l are (rows, pad).
typedef struct cpu_worker {
  float *values[CPU_LAYERS_MAX + 1];  // [0]: features; [l + 1]: after layer l
  float *scales[CPU_LAYERS_MAX];      // dropout: what each unit was multiplied by
  float *deltas[CPU_LAYERS_MAX];      // [l]: gradients of what layer l gave
  uint16_t *value_halves[CPU_LAYERS_MAX + 1], *delta_halves[CPU_LAYERS_MAX];
  bool fresh;       // nothing is in `gradient` yet
  float *gradient;  // (parameters), a sum over its rows; of a large network the first one's
  double loss;      // a weighted sum
  int64_t correct;
} cpu_worker;

// A block: some of the attached rows; no more than CPU_BLOCK_ROWS of a network that is not large.
typedef struct cpu_block {
  const train_rows *rows;
  const uint32_t *order;
  int count;
  uint32_t first;  // its first row's place in the batch, for dropout
  int64_t step;
  uint64_t seed;
  float scale;  // 1 / the batch's weight
} cpu_block;

// Rows [first, first + count) of the gradient of a large network's layer, over a batch of `rows`.
typedef struct cpu_stripe {
  int layer, first, count, rows;
} cpu_stripe;

typedef struct cpu_update {
  const train_optimizer *optimizer;
  const cpu_weights *weights;
  float *first, *second;
  const float *gradient;
  float clip;  // what the gradient is multiplied by
  float learning_rate;
  int64_t step;  // this one, from 1
} cpu_update;

// What is compiled once for each instruction set.
typedef struct cpu_kernels {
  const char *name;
  // Forward, loss and backward of a block: adds to the worker's loss and correct, and (but for a
  // large network) to its gradient.
  void (*learn)(const cpu_shape *shape, const cpu_weights *weights, const cpu_block *block,
                cpu_worker *worker);
  // Forward of worker->values[0] (count rows), dropout off: the last values are the outputs.
  void (*forward)(const cpu_shape *shape, const cpu_weights *weights, int count,
                  cpu_worker *worker);
  // A stripe of a large network's gradient, and with the first one that of the biases. `worker` is
  // the first: what it points to begins with the batch's first row.
  void (*gradient)(const cpu_shape *shape, const cpu_stripe *stripe, const cpu_worker *worker);
  // Adds parameters [first, end) of the workers' gradients to the first one's; returns the sum of
  // squares. `first` is a multiple of 1024.
  double (*reduce)(cpu_worker *workers, int count, size_t first, size_t end);
  // Changes parameters [first, end), multiples of CPU_PAD.
  void (*update)(const cpu_update *update, size_t first, size_t end);
  // `back` from the parameters.
  void (*transpose)(const cpu_shape *shape, const cpu_weights *weights);
  // float to bf16, to the nearest, ties to even; `count` is a multiple of CPU_PAD.
  void (*halve)(const float *from, uint16_t *to, size_t count);
} cpu_kernels;

extern const cpu_kernels cpu_kernels_generic, cpu_kernels_avx2, cpu_kernels_avx512;

#endif
