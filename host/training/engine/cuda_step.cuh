// The end of a step, the same for small and large networks: the parts of the gradient are added,
// its norm is found, the rule changes the parameters. Functions for one thread, and the two
// kernels.
#ifndef MILLRACE_HOST_TRAINING_ENGINE_CUDA_STEP_CUH
#define MILLRACE_HOST_TRAINING_ENGINE_CUDA_STEP_CUH

#include "host/training/engine/cuda_plan.cuh"

// The sums of all parts.
__device__ static inline cuda_part cuda_add_parts(const cuda_memory &memory, int count) {
  cuda_part sum = {0, 0, 0};
  for (int i = 0; i < count; i++) {
    sum.loss += memory.parts[i].loss;
    sum.weight += memory.parts[i].weight;
    sum.correct += memory.parts[i].correct;
  }
  return sum;
}

// Adds parameter i's gradient over `parts`, divides it, and leaves it in the first; returns its
// square.
__device__ static inline double cuda_add_gradient(const cuda_plan &plan, const cuda_memory &memory,
                                                  size_t i, int parts, float scale) {
  float sum = memory.gradient[i];
  for (int part = 1; part < parts; part++)
    sum += memory.gradient[(size_t)part * plan.parameter_count + i];
  sum *= scale;
  memory.gradient[i] = sum;
  return (double)sum * (double)sum;
}

// Adds every thread's number, in the order of threads; all get the sum. `scratch`: a number for
// each thread, in shared memory.
__device__ static inline double cuda_add_threads(double mine, double *scratch) {
  scratch[threadIdx.x] = mine;
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) scratch[threadIdx.x] += scratch[threadIdx.x + half];
  }
  __syncthreads();
  double sum = scratch[0];
  __syncthreads();
  return sum;
}

// What is the same for all parameters in one step.
struct cuda_change {
  float clip, rate;    // of the gradient; Adam's is corrected
  float root, shrink;  // 1 / sqrt(1 - beta2^t); what AdamW leaves of a parameter
};

// `step` counts from 1.
__device__ static inline cuda_change cuda_plan_change(const train_optimizer &o, double norm,
                                                      float learning_rate, int64_t step) {
  double most = (double)o.gradient_clip;
  cuda_change made = {1, learning_rate, 1, 1 - learning_rate * o.weight_decay};
  if (most > 0 && norm > most) made.clip = (float)(most / (norm + 1e-6));
  if (o.rule == TRAIN_ADAM || o.rule == TRAIN_ADAMW) {
    made.rate = (float)((double)learning_rate / (1 - pow((double)o.beta1, (double)step)));
    made.root = (float)(1 / sqrt(1 - pow((double)o.beta2, (double)step)));
  }
  return made;
}

// Changes parameter i.
__device__ static inline void cuda_apply(const cuda_plan &plan, const cuda_memory &memory, size_t i,
                                         const cuda_change &change) {
  const train_optimizer &o = plan.optimizer;
  float w = memory.parameters[i], g = memory.gradient[i] * change.clip;
  if (o.rule == TRAIN_ADAMW) {
    w *= change.shrink;
  } else {
    g += o.weight_decay * w;
  }
  if (o.rule == TRAIN_SGD) {
    float v = o.momentum * memory.first[i] + g;
    memory.first[i] = v;
    memory.parameters[i] = w - change.rate * v;
    return;
  }
  float v = o.beta2 * memory.second[i] + (1 - o.beta2) * g * g;
  memory.second[i] = v;
  if (o.rule == TRAIN_RMSPROP) {
    memory.parameters[i] = w - change.rate * g / (sqrtf(v) + o.epsilon);
    return;
  }
  float m = o.beta1 * memory.first[i] + (1 - o.beta1) * g;
  memory.first[i] = m;
  memory.parameters[i] = w - change.rate * (m / (sqrtf(v) * change.root + o.epsilon));
}

// What the step makes of `at`: one more, or a failure.
__device__ static inline cuda_progress cuda_advance(const cuda_progress &at, const cuda_part &sum,
                                                    double norm, int batch, bool stop) {
  cuda_progress next = at;
  double loss = sum.loss / sum.weight;
  next.ran.last_loss = loss;
  next.ran.last_norm = norm;
  next.state = CUDA_FAILED;
  if (!isfinite(loss) || !isfinite(norm)) return next;
  next.state = stop ? CUDA_STOPPED : CUDA_RUNNING;
  next.step++;
  next.ran.steps++;
  next.ran.rows += (size_t)batch;
  next.ran.loss_sum += loss * batch;
  next.ran.correct += sum.correct;
  return next;
}

// Grid: a block for each CUDA_SPAN parameters. `parts` of the batch, of which `gradients` have a
// gradient of their own.
__global__ static void cuda_reduce(cuda_plan plan, cuda_memory memory, int parts, int gradients) {
  __shared__ double scratch[CUDA_THREADS];
  if (blockIdx.x == 0 && threadIdx.x == 0) memory.control->now = memory.control->next;
  if (memory.control->next.state != CUDA_RUNNING) return;
  float scale = (float)(1 / cuda_add_parts(memory, parts).weight);
  double squares = 0;
  size_t first = (size_t)blockIdx.x * CUDA_SPAN;
  for (size_t i = first + threadIdx.x; i < first + CUDA_SPAN && i < plan.parameter_count;
       i += CUDA_THREADS)
    squares += cuda_add_gradient(plan, memory, i, gradients, scale);
  squares = cuda_add_threads(squares, scratch);
  if (threadIdx.x == 0) memory.squares[blockIdx.x] = squares;
}

// Grid: as cuda_reduce(), after it.
__global__ static void cuda_update(cuda_plan plan, cuda_memory memory, int batch, int parts) {
  __shared__ double scratch[CUDA_THREADS];
  __shared__ cuda_change change;
  __shared__ bool goes_on;
  const cuda_progress &now = memory.control->now;
  if (now.state != CUDA_RUNNING) return;
  double squares = 0;
  for (unsigned i = threadIdx.x; i < gridDim.x; i += CUDA_THREADS)
    squares += memory.squares[i];
  squares = cuda_add_threads(squares, scratch);
  if (threadIdx.x == 0) {
    int stop = blockIdx.x == 0 ? *memory.stop : 0;
    cuda_progress next =
        cuda_advance(now, cuda_add_parts(memory, parts), sqrt(squares), batch, stop != 0);
    change =
        cuda_plan_change(plan.optimizer, sqrt(squares), memory.control->learning_rate, next.step);
    goes_on = next.state != CUDA_FAILED;
    if (blockIdx.x == 0) memory.control->next = next;
  }
  __syncthreads();
  if (!goes_on) return;
  size_t first = (size_t)blockIdx.x * CUDA_SPAN;
  for (size_t i = first + threadIdx.x; i < first + CUDA_SPAN && i < plan.parameter_count;
       i += CUDA_THREADS)
    cuda_apply(plan, memory, i, change);
}

#endif
