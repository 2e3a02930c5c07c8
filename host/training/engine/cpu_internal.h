// The CPU engine's inside: what its loop and its kernels share. Matrices are padded to PAD columns,
// zeros, so that kernels have no tails.
#ifndef MILLRACE_HOST_TRAINING_ENGINE_CPU_INTERNAL_H
#define MILLRACE_HOST_TRAINING_ENGINE_CPU_INTERNAL_H

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

typedef struct cpu_shape {
  train_network network;
  int layer_count, widest;  // padded units
  cpu_layer layers[CPU_LAYERS_MAX];
  size_t parameter_count, back_count;  // padded
} cpu_shape;

// Rows of one step that one worker has, and where it works. Values of layer l are (rows, pad).
typedef struct cpu_worker {
  float *values[CPU_LAYERS_MAX + 1];  // [0]: features; [l + 1]: after layer l
  float *scales[CPU_LAYERS_MAX];      // dropout: what each unit was multiplied by
  float *deltas[2];                   // gradients of values, back and forth
  bool fresh;                         // nothing is in `gradient` yet
  float *gradient;                    // (parameters), a sum over its rows
  double loss;                        // a weighted sum
  int64_t correct;
} cpu_worker;

// A block: `count` <= CPU_BLOCK_ROWS rows of the attached ones.
typedef struct cpu_block {
  const train_rows *rows;
  const uint32_t *order;
  int count;
  uint32_t first;  // its first row's place in the batch, for dropout
  int64_t step;
  uint64_t seed;
  float scale;  // 1 / the batch's weight
} cpu_block;

typedef struct cpu_update {
  const train_optimizer *optimizer;
  float *parameters, *first, *second;
  const float *gradient;
  size_t count;
  float clip;  // what the gradient is multiplied by
  float learning_rate;
  int64_t step;  // this one, from 1
} cpu_update;

// What is compiled once for each instruction set.
typedef struct cpu_kernels {
  const char *name;
  // Forward, loss and backward of a block: adds to the worker's gradient, loss and correct.
  void (*learn)(const cpu_shape *shape, const float *parameters, const float *back,
                const cpu_block *block, cpu_worker *worker);
  // Forward of worker->values[0] (count rows), dropout off: the last values are the outputs.
  void (*forward)(const cpu_shape *shape, const float *parameters, int count, cpu_worker *worker);
  // Adds the gradients of the other workers to the first one's; returns the sum of squares.
  double (*reduce)(cpu_worker *workers, int count, size_t size);
  void (*update)(const cpu_update *update);
  // `back` from the parameters.
  void (*transpose)(const cpu_shape *shape, const float *parameters, float *back);
} cpu_kernels;

extern const cpu_kernels cpu_kernels_generic, cpu_kernels_avx2, cpu_kernels_avx512;

#endif
