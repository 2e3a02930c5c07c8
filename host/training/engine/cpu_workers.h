// cpu_workers: the padded shape of a network, and where the CPU engine's workers keep the rows that
// they are at. Not thread-safe; a worker belongs to one thread at a time.
#ifndef MILLRACE_HOST_TRAINING_ENGINE_CPU_WORKERS_H
#define MILLRACE_HOST_TRAINING_ENGINE_CPU_WORKERS_H

#include "host/training/engine/cpu_internal.h"

// `gemm` NULL: not a large network.
void cpu_shape_init(cpu_shape *shape, const train_network *network, const cpu_gemm *gemm);

// Between the flat vector of network.h and the padded one.
void cpu_shape_pad(const cpu_shape *shape, const float *flat, float *padded);
void cpu_shape_flatten(const cpu_shape *shape, const float *padded, float *flat);

// Zeros, aligned for vectors; released with free(). Out of memory aborts.
float *cpu_floats(size_t count);

// A network that is not large: each worker has a block of its own, and a gradient. A large one:
// each has `rows` rows of arrays for the whole batch, and all have one gradient.
typedef struct cpu_workers {
  cpu_worker *at;
  int count;
  int rows;  // that a worker has room for
  cpu_stripe *stripes;
  int stripe_count;
  void **owned;  // arrays that the workers point into
  size_t owned_count, bytes;
  bool counts_only;
} cpu_workers;

void cpu_workers_init(cpu_workers *workers, const cpu_shape *shape, int batch_rows);
void cpu_workers_fini(cpu_workers *workers);
// What their arrays take.
size_t cpu_workers_bytes(const cpu_shape *shape, int batch_rows);

// How many of them share `rows` rows, and which ones worker `index` of these has: a matter of the
// numbers of rows alone, so that sums are the same whatever the number of threads.
int cpu_workers_busy(const cpu_workers *workers, const cpu_shape *shape, int rows);
typedef struct cpu_range {
  int first, end;
} cpu_range;
cpu_range cpu_workers_range(const cpu_workers *workers, const cpu_shape *shape, int rows,
                            int index);

#endif
