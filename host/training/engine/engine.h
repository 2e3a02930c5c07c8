// train_engine: one network being trained on one device. The same interface on the CPU and in CUDA.
// Not thread-safe: one caller at a time, on any thread. Deterministic: on one kind of device, the
// same state, data and order give the same bits, with any number of threads.
#ifndef MILLRACE_HOST_TRAINING_ENGINE_ENGINE_H
#define MILLRACE_HOST_TRAINING_ENGINE_ENGINE_H

#include <stddef.h>

#include "host/training/engine/network.h"
#include "host/training/stop.h"

typedef struct train_engine train_engine;

// What an engine is made for. Copied.
typedef struct train_setup {
  train_network network;
  train_optimizer optimizer;
  uint64_t seed;   // of dropout
  int batch_rows;  // the largest step
} train_setup;

// Rows to learn from: features (count, inputs) row-major; `classes` for cross entropy and focal,
// `numbers` for huber; the other is NULL. Borrowed while attached.
typedef struct train_rows {
  size_t count;
  const float *features;
  const uint8_t *classes;
  const float *numbers;
} train_rows;

// A piece of training: steps over `order` (row numbers of the attached rows), `batch_rows` at a
// time, the last one with what is left.
typedef struct train_run {
  const uint32_t *order;
  size_t count;
  int batch_rows;
  float learning_rate;
  train_stop *stop;  // looked at before each step, and within a long one; may be NULL
} train_run;

// What a piece of training did; filled also where it failed.
typedef struct train_ran {
  int64_t steps;
  size_t rows;
  double loss_sum;   // sum of each step's loss times its rows: / rows is the mean
  int64_t correct;   // rows whose greatest output was the class, before the step that they were in
  double last_loss;  // of the last step
  double last_norm;  // of the gradient, before clipping
} train_ran;

// Who does the work: the functions below call these.
typedef struct train_engine_table {
  void (*destroy)(train_engine *engine);
  mesh_code (*attach)(train_engine *engine, const train_rows *rows, mesh_error *err);
  mesh_code (*load)(train_engine *engine, const train_state *state, mesh_error *err);
  mesh_code (*store)(train_engine *engine, train_state *state, mesh_error *err);
  mesh_code (*run)(train_engine *engine, const train_run *run, train_ran *ran, mesh_error *err);
  mesh_code (*predict)(train_engine *engine, const float *features, size_t count, float *outputs,
                       mesh_error *err);
} train_engine_table;

struct train_engine {
  const train_engine_table *table;
  char device[96];  // for people: "cpu avx512, 2 threads", "cuda:0 NVIDIA H100"
};

// Releases an engine, its threads and its device's memory. NULL is fine.
static inline void train_engine_destroy(train_engine *engine) {
  if (engine != NULL) engine->table->destroy(engine);
}

// Makes `rows` what run() learns from (a GPU copies them). RESOURCE_EXHAUSTED names the bytes that
// the device lacks.
MESH_NODISCARD static inline mesh_code train_engine_attach(train_engine *engine,
                                                           const train_rows *rows,
                                                           mesh_error *err) {
  return engine->table->attach(engine, rows, err);
}

// Takes the state in, gives it out: copies, bit for bit. A new engine has no state: load first.
MESH_NODISCARD static inline mesh_code train_engine_load(train_engine *engine,
                                                         const train_state *state,
                                                         mesh_error *err) {
  return engine->table->load(engine, state, err);
}
MESH_NODISCARD static inline mesh_code train_engine_store(train_engine *engine, train_state *state,
                                                          mesh_error *err) {
  return engine->table->store(engine, state, err);
}

// Trains until the order is used up or `stop`: OK in both cases, ran->rows tells. A step that is
// stopped in its middle was not made. A step whose loss
// or gradient is not finite changes nothing and ends it: OUT_OF_RANGE names the step and the
// number.
MESH_NODISCARD static inline mesh_code train_engine_run(train_engine *engine, const train_run *run,
                                                        train_ran *ran, mesh_error *err) {
  return engine->table->run(engine, run, ran, err);
}

// The network's outputs (count, outputs), dropout off, before softmax, for rows of features
// (count, inputs) on the host.
MESH_NODISCARD static inline mesh_code train_engine_predict(train_engine *engine,
                                                            const float *features, size_t count,
                                                            float *outputs, mesh_error *err) {
  return engine->table->predict(engine, features, count, outputs, err);
}

// ---- the CPU ----

typedef enum train_isa {
  TRAIN_ISA_BEST,  // what the processor has
  TRAIN_ISA_GENERIC,
  TRAIN_ISA_AVX2,
  TRAIN_ISA_AVX512,
} train_isa;

// Who multiplies matrices.
typedef enum train_products {
  TRAIN_PRODUCTS_BEST,      // our own kernels; a network of large layers is OpenBLAS's where it is
  TRAIN_PRODUCTS_OWN,       // always our own
  TRAIN_PRODUCTS_OPENBLAS,  // always OpenBLAS
  TRAIN_PRODUCTS_BF16,      // oneDNN: bf16 factors, fp32 sums and state; AMX or AVX512_BF16
} train_products;

typedef struct train_cpu_options {
  int threads;    // 0: one a core
  train_isa isa;  // the numbers differ in their last bits from one to another
  train_products products;
} train_cpu_options;

// INVALID_ARGUMENT: as train_network_check(), or an instruction set that is not there. UNAVAILABLE:
// a library that was asked for is not. `options` may be NULL. On OK the caller owns *out.
MESH_NODISCARD mesh_code train_cpu_create(const train_setup *setup,
                                          const train_cpu_options *options, train_engine **out,
                                          mesh_error *err);

// Bytes that such an engine takes, the rows not counted. 0: none can be made.
size_t train_cpu_bytes(const train_setup *setup, const train_cpu_options *options);

// Call once, while the program has one thread: tells OpenBLAS, which is opened later, to start no
// threads and to use AVX-512 where it would not find it. What the environment already says stands.
void train_cpu_prepare(void);

#endif
