// The large network, layer by layer: its values lie in device memory, rows after each other (rows,
// units), and matrices are multiplied by cuBLASLt or, where that is not there, cuda_multiply().
#ifndef MILLRACE_HOST_TRAINING_ENGINE_CUDA_LAYERS_CUH
#define MILLRACE_HOST_TRAINING_ENGINE_CUDA_LAYERS_CUH

#include "host/training/engine/cuda_plan.cuh"

enum { CUDA_TILE = 64, CUDA_DEPTH = 16 };  // of cuda_multiply(): a block's outputs, and its k's

// A factor, row-major in memory with rows `stride` apart; or the transpose of what is there.
struct cuda_matrix {
  const float *at;
  size_t stride;
  bool transposed;
};

__device__ static inline float cuda_element(const cuda_matrix &matrix, int row, int column,
                                            int rows, int columns) {
  if (row >= rows || column >= columns) return 0;
  if (matrix.transposed) return matrix.at[(size_t)column * matrix.stride + (size_t)row];
  return matrix.at[(size_t)row * matrix.stride + (size_t)column];
}

// c (m, n), row-major, = a (m, k) b (k, n). Grid: a block for each CUDA_TILE x CUDA_TILE outputs,
// columns first.
__global__ static void cuda_multiply(cuda_matrix a, cuda_matrix b, float *c, int m, int n, int k) {
  __shared__ float left[CUDA_DEPTH][CUDA_TILE + 1], right[CUDA_DEPTH][CUDA_TILE + 1];
  int across = (n + CUDA_TILE - 1) / CUDA_TILE, thread = (int)threadIdx.x;
  int first_m = (int)blockIdx.x / across * CUDA_TILE,
      first_n = (int)blockIdx.x % across * CUDA_TILE;
  int row = thread / 16, column = thread % 16;
  float sum[4][4] = {};
  for (int first_k = 0; first_k < k; first_k += CUDA_DEPTH) {
    for (int i = thread; i < CUDA_TILE * CUDA_DEPTH; i += CUDA_THREADS) {
      int deep = i % CUDA_DEPTH, wide = i / CUDA_DEPTH;
      left[deep][wide] = cuda_element(a, first_m + wide, first_k + deep, m, k);
      deep = i / CUDA_TILE, wide = i % CUDA_TILE;
      right[deep][wide] = cuda_element(b, first_k + deep, first_n + wide, k, n);
    }
    __syncthreads();
    for (int deep = 0; deep < CUDA_DEPTH; deep++) {
      for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++)
          sum[i][j] += left[deep][row + 16 * i] * right[deep][column + 16 * j];
      }
    }
    __syncthreads();
  }
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 4; j++) {
      int to_m = first_m + row + 16 * i, to_n = first_n + column + 16 * j;
      if (to_m < m && to_n < n) c[(size_t)to_m * (size_t)n + (size_t)to_n] = sum[i][j];
    }
  }
}

// For the kernels below, each thread's numbers of `count`, whatever the grid.
#define CUDA_FOR_EACH(i, count)                                                         \
  for (size_t i = (size_t)blockIdx.x * CUDA_THREADS + threadIdx.x; i < (size_t)(count); \
       i += (size_t)gridDim.x * CUDA_THREADS)

// The batch's rows, side by side.
__global__ static void cuda_gather(cuda_plan plan, cuda_memory memory, int batch, float *out) {
  const cuda_progress &at = memory.control->next;
  if (at.state != CUDA_RUNNING) return;
  size_t inputs = (size_t)plan.network.inputs;
  CUDA_FOR_EACH(i, (size_t)batch * inputs) {
    size_t from = memory.order[at.ran.rows + i / inputs];
    out[i] = memory.features[from * inputs + i % inputs];
  }
}

// Bias, activation and, if kept is not NULL, dropout.
__global__ static void cuda_activate_layer(cuda_plan plan, cuda_memory memory, int l, int batch,
                                           float *values, unsigned char *kept) {
  size_t out = (size_t)plan.layers[l].out;
  const float *biases = memory.parameters + plan.layers[l].bias;
  bool hidden = l + 1 < plan.layer_count;
  CUDA_FOR_EACH(i, (size_t)batch * out) {
    float y = values[i] + biases[i % out];
    if (hidden) y = cuda_activate(plan.network.activation, y);
    if (kept != NULL) {
      kept[i] = cuda_keeps(plan, memory.control->next.step, l, (int)(i / out), (int)(i % out));
      y = kept[i] ? y / (1 - plan.network.dropout) : 0;
    }
    values[i] = y;
  }
}

// Grid: a block for each CUDA_THREADS rows, which are a part.
__global__ static void cuda_lose_rows(cuda_plan plan, cuda_memory memory, int batch,
                                      const float *out, float *delta) {
  __shared__ float losses[CUDA_THREADS], weights[CUDA_THREADS];
  __shared__ bool correct[CUDA_THREADS];
  const cuda_progress &at = memory.control->next;
  if (at.state != CUDA_RUNNING) return;
  int r = (int)(blockIdx.x * CUDA_THREADS + threadIdx.x);
  size_t outputs = (size_t)plan.network.outputs;
  cuda_row row = {0, 0, false};
  if (r < batch) {
    row = cuda_score(plan, memory, memory.order[at.ran.rows + (size_t)r], out + (size_t)r * outputs,
                     delta + (size_t)r * outputs, 1);
  }
  losses[threadIdx.x] = (float)row.loss;
  weights[threadIdx.x] = row.weight;
  correct[threadIdx.x] = row.correct;
  __syncthreads();
  if (threadIdx.x == 0) {
    cuda_part part = {0, 0, 0};
    for (int i = 0; i < CUDA_THREADS; i++) {
      part.loss += (double)losses[i];
      part.weight += (double)weights[i];
      part.correct += correct[i];
    }
    memory.parts[blockIdx.x] = part;
  }
}

// Grid: a block for each unit of the layer. The biases' gradient.
__global__ static void cuda_add_rows(cuda_plan plan, cuda_memory memory, int l, int batch,
                                     const float *delta) {
  __shared__ double scratch[CUDA_THREADS];
  double sum = 0;
  size_t out = (size_t)plan.layers[l].out;
  for (int r = (int)threadIdx.x; r < batch; r += CUDA_THREADS)
    sum += (double)delta[(size_t)r * out + blockIdx.x];
  scratch[threadIdx.x] = sum;
  for (unsigned half = CUDA_THREADS / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) scratch[threadIdx.x] += scratch[threadIdx.x + half];
  }
  if (threadIdx.x == 0) memory.gradient[plan.layers[l].bias + blockIdx.x] = (float)scratch[0];
}

// Delta of what came out of hidden layer l -> delta of what went into its activation.
__global__ static void cuda_slope_layer(cuda_plan plan, int l, int batch, const float *values,
                                        const unsigned char *kept, float *delta) {
  float left = 1 - plan.network.dropout;
  CUDA_FOR_EACH(i, (size_t)batch * (size_t)plan.layers[l].out) {
    float y = values[i], d = delta[i];
    if (kept != NULL) {
      y *= left;
      d = kept[i] ? d / left : 0;
    }
    delta[i] = d * cuda_slope(plan.network.activation, y);
  }
}

#endif
