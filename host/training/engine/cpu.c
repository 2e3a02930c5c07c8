#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/training/engine/cpu_internal.h"
#include "host/training/engine/cpu_threads.h"
#include "host/training/engine/cpu_workers.h"
#include "mesh/runtime/text.h"

enum {
  SPAN = 4096,              // parameters that are reduced or changed together
  PREDICT_ROWS = 256,       // fewer are not worth another worker
  LOOK_PRODUCTS = 1 << 23,  // of parameters and rows, between two looks of a worker at the stop
  LARGE_WIDTHS = 1 << 20,   // inputs times outputs of a layer that makes a network a large one
};

typedef struct cpu_engine {
  train_engine base;  // first: what callers hold
  train_setup setup;
  cpu_shape shape;
  const cpu_kernels *kernels;
  cpu_threads *threads;  // NULL: one
  train_rows rows;       // attached
  int64_t step;
  cpu_weights weights;  // padded, as are the next two
  float *first, *second;
  cpu_workers workers;
  int span_count;
  double *squares;  // of the gradient, by span
  // Of the step that runs: what workers read.
  const uint32_t *order;
  int batch, busy;
  float scale;
  cpu_update update;
  train_stop *stop;
  size_t look_rows;  // of a worker, between two looks
  atomic_bool cut;   // a worker has heard the stop: the step is not made
  // Of the prediction that runs.
  const float *features;
  size_t feature_rows;
  int slices;
  float *outputs;
} cpu_engine;

// ---- a step: pieces of work, each by some thread ----

// True if the step that runs is to be given up.
static bool is_cut(cpu_engine *own, size_t *done, size_t rows) {
  *done += rows;
  if (*done >= own->look_rows) {
    *done = 0;
    if (train_stopped(own->stop)) atomic_store_explicit(&own->cut, true, memory_order_relaxed);
  }
  return atomic_load_explicit(&own->cut, memory_order_relaxed);
}

// Worker `index` takes its part of the batch, block by block.
static void learn(void *arg, int index) {
  cpu_engine *own = arg;
  cpu_worker *worker = &own->workers.at[index];
  cpu_range range = cpu_workers_range(&own->workers, &own->shape, own->batch, index);
  worker->fresh = true;
  worker->loss = 0;
  worker->correct = 0;
  size_t done = 0;
  for (int at = range.first; at < range.end; at += own->workers.rows) {
    int left = range.end - at;
    if (is_cut(own, &done, (size_t)own->workers.rows)) return;
    cpu_block block = {.rows = &own->rows,
                       .order = own->order + at,
                       .count = left < own->workers.rows ? left : own->workers.rows,
                       .first = (uint32_t)at,
                       .step = own->step,
                       .seed = own->setup.seed,
                       .scale = own->scale};
    own->kernels->learn(&own->shape, &own->weights, &block, worker);
  }
}

static void find_gradient(void *arg, int index) {
  cpu_engine *own = arg;
  cpu_stripe stripe = own->workers.stripes[index];
  size_t done = own->look_rows;
  if (is_cut(own, &done, 0)) return;
  stripe.rows = own->batch;
  own->kernels->gradient(&own->shape, &stripe, &own->workers.at[0]);
}

static size_t end_of_span(const cpu_engine *own, int index) {
  size_t end = ((size_t)index + 1) * SPAN;
  return end < own->shape.parameter_count ? end : own->shape.parameter_count;
}

static void reduce(void *arg, int index) {
  cpu_engine *own = arg;
  int gradients = own->shape.gemm != NULL ? 1 : own->busy;
  own->squares[index] = own->kernels->reduce(own->workers.at, gradients, (size_t)index * SPAN,
                                             end_of_span(own, index));
}

static void update(void *arg, int index) {
  cpu_engine *own = arg;
  size_t first = (size_t)index * SPAN, end = end_of_span(own, index);
  own->kernels->update(&own->update, first, end);
  if (own->weights.halves != NULL) {
    own->kernels->halve(own->weights.parameters + first, own->weights.halves + first, end - first);
  }
}

// ---- a step ----

static double weight_of_batch(const cpu_engine *own) {
  const train_network *network = &own->shape.network;
  if (!network->weighted || own->rows.classes == NULL) return own->batch;
  double sum = 0;
  for (int i = 0; i < own->batch; i++)
    sum += (double)network->class_weights[own->rows.classes[own->order[i]]];
  return sum;
}

// The gradient of the batch, in the first worker's, and its norm.
static double find_norm(cpu_engine *own) {
  double sum = 0;
  own->busy = cpu_workers_busy(&own->workers, &own->shape, own->batch);
  cpu_threads_run(own->threads, own->busy, learn, own);
  if (own->shape.gemm != NULL) {
    cpu_threads_run(own->threads, own->workers.stripe_count, find_gradient, own);
  }
  cpu_threads_run(own->threads, own->span_count, reduce, own);
  for (int i = 0; i < own->span_count; i++)
    sum += own->squares[i];
  return sqrt(sum);
}

static void change(cpu_engine *own, double norm, float learning_rate) {
  float most = own->setup.optimizer.gradient_clip;
  double clip = most > 0 && norm > (double)most ? (double)most / (norm + 1e-6) : 1;
  own->update = (cpu_update){.optimizer = &own->setup.optimizer,
                             .weights = &own->weights,
                             .first = own->first,
                             .second = own->second,
                             .gradient = own->workers.at[0].gradient,
                             .clip = (float)clip,
                             .learning_rate = learning_rate,
                             .step = own->step};
  cpu_threads_run(own->threads, own->span_count, update, own);
  if (own->weights.back != NULL) own->kernels->transpose(&own->shape, &own->weights);
}

static mesh_code take_step(cpu_engine *own, float learning_rate, train_ran *ran, mesh_error *err) {
  double weight = weight_of_batch(own), loss = 0;
  int64_t correct = 0;
  own->scale = (float)(1 / weight);
  double norm = find_norm(own);
  if (atomic_load(&own->cut)) return GRPC_STATUS_OK;
  for (int i = 0; i < own->busy; i++) {
    loss += own->workers.at[i].loss;
    correct += own->workers.at[i].correct;
  }
  loss /= weight;
  if (!isfinite(loss) || !isfinite(norm)) {
    return mesh_fail(err, GRPC_STATUS_OUT_OF_RANGE,
                     "step %lld: the loss is %g, the gradient's norm %g: training has diverged",
                     (long long)own->step + 1, loss, norm);
  }
  own->step++;
  change(own, norm, learning_rate);
  ran->steps++;
  ran->rows += (size_t)own->batch;
  ran->loss_sum += loss * own->batch;
  ran->correct += correct;
  ran->last_loss = loss;
  ran->last_norm = norm;
  return GRPC_STATUS_OK;
}

// ---- the interface ----

static mesh_code run(train_engine *engine, const train_run *run, train_ran *ran, mesh_error *err) {
  cpu_engine *own = (cpu_engine *)engine;
  mesh_code code = GRPC_STATUS_OK;
  *ran = (train_ran){0};
  own->stop = run->stop;
  atomic_store(&own->cut, false);
  for (size_t at = 0; at < run->count && code == GRPC_STATUS_OK; at += (size_t)own->batch) {
    if (train_stopped(run->stop) || atomic_load(&own->cut)) break;
    size_t left = run->count - at;
    own->order = run->order + at;
    own->batch = left < (size_t)run->batch_rows ? (int)left : run->batch_rows;
    code = take_step(own, run->learning_rate, ran, err);
  }
  return code;
}

static mesh_code attach(train_engine *engine, const train_rows *rows, mesh_error *err) {
  (void)err;
  ((cpu_engine *)engine)->rows = *rows;
  return GRPC_STATUS_OK;
}

static mesh_code load(train_engine *engine, const train_state *state, mesh_error *err) {
  (void)err;
  cpu_engine *own = (cpu_engine *)engine;
  own->step = state->step;
  cpu_shape_pad(&own->shape, state->parameters, own->weights.parameters);
  cpu_shape_pad(&own->shape, state->first, own->first);
  cpu_shape_pad(&own->shape, state->second, own->second);
  if (own->weights.back != NULL) own->kernels->transpose(&own->shape, &own->weights);
  if (own->weights.halves != NULL) {
    own->kernels->halve(own->weights.parameters, own->weights.halves, own->shape.parameter_count);
  }
  return GRPC_STATUS_OK;
}

static mesh_code store(train_engine *engine, train_state *state, mesh_error *err) {
  (void)err;
  cpu_engine *own = (cpu_engine *)engine;
  state->step = own->step;
  cpu_shape_flatten(&own->shape, own->weights.parameters, state->parameters);
  cpu_shape_flatten(&own->shape, own->first, state->first);
  cpu_shape_flatten(&own->shape, own->second, state->second);
  return GRPC_STATUS_OK;
}

// Rows [at, at + count) through the network.
static void predict_block(cpu_engine *own, cpu_worker *worker, size_t at, int count) {
  const cpu_layer *first = &own->shape.layers[0];
  const cpu_layer *last = &own->shape.layers[own->shape.layer_count - 1];
  for (size_t r = 0; r < (size_t)count; r++) {
    memcpy(worker->values[0] + r * (size_t)first->in_pad,
           own->features + (at + r) * (size_t)first->in, (size_t)first->in * sizeof(float));
  }
  own->kernels->forward(&own->shape, &own->weights, count, worker);
  const float *values = worker->values[own->shape.layer_count];
  for (size_t r = 0; r < (size_t)count; r++) {
    memcpy(own->outputs + (at + r) * (size_t)last->out, values + r * (size_t)last->out_pad,
           (size_t)last->out * sizeof(float));
  }
}

// Worker `index` takes its slice of the rows.
static void predict_slice(void *arg, int index) {
  cpu_engine *own = arg;
  size_t at = own->feature_rows * (size_t)index / (size_t)own->slices;
  size_t end = own->feature_rows * ((size_t)index + 1) / (size_t)own->slices;
  for (size_t each = (size_t)own->workers.rows; at < end; at += each)
    predict_block(own, &own->workers.at[index], at, (int)(end - at < each ? end - at : each));
}

static mesh_code predict(train_engine *engine, const float *features, size_t count, float *outputs,
                         mesh_error *err) {
  (void)err;
  cpu_engine *own = (cpu_engine *)engine;
  size_t slices = count / PREDICT_ROWS, most = (size_t)own->workers.count;
  own->features = features;
  own->feature_rows = count;
  own->outputs = outputs;
  own->slices = (int)(slices < 1 ? 1 : slices > most ? most : slices);
  cpu_threads_run(own->threads, own->slices, predict_slice, own);
  return GRPC_STATUS_OK;
}

static void destroy(train_engine *engine) {
  cpu_engine *own = (cpu_engine *)engine;
  cpu_threads_destroy(own->threads);
  cpu_workers_fini(&own->workers);
  free(own->weights.parameters);
  free(own->weights.back);
  free(own->weights.halves);
  free(own->first);
  free(own->second);
  free(own->squares);
  free(own);
}

// ---- creation ----

static bool has(train_isa isa) {
#if defined(__x86_64__)
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
#else
  bool avx2 = false, avx512 = false;
#endif
  return isa == TRAIN_ISA_AVX512 ? avx512 : isa != TRAIN_ISA_AVX2 || avx2;
}

static const cpu_kernels *kernels_of(train_isa isa) {
#if defined(__x86_64__)
  if (isa == TRAIN_ISA_BEST) {
    isa = has(TRAIN_ISA_AVX512) ? TRAIN_ISA_AVX512
          : has(TRAIN_ISA_AVX2) ? TRAIN_ISA_AVX2
                                : TRAIN_ISA_GENERIC;
  }
  if (isa == TRAIN_ISA_AVX512) return &cpu_kernels_avx512;
  if (isa == TRAIN_ISA_AVX2) return &cpu_kernels_avx2;
#endif
  return &cpu_kernels_generic;
}

// Debian's OpenBLAS (0.3.21) gives every AMD processor its kernels for AVX2.
void train_cpu_prepare(void) {
  setenv("OPENBLAS_NUM_THREADS", "1", false);
#if defined(__x86_64__)
  if (__builtin_cpu_is("amd") && has(TRAIN_ISA_AVX512)) {
    setenv("OPENBLAS_CORETYPE", "SkylakeX", false);
  }
#endif
}

// More threads than there are pieces of work, or for what takes microseconds, would only wait.
static int useful_threads(const cpu_engine *own, int wanted) {
  int pieces = own->workers.count > own->workers.stripe_count ? own->workers.count
                                                              : own->workers.stripe_count;
  if (wanted <= 0) wanted = (int)sysconf(_SC_NPROCESSORS_ONLN);
  if (wanted > pieces) wanted = pieces;
  double work_of_step = (double)own->shape.parameter_count * own->setup.batch_rows;
  return work_of_step < 1.5e6 || wanted < 1 ? 1 : wanted;
}

static bool is_large(const train_network *network) {
  train_layer layers[CPU_LAYERS_MAX];
  int count = train_network_layers(network, layers);
  bool large = false;
  for (int l = 0; l < count; l++)
    large = large || layers[l].in * layers[l].out >= LARGE_WIDTHS;
  return large;
}

// NULL: our own kernels.
static mesh_code choose_gemm(const train_network *network, train_products products,
                             const cpu_gemm **out, mesh_error *err) {
  *out = NULL;
  switch (products) {
    case TRAIN_PRODUCTS_BEST:
      if (is_large(network)) (void)!cpu_gemm_openblas(out, NULL);
      return GRPC_STATUS_OK;
    case TRAIN_PRODUCTS_OPENBLAS:
      return cpu_gemm_openblas(out, err);
    case TRAIN_PRODUCTS_BF16:
      return cpu_gemm_bf16(out, err);
    default:
      return GRPC_STATUS_OK;
  }
}

static void describe(cpu_engine *own, int threads) {
  const cpu_gemm *gemm = own->shape.gemm;
  mesh_text_format(own->base.device, sizeof own->base.device, "cpu %s%s%s, %d thread%s",
                   own->kernels->name, gemm != NULL ? ", " : "", gemm != NULL ? gemm->name : "",
                   threads, threads > 1 ? "s" : "");
}

static mesh_code check(const train_setup *setup, const train_cpu_options *options,
                       mesh_error *err) {
  mesh_code code = train_network_check(&setup->network, err);
  if (code != GRPC_STATUS_OK) return code;
  if (setup->batch_rows < 1 || setup->batch_rows > TRAIN_BATCH_MAX) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "a batch of %d rows: use 1 to %d",
                     setup->batch_rows, TRAIN_BATCH_MAX);
  }
  if (has(options->isa)) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "this processor has no %s",
                   options->isa == TRAIN_ISA_AVX512 ? "AVX-512" : "AVX2");
}

size_t train_cpu_bytes(const train_setup *setup, const train_cpu_options *options) {
  static const train_cpu_options standard;
  const cpu_gemm *gemm;
  cpu_shape shape;
  if (options == NULL) options = &standard;
  if (check(setup, options, NULL) != GRPC_STATUS_OK ||
      choose_gemm(&setup->network, options->products, &gemm, NULL) != GRPC_STATUS_OK)
    return 0;
  cpu_shape_init(&shape, &setup->network, gemm);
  size_t halves = gemm != NULL && gemm->halves ? shape.parameter_count / 2 : 0;
  return (3 * shape.parameter_count + shape.back_count + halves) * sizeof(float) +
         cpu_workers_bytes(&shape, setup->batch_rows);
}

mesh_code train_cpu_create(const train_setup *setup, const train_cpu_options *options,
                           train_engine **out, mesh_error *err) {
  static const train_cpu_options standard;
  static const train_engine_table table = {destroy, attach, load, store, run, predict};
  if (options == NULL) options = &standard;
  *out = NULL;
  const cpu_gemm *gemm = NULL;
  mesh_code code = check(setup, options, err);
  if (code == GRPC_STATUS_OK) code = choose_gemm(&setup->network, options->products, &gemm, err);
  if (code != GRPC_STATUS_OK) return code;
  cpu_engine *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->base.table = &table;
  own->setup = *setup;
  own->kernels = kernels_of(options->isa);
  cpu_shape_init(&own->shape, &setup->network, gemm);
  size_t count = own->shape.parameter_count;
  own->weights.parameters = cpu_floats(count);
  if (gemm == NULL) own->weights.back = cpu_floats(own->shape.back_count);
  if (gemm != NULL && gemm->halves) own->weights.halves = (uint16_t *)cpu_floats((count + 1) / 2);
  own->first = cpu_floats(count);
  own->second = cpu_floats(count);
  own->span_count = (int)((count + SPAN - 1) / SPAN);
  own->squares = calloc((size_t)own->span_count, sizeof *own->squares);
  if (own->squares == NULL) abort();
  cpu_workers_init(&own->workers, &own->shape, setup->batch_rows);
  own->look_rows = LOOK_PRODUCTS / (count + 1) + 1;
  int threads = useful_threads(own, options->threads);
  own->threads = threads > 1 ? cpu_threads_create(threads - 1) : NULL;
  describe(own, threads);
  *out = &own->base;
  return GRPC_STATUS_OK;
}
