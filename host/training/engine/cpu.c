#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/training/engine/cpu_internal.h"
#include "host/training/engine/cpu_threads.h"

enum { WORKERS_MAX = 16, ROWS_OF_A_WORKER = 128 };

typedef struct cpu_engine {
  train_engine base;  // first: what callers hold
  train_setup setup;
  cpu_shape shape;
  const cpu_kernels *kernels;
  cpu_threads *threads;  // NULL: one
  train_rows rows;       // attached
  int64_t step;
  float *parameters, *first, *second, *back;  // padded
  cpu_worker workers[WORKERS_MAX];
  int worker_count;
  // Of the step that runs: what workers read.
  const uint32_t *order;
  int batch, busy;
  float scale;
} cpu_engine;

static int pad(int width) {
  return (width + CPU_PAD - 1) / CPU_PAD * CPU_PAD;
}

static float *make(size_t count) {
  float *made = aligned_alloc(64, (count + CPU_PAD) / CPU_PAD * CPU_PAD * sizeof *made);
  if (made == NULL) abort();
  memset(made, 0, (count + CPU_PAD) / CPU_PAD * CPU_PAD * sizeof *made);
  return made;
}

// ---- shape ----

static void lay_out(cpu_shape *shape, const train_network *network) {
  train_layer layers[CPU_LAYERS_MAX];
  *shape = (cpu_shape){.network = *network, .layer_count = train_network_layers(network, layers)};
  shape->widest = pad(network->inputs);
  for (int l = 0; l < shape->layer_count; l++) {
    cpu_layer *at = &shape->layers[l];
    *at = (cpu_layer){.in = layers[l].in,
                      .out = layers[l].out,
                      .in_pad = pad(layers[l].in),
                      .out_pad = pad(layers[l].out),
                      .weight = shape->parameter_count,
                      .back = shape->back_count};
    at->bias = at->weight + (size_t)at->in * (size_t)at->out_pad;
    shape->parameter_count = at->bias + (size_t)at->out_pad;
    shape->back_count += (size_t)at->out * (size_t)at->in_pad;
    if (at->out_pad > shape->widest) shape->widest = at->out_pad;
  }
}

// Between the flat vector of network.h and the padded one.
static void copy_parameters(const cpu_shape *shape, float *padded, float *flat, bool in) {
  train_layer layers[CPU_LAYERS_MAX];
  train_network_layers(&shape->network, layers);
  for (int l = 0; l < shape->layer_count; l++) {
    const cpu_layer *at = &shape->layers[l];
    for (int o = 0; o < at->out; o++) {
      float *from = flat + layers[l].weight + (size_t)o * (size_t)at->in;
      for (int i = 0; i < at->in; i++) {
        float *to = padded + at->weight + (size_t)i * (size_t)at->out_pad + (size_t)o;
        *(in ? to : from + i) = *(in ? from + i : to);
      }
      float *bias = padded + at->bias + o, *flat_bias = flat + layers[l].bias + o;
      *(in ? bias : flat_bias) = *(in ? flat_bias : bias);
    }
  }
}

// ---- workers ----

static void init_worker(cpu_worker *worker, const cpu_shape *shape) {
  worker->values[0] = make((size_t)CPU_BLOCK_ROWS * (size_t)shape->layers[0].in_pad);
  for (int l = 0; l < shape->layer_count; l++) {
    size_t size = (size_t)CPU_BLOCK_ROWS * (size_t)shape->layers[l].out_pad;
    worker->values[l + 1] = make(size);
    worker->scales[l] = make(size);
  }
  for (int i = 0; i < 2; i++)
    worker->deltas[i] = make((size_t)CPU_BLOCK_ROWS * (size_t)shape->widest);
  worker->gradient = make(shape->parameter_count);
}

static void fini_worker(cpu_worker *worker, const cpu_shape *shape) {
  for (int l = 0; l <= shape->layer_count; l++)
    free(worker->values[l]);
  for (int l = 0; l < shape->layer_count; l++)
    free(worker->scales[l]);
  free(worker->deltas[0]);
  free(worker->deltas[1]);
  free(worker->gradient);
}

// How many workers share a batch: a matter of its size alone, so that the sums are the same
// whatever the number of threads.
static int workers_of(int batch) {
  int count = batch / ROWS_OF_A_WORKER;
  return count < 1 ? 1 : count > WORKERS_MAX ? WORKERS_MAX : count;
}

// ---- a step ----

// Worker `index` takes its part of the batch, block by block.
static void work(void *arg, int index) {
  cpu_engine *own = arg;
  cpu_worker *worker = &own->workers[index];
  int first = (int)((int64_t)own->batch * index / own->busy);
  int end = (int)((int64_t)own->batch * (index + 1) / own->busy);
  worker->fresh = true;
  worker->loss = 0;
  worker->correct = 0;
  for (int at = first; at < end; at += CPU_BLOCK_ROWS) {
    cpu_block block = {.rows = &own->rows,
                       .order = own->order + at,
                       .count = end - at < CPU_BLOCK_ROWS ? end - at : CPU_BLOCK_ROWS,
                       .first = (uint32_t)at,
                       .step = own->step,
                       .seed = own->setup.seed,
                       .scale = own->scale};
    own->kernels->learn(&own->shape, own->parameters, own->back, &block, worker);
  }
}

static double weight_of_batch(const cpu_engine *own) {
  const train_network *network = &own->shape.network;
  if (!network->weighted || own->rows.classes == NULL) return own->batch;
  double sum = 0;
  for (int i = 0; i < own->batch; i++)
    sum += (double)network->class_weights[own->rows.classes[own->order[i]]];
  return sum;
}

static mesh_code take_step(cpu_engine *own, float learning_rate, train_ran *ran, mesh_error *err) {
  double weight = weight_of_batch(own), loss = 0;
  int64_t correct = 0;
  own->busy = workers_of(own->batch);
  own->scale = (float)(1 / weight);
  cpu_threads_run(own->threads, own->busy, work, own);
  for (int i = 0; i < own->busy; i++) {
    loss += own->workers[i].loss;
    correct += own->workers[i].correct;
  }
  loss /= weight;
  double norm = sqrt(own->kernels->reduce(own->workers, own->busy, own->shape.parameter_count));
  if (!isfinite(loss) || !isfinite(norm)) {
    return mesh_fail(err, GRPC_STATUS_OUT_OF_RANGE,
                     "step %lld: the loss is %g, the gradient's norm %g: training has diverged",
                     (long long)own->step + 1, loss, norm);
  }
  float most = own->setup.optimizer.gradient_clip;
  double clip = most > 0 && norm > (double)most ? (double)most / (norm + 1e-6) : 1;
  own->step++;
  own->kernels->update(&(cpu_update){.optimizer = &own->setup.optimizer,
                                     .parameters = own->parameters,
                                     .first = own->first,
                                     .second = own->second,
                                     .gradient = own->workers[0].gradient,
                                     .count = own->shape.parameter_count,
                                     .clip = (float)clip,
                                     .learning_rate = learning_rate,
                                     .step = own->step});
  own->kernels->transpose(&own->shape, own->parameters, own->back);
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
  for (size_t at = 0; at < run->count && code == GRPC_STATUS_OK; at += (size_t)own->batch) {
    if (run->stop != NULL && atomic_load_explicit(run->stop, memory_order_relaxed)) break;
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
  copy_parameters(&own->shape, own->parameters, state->parameters, true);
  copy_parameters(&own->shape, own->first, state->first, true);
  copy_parameters(&own->shape, own->second, state->second, true);
  own->kernels->transpose(&own->shape, own->parameters, own->back);
  return GRPC_STATUS_OK;
}

static mesh_code store(train_engine *engine, train_state *state, mesh_error *err) {
  (void)err;
  cpu_engine *own = (cpu_engine *)engine;
  state->step = own->step;
  copy_parameters(&own->shape, own->parameters, state->parameters, false);
  copy_parameters(&own->shape, own->first, state->first, false);
  copy_parameters(&own->shape, own->second, state->second, false);
  return GRPC_STATUS_OK;
}

static mesh_code predict(train_engine *engine, const float *features, size_t count, float *outputs,
                         mesh_error *err) {
  (void)err;
  cpu_engine *own = (cpu_engine *)engine;
  const cpu_layer *first = &own->shape.layers[0];
  const cpu_layer *last = &own->shape.layers[own->shape.layer_count - 1];
  cpu_worker *worker = &own->workers[0];
  for (size_t at = 0; at < count; at += CPU_BLOCK_ROWS) {
    int rows = count - at < CPU_BLOCK_ROWS ? (int)(count - at) : CPU_BLOCK_ROWS;
    for (int r = 0; r < rows; r++) {
      memcpy(worker->values[0] + (size_t)r * (size_t)first->in_pad,
             features + (at + (size_t)r) * (size_t)first->in, (size_t)first->in * sizeof *features);
    }
    own->kernels->forward(&own->shape, own->parameters, rows, worker);
    const float *values = worker->values[own->shape.layer_count];
    for (int r = 0; r < rows; r++) {
      memcpy(outputs + (at + (size_t)r) * (size_t)last->out,
             values + (size_t)r * (size_t)last->out_pad, (size_t)last->out * sizeof *outputs);
    }
  }
  return GRPC_STATUS_OK;
}

static void destroy(train_engine *engine) {
  cpu_engine *own = (cpu_engine *)engine;
  cpu_threads_destroy(own->threads);
  for (int i = 0; i < own->worker_count; i++)
    fini_worker(&own->workers[i], &own->shape);
  free(own->parameters);
  free(own->first);
  free(own->second);
  free(own->back);
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

// More threads than workers, or for what a worker does in microseconds, would only wait.
static int useful_threads(const cpu_engine *own, int wanted) {
  if (wanted <= 0) wanted = (int)sysconf(_SC_NPROCESSORS_ONLN);
  if (wanted > own->worker_count) wanted = own->worker_count;
  double work_of_step = (double)own->shape.parameter_count * own->setup.batch_rows;
  return work_of_step < 1.5e6 || wanted < 1 ? 1 : wanted;
}

mesh_code train_cpu_create(const train_setup *setup, const train_cpu_options *options,
                           train_engine **out, mesh_error *err) {
  static const train_cpu_options standard;
  static const train_engine_table table = {destroy, attach, load, store, run, predict};
  if (options == NULL) options = &standard;
  *out = NULL;
  mesh_code code = train_network_check(&setup->network, err);
  if (code != GRPC_STATUS_OK) return code;
  if (setup->batch_rows < 1 || setup->batch_rows > TRAIN_BATCH_MAX) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "a batch of %d rows: use 1 to %d",
                     setup->batch_rows, TRAIN_BATCH_MAX);
  }
  if (!has(options->isa)) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "this processor has no %s",
                     options->isa == TRAIN_ISA_AVX512 ? "AVX-512" : "AVX2");
  }
  cpu_engine *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->base.table = &table;
  own->setup = *setup;
  lay_out(&own->shape, &setup->network);
  own->kernels = kernels_of(options->isa);
  own->parameters = make(own->shape.parameter_count);
  own->first = make(own->shape.parameter_count);
  own->second = make(own->shape.parameter_count);
  own->back = make(own->shape.back_count);
  own->worker_count = workers_of(setup->batch_rows);
  for (int i = 0; i < own->worker_count; i++)
    init_worker(&own->workers[i], &own->shape);
  int threads = useful_threads(own, options->threads);
  own->threads = threads > 1 ? cpu_threads_create(threads - 1) : NULL;
  snprintf(own->base.device, sizeof own->base.device, "cpu %s, %d thread%s", own->kernels->name,
           threads, threads > 1 ? "s" : "");
  *out = &own->base;
  return GRPC_STATUS_OK;
}
