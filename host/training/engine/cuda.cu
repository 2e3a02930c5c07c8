// The engine on a CUDA device: host side. A step of a small network whose batch one block can take
// is a turn of cuda_train(); of any other it is a CUDA graph, captured once for each size of batch.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <type_traits>

#include "host/training/engine/cuda_layers.cuh"
#include "host/training/engine/cuda_small.cuh"
extern "C" {
#include "host/training/engine/cuda.h"
#include "host/training/engine/cuda_blas.h"
}

namespace {

constexpr size_t LEARN_BLOCKS_MAX = 128;  // that share a small network's batch; each has a gradient
constexpr int ALONE_ROWS_MAX = 128;       // the largest batch that one block takes
constexpr size_t ALONE_STEPS = 256;       // of one launch of cuda_train()
constexpr size_t GRAPHS_AHEAD = 32;       // launched between two looks at how far the device is
constexpr size_t PREDICT_ROWS = 1024;     // at a time
constexpr size_t ELEMENT_BLOCKS_MAX = 512;  // of a kernel that goes over numbers
constexpr long WAIT_NS = 20000;             // between two looks

struct graph {
  int batch;  // 0: none
  cudaGraphExec_t exec;
};

struct engine {
  train_engine base;  // first: what callers hold
  train_setup setup;
  cuda_plan plan;
  cuda_memory memory;
  bool small;          // fits in a block's shared memory
  size_t limit, used;  // bytes of device memory
  cudaStream_t stream;
  cudaEvent_t marks[2];  // how far the device is
  graph graphs[2];       // of a whole batch, and of what is left at the end
  int *stop;             // mapped: the host's side
  cuda_blas *blas;       // NULL: cuda_multiply()
  // Of the large network, and of predict(): values that go into each layer and come out of the
  // last; deltas; what dropout kept.
  float *values[CUDA_LAYERS_MAX + 1], *deltas[2];
  unsigned char *kept[CUDA_LAYERS_MAX];
  size_t attached, order_rows;  // rows; rows that memory.order has room for
  cudaError_t failed;           // the first failure of launch()
  int device;
};

engine *self(train_engine *base) {
  return reinterpret_cast<engine *>(base);
}

// ---- errors and memory ----

mesh_code check(const engine *own, cudaError_t error, const char *what, mesh_error *err) {
  if (error == cudaSuccess) return GRPC_STATUS_OK;
  (void)cudaGetLastError();
  mesh_code code =
      error == cudaErrorMemoryAllocation ? GRPC_STATUS_RESOURCE_EXHAUSTED : GRPC_STATUS_INTERNAL;
  return mesh_fail(err, code, "%s: %s: %s", own->base.device, what, cudaGetErrorString(error));
}

// Allocates `count` numbers of device memory, zeros, into *out; frees what was there.
template <class T>
mesh_code take(engine *own, T **out, size_t count, const char *what, mesh_error *err) {
  using number = typename std::remove_const<T>::type;
  size_t bytes = count * sizeof(T), left = own->limit - own->used;
  if (bytes > left) {
    return mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED,
                     "%s: %s: %.1f MiB of device memory are needed, %.1f of %.1f are left",
                     own->base.device, what, (double)bytes / 1048576, (double)left / 1048576,
                     (double)own->limit / 1048576);
  }
  number *made = nullptr;
  mesh_code code = check(own, cudaMalloc((void **)&made, bytes), what, err);
  if (code != GRPC_STATUS_OK) return code;
  own->used += bytes;
  *out = made;
  return check(own, cudaMemsetAsync(made, 0, bytes, own->stream), what, err);
}

template <class T>
void give(engine *own, T **at, size_t count) {
  if (*at == nullptr) return;
  (void)cudaFree((void *)*at);
  own->used -= count * sizeof(T);
  *at = nullptr;
}

template <class... Parameters, class... Given>
void launch(engine *own, void (*kernel)(Parameters...), size_t blocks, size_t shared_bytes,
            Given... given) {
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3((unsigned)blocks);
  config.blockDim = dim3(CUDA_THREADS);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = own->stream;
  cudaError_t error = cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(given)...);
  if (own->failed == cudaSuccess) own->failed = error;
}

size_t blocks_of(size_t count, size_t each) {
  return (count + each - 1) / each;
}

size_t blocks_of_elements(size_t count) {
  size_t blocks = blocks_of(count, CUDA_THREADS);
  return blocks < ELEMENT_BLOCKS_MAX ? blocks : ELEMENT_BLOCKS_MAX;
}

// ---- the plan ----

int widest(const cuda_plan &plan) {
  int width = plan.network.inputs;
  for (int l = 0; l < plan.layer_count; l++)
    width = plan.layers[l].out > width ? plan.layers[l].out : width;
  return width;
}

// Where everything of the small network lies in shared memory.
void lay_out(cuda_plan *plan) {
  int64_t at = 0, kept = 0;
  auto place = [&at](int *where, int64_t floats) {
    *where = (int)at;
    at += floats;
  };
  for (int l = 0; l < plan->layer_count; l++) {
    const train_layer &layer = plan->layers[l];
    place(&plan->weights[l], (int64_t)layer.in * (layer.out | 1));
    place(&plan->biases[l], layer.out);
    place(&plan->values[l], (int64_t)layer.in * CUDA_ROW_STRIDE);
    if (l + 1 < plan->layer_count && plan->network.dropout > 0) kept += layer.out * CUDA_ROWS;
  }
  place(&plan->values[plan->layer_count], (int64_t)plan->network.outputs * CUDA_ROW_STRIDE);
  for (int i = 0; i < 2; i++)
    place(&plan->deltas[i], (int64_t)widest(*plan) * CUDA_ROW_STRIDE);
  place(&plan->losses, 3 * CUDA_ROWS);
  place(&plan->kept, (kept + 3) / 4);
  plan->shared_floats = at < INT32_MAX ? (int)at : INT32_MAX;
}

// The bound on a kernel's shared memory is the kernel's, not the engine's: every engine sets the
// same one, the device's.
bool fits(engine *own, mesh_error *err, mesh_code *code) {
  int most = 0;
  size_t bytes = (size_t)own->plan.shared_floats * sizeof(float);
  *code = check(own,
                cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, own->device),
                "shared memory", err);
  most -= 4096;  // for what the kernels declare themselves
  if (*code != GRPC_STATUS_OK || most < 0 || bytes > (size_t)most) return false;
  *code = check(own,
                cudaFuncSetAttribute(cuda_learn, cudaFuncAttributeMaxDynamicSharedMemorySize, most),
                "shared memory", err);
  if (*code != GRPC_STATUS_OK) return false;
  *code = check(own,
                cudaFuncSetAttribute(cuda_train, cudaFuncAttributeMaxDynamicSharedMemorySize, most),
                "shared memory", err);
  return *code == GRPC_STATUS_OK;
}

// Parts of a small network's batch: a matter of its size alone.
size_t learn_blocks(int batch) {
  size_t blocks = blocks_of((size_t)batch, CUDA_ROWS);
  return blocks < LEARN_BLOCKS_MAX ? blocks : LEARN_BLOCKS_MAX;
}

bool runs_alone(const engine *own) {
  return own->small && own->setup.batch_rows <= ALONE_ROWS_MAX;
}

// ---- a step ----

void multiply(engine *own, cuda_matrix a, cuda_matrix b, float *c, int m, int n, int k) {
  cuda_blas_factor left = {a.at, a.stride, a.transposed}, right = {b.at, b.stride, b.transposed};
  if (own->blas != nullptr && cuda_blas_multiply(own->blas, own->stream, left, right, c, m, n, k))
    return;
  launch(own, cuda_multiply, blocks_of((size_t)m, CUDA_TILE) * blocks_of((size_t)n, CUDA_TILE), 0,
         a, b, c, m, n, k);
}

void queue_forward(engine *own, int batch, bool learns) {
  for (int l = 0; l < own->plan.layer_count; l++) {
    const train_layer &at = own->plan.layers[l];
    cuda_matrix in = {own->values[l], (size_t)at.in, false};
    cuda_matrix weights = {own->memory.parameters + at.weight, (size_t)at.in, true};
    multiply(own, in, weights, own->values[l + 1], batch, at.out, at.in);
    launch(own, cuda_activate_layer, blocks_of_elements((size_t)batch * (size_t)at.out), 0,
           own->plan, own->memory, l, batch, own->values[l + 1], learns ? own->kept[l] : nullptr);
  }
}

void queue_backward(engine *own, int batch) {
  for (int l = own->plan.layer_count - 1; l >= 0; l--) {
    const train_layer &at = own->plan.layers[l];
    float *delta = own->deltas[(l + 1) % 2], *below = own->deltas[l % 2];
    cuda_matrix down = {delta, (size_t)at.out, true}, across = {delta, (size_t)at.out, false};
    cuda_matrix in = {own->values[l], (size_t)at.in, false};
    cuda_matrix weights = {own->memory.parameters + at.weight, (size_t)at.in, false};
    multiply(own, down, in, own->memory.gradient + at.weight, at.out, at.in, batch);
    launch(own, cuda_add_rows, (size_t)at.out, 0, own->plan, own->memory, l, batch, delta);
    if (l == 0) break;
    multiply(own, across, weights, below, batch, at.in, at.out);
    launch(own, cuda_slope_layer, blocks_of_elements((size_t)batch * (size_t)at.in), 0, own->plan,
           l - 1, batch, own->values[l], own->kept[l - 1], below);
  }
}

// The kernels of one step over `batch` rows.
void queue_step(engine *own, int batch) {
  size_t spans = blocks_of(own->plan.parameter_count, CUDA_SPAN), parts = 0, gradients = 1;
  if (own->small) {
    parts = gradients = learn_blocks(batch);
    launch(own, cuda_learn, parts, (size_t)own->plan.shared_floats * sizeof(float), own->plan,
           own->memory, batch);
  } else {
    parts = blocks_of((size_t)batch, CUDA_THREADS);
    launch(own, cuda_gather, blocks_of_elements((size_t)batch * (size_t)own->plan.network.inputs),
           0, own->plan, own->memory, batch, own->values[0]);
    queue_forward(own, batch, true);
    launch(own, cuda_lose_rows, parts, 0, own->plan, own->memory, batch,
           own->values[own->plan.layer_count], own->deltas[own->plan.layer_count % 2]);
    queue_backward(own, batch);
  }
  launch(own, cuda_reduce, spans, 0, own->plan, own->memory, (int)parts, (int)gradients);
  launch(own, cuda_update, spans, 0, own->plan, own->memory, batch, (int)parts);
}

void drop_graphs(engine *own) {
  for (graph &at : own->graphs) {
    if (at.batch != 0) (void)cudaGraphExecDestroy(at.exec);
    at.batch = 0;
  }
}

mesh_code capture(engine *own, graph *at, int batch, mesh_error *err) {
  if (at->batch == batch) return GRPC_STATUS_OK;
  if (at->batch != 0) (void)cudaGraphExecDestroy(at->exec);
  at->batch = 0;
  cudaGraph_t made = nullptr;
  // Relaxed: the stream is ours alone, and what cuBLASLt and kernels load when they are first used
  // may be more than the other modes let through.
  own->failed = cudaStreamBeginCapture(own->stream, cudaStreamCaptureModeRelaxed);
  if (own->failed == cudaSuccess) {
    queue_step(own, batch);
    cudaError_t ended = cudaStreamEndCapture(own->stream, &made);
    if (own->failed == cudaSuccess) own->failed = ended;
  }
  if (own->failed == cudaSuccess) own->failed = cudaGraphInstantiate(&at->exec, made, 0);
  if (made != nullptr) (void)cudaGraphDestroy(made);
  if (own->failed == cudaSuccess) at->batch = batch;
  return check(own, own->failed, "capturing a step", err);
}

// ---- a run ----

// Waits until the device has come as far as `mark`; a wish to stop goes to the device meanwhile.
mesh_code await(engine *own, cudaEvent_t mark, const train_run *run, mesh_error *err) {
  for (;;) {
    if (train_stopped(run->stop)) {
      *static_cast<volatile int *>(own->stop) = 1;
    }
    cudaError_t error = cudaEventQuery(mark);
    if (error != cudaErrorNotReady) return check(own, error, "training", err);
    struct timespec pause = {0, WAIT_NS};
    nanosleep(&pause, nullptr);
  }
}

// Launches `count` steps over `batch` rows each, never more than two portions ahead of the device.
mesh_code run_steps(engine *own, graph *at, int batch, size_t count, const train_run *run,
                    mesh_error *err) {
  bool alone = runs_alone(own);
  size_t portion = alone ? ALONE_STEPS : GRAPHS_AHEAD;
  mesh_code code = alone || count == 0 ? GRPC_STATUS_OK : capture(own, at, batch, err);
  own->failed = cudaSuccess;
  for (size_t done = 0, turn = 0; done < count && code == GRPC_STATUS_OK; done += portion, turn++) {
    size_t steps = count - done < portion ? count - done : portion;
    cudaEvent_t mark = own->marks[turn % 2];
    if (turn >= 2) code = await(own, mark, run, err);
    if (code != GRPC_STATUS_OK || *own->stop != 0) break;
    if (alone) {
      launch(own, cuda_train, 1, (size_t)own->plan.shared_floats * sizeof(float), own->plan,
             own->memory, batch, (int)steps);
    } else {
      for (size_t i = 0; i < steps && own->failed == cudaSuccess; i++)
        own->failed = cudaGraphLaunch(at->exec, own->stream);
    }
    if (own->failed == cudaSuccess) own->failed = cudaEventRecord(mark, own->stream);
    code = check(own, own->failed, "a step", err);
  }
  return code;
}

mesh_code give_order(engine *own, const train_run *run, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  if (run->count > own->order_rows) {
    drop_graphs(own);
    give(own, &own->memory.order, own->order_rows);
    own->order_rows = 0;
    code = take(own, &own->memory.order, run->count, "the order of rows", err);
    if (code != GRPC_STATUS_OK) return code;
    own->order_rows = run->count;
  }
  return check(
      own,
      cudaMemcpyAsync((void *)own->memory.order, run->order, run->count * sizeof *run->order,
                      cudaMemcpyHostToDevice, own->stream),
      "the order of rows", err);
}

// The device's account of itself, there and back.
mesh_code read_control(engine *own, cuda_control *control, mesh_error *err) {
  mesh_code code = check(own,
                         cudaMemcpyAsync(control, own->memory.control, sizeof *control,
                                         cudaMemcpyDeviceToHost, own->stream),
                         "progress", err);
  return code == GRPC_STATUS_OK ? check(own, cudaStreamSynchronize(own->stream), "progress", err)
                                : code;
}

mesh_code write_control(engine *own, const cuda_control *control, mesh_error *err) {
  mesh_code code = check(own,
                         cudaMemcpyAsync(own->memory.control, control, sizeof *control,
                                         cudaMemcpyHostToDevice, own->stream),
                         "progress", err);
  return code == GRPC_STATUS_OK ? check(own, cudaStreamSynchronize(own->stream), "progress", err)
                                : code;
}

mesh_code begin_run(engine *own, const train_run *run, mesh_error *err) {
  cuda_control control;
  mesh_code code = check(own, cudaSetDevice(own->device), "the device", err);
  if (code == GRPC_STATUS_OK) code = give_order(own, run, err);
  if (code == GRPC_STATUS_OK) code = read_control(own, &control, err);
  if (code != GRPC_STATUS_OK) return code;
  *own->stop = 0;
  control.next.state = CUDA_RUNNING;
  control.next.ran = train_ran();
  control.learning_rate = run->learning_rate;
  return write_control(own, &control, err);
}

mesh_code run(train_engine *base, const train_run *run, train_ran *ran, mesh_error *err) {
  engine *own = self(base);
  cuda_control control;
  *ran = train_ran();
  if (run->count == 0 || train_stopped(run->stop)) return GRPC_STATUS_OK;
  size_t batch = (size_t)run->batch_rows, whole = run->count / batch, rest = run->count % batch;
  mesh_code code = begin_run(own, run, err);
  if (code == GRPC_STATUS_OK) {
    code = run_steps(own, &own->graphs[0], run->batch_rows, whole, run, err);
  }
  if (code == GRPC_STATUS_OK && rest > 0 && *own->stop == 0) {
    code = run_steps(own, &own->graphs[1], (int)rest, 1, run, err);
  }
  if (code == GRPC_STATUS_OK) {
    code = check(own, cudaEventRecord(own->marks[0], own->stream), "training", err);
  }
  if (code == GRPC_STATUS_OK) code = await(own, own->marks[0], run, err);
  if (code == GRPC_STATUS_OK) code = read_control(own, &control, err);
  if (code != GRPC_STATUS_OK) return code;
  *ran = control.next.ran;
  if (control.next.state != CUDA_FAILED) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_OUT_OF_RANGE,
                   "step %lld: the loss is %g, the gradient's norm %g: training has diverged",
                   (long long)control.next.step + 1, ran->last_loss, ran->last_norm);
}

// ---- the rest of the interface ----

template <class T>
mesh_code upload(engine *own, T *to, const void *from, size_t count, const char *what,
                 mesh_error *err) {
  return check(
      own,
      cudaMemcpyAsync((void *)to, from, count * sizeof(T), cudaMemcpyHostToDevice, own->stream),
      what, err);
}

mesh_code download(engine *own, float *to, const float *from, size_t count, const char *what,
                   mesh_error *err) {
  return check(own,
               cudaMemcpyAsync(to, from, count * sizeof *to, cudaMemcpyDeviceToHost, own->stream),
               what, err);
}

mesh_code sync(engine *own, const char *what, mesh_error *err) {
  return check(own, cudaStreamSynchronize(own->stream), what, err);
}

void detach(engine *own) {
  size_t count = own->attached;
  drop_graphs(own);
  give(own, &own->memory.features, count * (size_t)own->plan.network.inputs);
  give(own, &own->memory.classes, count);
  give(own, &own->memory.numbers, count);
}

mesh_code attach(train_engine *base, const train_rows *rows, mesh_error *err) {
  engine *own = self(base);
  mesh_code code = check(own, cudaSetDevice(own->device), "the device", err);
  if (code != GRPC_STATUS_OK) return code;
  detach(own);
  own->attached = rows->count;
  size_t features = rows->count * (size_t)own->plan.network.inputs;
  code = take(own, &own->memory.features, features, "the rows", err);
  if (code == GRPC_STATUS_OK && rows->classes != nullptr) {
    code = take(own, &own->memory.classes, rows->count, "the rows' classes", err);
  }
  if (code == GRPC_STATUS_OK && rows->numbers != nullptr) {
    code = take(own, &own->memory.numbers, rows->count, "the rows' targets", err);
  }
  if (code == GRPC_STATUS_OK) {
    code = upload(own, own->memory.features, rows->features, features, "the rows", err);
  }
  if (code == GRPC_STATUS_OK && rows->classes != nullptr) {
    code = upload(own, own->memory.classes, rows->classes, rows->count, "the rows", err);
  }
  if (code == GRPC_STATUS_OK && rows->numbers != nullptr) {
    code = upload(own, own->memory.numbers, rows->numbers, rows->count, "the rows", err);
  }
  return code == GRPC_STATUS_OK ? sync(own, "the rows", err) : code;
}

mesh_code load(train_engine *base, const train_state *state, mesh_error *err) {
  engine *own = self(base);
  size_t count = own->plan.parameter_count;
  cuda_control control = {};
  control.next.step = state->step;
  mesh_code code = check(own, cudaSetDevice(own->device), "the device", err);
  if (code == GRPC_STATUS_OK) {
    code = upload(own, own->memory.parameters, state->parameters, count, "the state", err);
  }
  if (code == GRPC_STATUS_OK) {
    code = upload(own, own->memory.first, state->first, count, "the state", err);
  }
  if (code == GRPC_STATUS_OK) {
    code = upload(own, own->memory.second, state->second, count, "the state", err);
  }
  return code == GRPC_STATUS_OK ? write_control(own, &control, err) : code;
}

mesh_code store(train_engine *base, train_state *state, mesh_error *err) {
  engine *own = self(base);
  size_t count = own->plan.parameter_count;
  cuda_control control = {};
  mesh_code code = check(own, cudaSetDevice(own->device), "the device", err);
  if (code == GRPC_STATUS_OK) {
    code = download(own, state->parameters, own->memory.parameters, count, "the state", err);
  }
  if (code == GRPC_STATUS_OK) {
    code = download(own, state->first, own->memory.first, count, "the state", err);
  }
  if (code == GRPC_STATUS_OK) {
    code = download(own, state->second, own->memory.second, count, "the state", err);
  }
  if (code == GRPC_STATUS_OK) code = read_control(own, &control, err);
  if (code == GRPC_STATUS_OK) state->step = control.next.step;
  return code;
}

mesh_code predict(train_engine *base, const float *features, size_t count, float *outputs,
                  mesh_error *err) {
  engine *own = self(base);
  size_t inputs = (size_t)own->plan.network.inputs, outs = (size_t)own->plan.network.outputs;
  mesh_code code = check(own, cudaSetDevice(own->device), "the device", err);
  for (size_t at = 0; at < count && code == GRPC_STATUS_OK; at += PREDICT_ROWS) {
    size_t rows = count - at < PREDICT_ROWS ? count - at : PREDICT_ROWS;
    own->failed = cudaSuccess;
    code = upload(own, own->values[0], features + at * inputs, rows * inputs, "rows", err);
    if (code != GRPC_STATUS_OK) break;
    queue_forward(own, (int)rows, false);
    code = check(own, own->failed, "predicting", err);
    if (code != GRPC_STATUS_OK) break;
    code = download(own, outputs + at * outs, own->values[own->plan.layer_count], rows * outs,
                    "outputs", err);
    if (code == GRPC_STATUS_OK) code = sync(own, "predicting", err);
  }
  return code;
}

void destroy(train_engine *base) {
  engine *own = self(base);
  (void)cudaSetDevice(own->device);
  if (own->stream != nullptr) (void)cudaStreamSynchronize(own->stream);
  drop_graphs(own);
  const void *all[] = {own->memory.features,   own->memory.numbers, own->memory.classes,
                       own->memory.order,      own->memory.first,   own->memory.second,
                       own->memory.parameters, own->memory.parts,   own->memory.gradient,
                       own->memory.squares,    own->memory.control, own->deltas[0],
                       own->deltas[1]};
  for (const void *at : all)
    (void)cudaFree((void *)at);
  for (float *at : own->values)
    (void)cudaFree(at);
  for (unsigned char *at : own->kept)
    (void)cudaFree(at);
  if (own->stop != nullptr) (void)cudaFreeHost(own->stop);
  for (cudaEvent_t mark : own->marks) {
    if (mark != nullptr) (void)cudaEventDestroy(mark);
  }
  cuda_blas_close(own->blas);
  if (own->stream != nullptr) (void)cudaStreamDestroy(own->stream);
  free(own);
}

// ---- creation ----

mesh_code take_network(engine *own, mesh_error *err) {
  size_t count = own->plan.parameter_count, gradients = 1;
  if (own->small) gradients = learn_blocks(own->setup.batch_rows);
  cuda_memory *memory = &own->memory;
  mesh_code code = take(own, &memory->parameters, count, "the parameters", err);
  if (code == GRPC_STATUS_OK) code = take(own, &memory->first, count, "the optimiser", err);
  if (code == GRPC_STATUS_OK) code = take(own, &memory->second, count, "the optimiser", err);
  if (code == GRPC_STATUS_OK) {
    code = take(own, &memory->gradient, count * gradients, "the gradient", err);
  }
  if (code == GRPC_STATUS_OK) code = take(own, &memory->parts, CUDA_PARTS_MAX, "sums", err);
  if (code == GRPC_STATUS_OK) {
    code = take(own, &memory->squares, blocks_of(count, CUDA_SPAN), "sums", err);
  }
  return code == GRPC_STATUS_OK ? take(own, &memory->control, 1, "progress", err) : code;
}

mesh_code take_layers(engine *own, mesh_error *err) {
  size_t batch = own->small ? 0 : (size_t)own->setup.batch_rows;
  size_t rows = batch > PREDICT_ROWS ? batch : PREDICT_ROWS;
  bool drops = own->plan.network.dropout > 0;
  mesh_code code =
      take(own, &own->values[0], rows * (size_t)own->plan.network.inputs, "a layer", err);
  for (int l = 0; l < own->plan.layer_count && code == GRPC_STATUS_OK; l++) {
    size_t out = (size_t)own->plan.layers[l].out;
    code = take(own, &own->values[l + 1], rows * out, "a layer", err);
    if (code == GRPC_STATUS_OK && batch > 0 && drops && l + 1 < own->plan.layer_count) {
      code = take(own, &own->kept[l], batch * out, "dropout", err);
    }
  }
  for (int i = 0; i < 2 && batch > 0 && code == GRPC_STATUS_OK; i++)
    code = take(own, &own->deltas[i], batch * (size_t)widest(own->plan), "a layer", err);
  return code;
}

mesh_code open_stream(engine *own, size_t memory_limit_bytes, mesh_error *err) {
  size_t free_bytes = 0, total_bytes = 0;
  mesh_code code = check(own, cudaSetDevice(own->device), "the device", err);
  if (code == GRPC_STATUS_OK) {
    code = check(own, cudaMemGetInfo(&free_bytes, &total_bytes), "device memory", err);
  }
  if (code == GRPC_STATUS_OK) {
    code =
        check(own, cudaStreamCreateWithFlags(&own->stream, cudaStreamNonBlocking), "a stream", err);
  }
  for (int i = 0; i < 2 && code == GRPC_STATUS_OK; i++)
    code = check(own, cudaEventCreateWithFlags(&own->marks[i], cudaEventDisableTiming), "an event",
                 err);
  if (code == GRPC_STATUS_OK) {
    code = check(own, cudaHostAlloc((void **)&own->stop, sizeof *own->stop, cudaHostAllocMapped),
                 "the stop flag", err);
  }
  if (code != GRPC_STATUS_OK) return code;
  own->limit = free_bytes;
  if (memory_limit_bytes > 0 && memory_limit_bytes < free_bytes) own->limit = memory_limit_bytes;
  void *stop = nullptr;
  code = check(own, cudaHostGetDevicePointer(&stop, own->stop, 0), "the stop flag", err);
  own->memory.stop = static_cast<const volatile int *>(stop);
  return code;
}

void plan_network(engine *own) {
  cuda_plan *plan = &own->plan;
  plan->network = own->setup.network;
  plan->optimizer = own->setup.optimizer;
  plan->seed = own->setup.seed;
  plan->layer_count = train_network_layers(&plan->network, plan->layers);
  plan->parameter_count = train_network_parameter_count(&plan->network);
  lay_out(plan);
}

mesh_code check_setup(const train_setup *setup, mesh_error *err) {
  mesh_code code = train_network_check(&setup->network, err);
  if (code != GRPC_STATUS_OK) return code;
  if (setup->batch_rows >= 1 && setup->batch_rows <= TRAIN_BATCH_MAX) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "a batch of %d rows: use 1 to %d",
                   setup->batch_rows, TRAIN_BATCH_MAX);
}

}  // namespace

extern "C" int train_cuda_count(const char **reason) {
  int count = 0;
  cudaError_t error = cudaGetDeviceCount(&count);
  (void)cudaGetLastError();
  *reason = error != cudaSuccess ? cudaGetErrorString(error)
            : count == 0         ? "there is no CUDA device"
                                 : "";
  return error == cudaSuccess ? count : 0;
}

extern "C" mesh_code train_cuda_describe(int device, train_cuda_device *out, mesh_error *err) {
  *out = train_cuda_device();
  const char *reason;
  int count = train_cuda_count(&reason);
  if (device < 0 || device >= count) {
    if (count > 0) reason = "there is no such device";
    return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "cuda:%d: %s", device, reason);
  }
  cudaDeviceProp properties;
  cudaError_t error = cudaGetDeviceProperties(&properties, device);
  if (error == cudaSuccess) error = cudaSetDevice(device);
  if (error == cudaSuccess) error = cudaMemGetInfo(&out->free_bytes, &out->memory_bytes);
  if (error != cudaSuccess) {
    return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "cuda:%d: %s", device,
                     cudaGetErrorString(error));
  }
  snprintf(out->name, sizeof out->name, "%.63s", properties.name);
  out->major = properties.major;
  out->minor = properties.minor;
  return GRPC_STATUS_OK;
}

extern "C" mesh_code train_cuda_create(const train_setup *setup, int device,
                                       size_t memory_limit_bytes, train_engine **out,
                                       mesh_error *err) {
  static const train_engine_table table = {destroy, attach, load, store, run, predict};
  train_cuda_device found;
  *out = nullptr;
  mesh_code code = check_setup(setup, err);
  if (code == GRPC_STATUS_OK) code = train_cuda_describe(device, &found, err);
  if (code != GRPC_STATUS_OK) return code;
  engine *own = static_cast<engine *>(calloc(1, sizeof *own));
  if (own == nullptr) abort();
  own->base.table = &table;
  own->setup = *setup;
  own->device = device;
  snprintf(own->base.device, sizeof own->base.device, "cuda:%d %s", device, found.name);
  plan_network(own);
  code = open_stream(own, memory_limit_bytes, err);
  if (code == GRPC_STATUS_OK) own->small = fits(own, err, &code);
  if (code == GRPC_STATUS_OK) code = take_network(own, err);
  if (code == GRPC_STATUS_OK) code = take_layers(own, err);
  if (code == GRPC_STATUS_OK) code = sync(own, "device memory", err);
  if (code != GRPC_STATUS_OK) {
    destroy(&own->base);
    return code;
  }
  if (!own->small) own->blas = cuda_blas_open();
  *out = &own->base;
  return GRPC_STATUS_OK;
}
