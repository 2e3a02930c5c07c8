// The small network, whose weights and a tile of CUDA_ROWS rows fit in one block's shared memory:
// gather, forward, loss and backward without leaving it. cuda_learn() is a step's first kernel, for
// batches that many blocks share; cuda_train() does whole steps, one after the other, in one block.
#ifndef MILLRACE_HOST_TRAINING_ENGINE_CUDA_SMALL_CUH
#define MILLRACE_HOST_TRAINING_ENGINE_CUDA_SMALL_CUH

#include "host/training/engine/cuda_step.cuh"

// c(m, n, sum over k of a(m, k) b(k, n)) for all m and n, each thread 4 x 4 of them at a time.
// Threads beside each other take m's beside each other.
template <class A, class B, class C>
__device__ static inline void cuda_product(int m_count, int n_count, int k_count, A a, B b, C c) {
  int m_tiles = (m_count + 3) / 4, n_tiles = (n_count + 3) / 4;
  for (int tile = (int)threadIdx.x; tile < m_tiles * n_tiles; tile += CUDA_THREADS) {
    int m[4], n[4];
    float sum[4][4] = {};
    for (int i = 0; i < 4; i++) {
      m[i] = tile % m_tiles + i * m_tiles;
      n[i] = tile / m_tiles + i * n_tiles;
    }
    for (int k = 0; k < k_count; k++) {
      float x[4], y[4];
      for (int i = 0; i < 4; i++) {
        x[i] = m[i] < m_count ? a(m[i], k) : 0;
        y[i] = n[i] < n_count ? b(k, n[i]) : 0;
      }
      for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++)
          sum[i][j] += x[i] * y[j];
      }
    }
    for (int i = 0; i < 4; i++) {
      for (int j = 0; j < 4; j++) {
        if (m[i] < m_count && n[j] < n_count) c(m[i], n[j], sum[i][j]);
      }
    }
  }
}

// A tile: rows [first, first + count) of the batch whose order begins at `order`.
struct cuda_tile {
  const uint32_t *order;
  int first, count;
  int64_t step;
  float *gradient;
  bool fresh;  // the gradient is written, not added to
};

__device__ static inline void cuda_load_weights(const cuda_plan &plan, const cuda_memory &memory) {
  for (int l = 0; l < plan.layer_count; l++) {
    const train_layer &at = plan.layers[l];
    int stride = at.out | 1;
    for (int i = (int)threadIdx.x; i < at.in * at.out; i += CUDA_THREADS)
      cuda_shared[plan.weights[l] + i % at.in * stride + i / at.in] =
          memory.parameters[at.weight + (size_t)i];
    for (int o = (int)threadIdx.x; o < at.out; o += CUDA_THREADS)
      cuda_shared[plan.biases[l] + o] = memory.parameters[at.bias + (size_t)o];
  }
  __syncthreads();
}

// Rows that the tile lacks are zeros.
__device__ static inline void cuda_load_rows(const cuda_plan &plan, const cuda_memory &memory,
                                             const cuda_tile &tile) {
  int inputs = plan.network.inputs;
  float *values = cuda_shared + plan.values[0];
  for (int i = (int)threadIdx.x; i < CUDA_ROWS * inputs; i += CUDA_THREADS) {
    int row = i / inputs, input = i % inputs;
    float value = 0;
    if (row < tile.count) {
      size_t from = tile.order[tile.first + row];
      value = memory.features[from * (size_t)inputs + (size_t)input];
    }
    values[input * CUDA_ROW_STRIDE + row] = value;
  }
  __syncthreads();
}

// The bytes that say what dropout kept of the values that come out of a hidden layer.
__device__ static inline unsigned char *cuda_kept(const cuda_plan &plan, int layer) {
  unsigned char *kept = (unsigned char *)(cuda_shared + plan.kept);
  for (int l = 0; l < layer; l++)
    kept += plan.layers[l].out * CUDA_ROWS;
  return kept;
}

__device__ static inline void cuda_forward(const cuda_plan &plan, const cuda_tile &tile, int l) {
  const train_layer &at = plan.layers[l];
  const float *weights = cuda_shared + plan.weights[l], *biases = cuda_shared + plan.biases[l];
  const float *in = cuda_shared + plan.values[l];
  float *out = cuda_shared + plan.values[l + 1];
  unsigned char *kept = cuda_kept(plan, l);
  int stride = at.out | 1;
  bool hidden = l + 1 < plan.layer_count;
  float dropout = hidden ? plan.network.dropout : 0;
  cuda_product(
      CUDA_ROWS, at.out, at.in, [=](int r, int i) { return in[i * CUDA_ROW_STRIDE + r]; },
      [=](int i, int o) { return weights[i * stride + o]; },
      [=, &plan, &tile](int r, int o, float sum) {
        float y = sum + biases[o];
        if (hidden) y = cuda_activate(plan.network.activation, y);
        if (dropout > 0) {
          bool keeps = cuda_keeps(plan, tile.step, l, tile.first + r, o);
          kept[o * CUDA_ROWS + r] = keeps;
          y = keeps ? y / (1 - dropout) : 0;
        }
        out[o * CUDA_ROW_STRIDE + r] = y;
      });
  __syncthreads();
}

// The deltas of the last layer, and what the rows lost: added to *part of thread 0.
__device__ static inline void cuda_lose(const cuda_plan &plan, const cuda_memory &memory,
                                        const cuda_tile &tile, cuda_part *part) {
  int r = (int)threadIdx.x, last = plan.layer_count;
  const float *out = cuda_shared + plan.values[last];
  float *delta = cuda_shared + plan.deltas[last % 2], *losses = cuda_shared + plan.losses;
  if (r < CUDA_ROWS) {
    cuda_row row = {0, 0, false};
    if (r < tile.count) {
      row =
          cuda_score(plan, memory, tile.order[tile.first + r], out + r, delta + r, CUDA_ROW_STRIDE);
    } else {
      for (int o = 0; o < plan.network.outputs; o++)
        delta[o * CUDA_ROW_STRIDE + r] = 0;
    }
    losses[r] = (float)row.loss;
    losses[CUDA_ROWS + r] = row.weight;
    losses[2 * CUDA_ROWS + r] = row.correct ? 1 : 0;
  }
  __syncthreads();
  if (r == 0) {
    for (int i = 0; i < tile.count; i++) {
      part->loss += (double)losses[i];
      part->weight += (double)losses[CUDA_ROWS + i];
      part->correct += losses[2 * CUDA_ROWS + i] > 0;
    }
  }
}

__device__ static inline void cuda_backward(const cuda_plan &plan, const cuda_tile &tile, int l) {
  const train_layer &at = plan.layers[l];
  const float *weights = cuda_shared + plan.weights[l], *in = cuda_shared + plan.values[l];
  const float *delta = cuda_shared + plan.deltas[(l + 1) % 2];
  float *below = cuda_shared + plan.deltas[l % 2], *gradient = tile.gradient + at.weight;
  int stride = at.out | 1, width = at.in;
  bool fresh = tile.fresh;
  cuda_product(
      at.in, at.out, CUDA_ROWS, [=](int i, int r) { return in[i * CUDA_ROW_STRIDE + r]; },
      [=](int r, int o) { return delta[o * CUDA_ROW_STRIDE + r]; },
      [=](int i, int o, float sum) {
        float *to = gradient + (size_t)o * (size_t)width + (size_t)i;
        *to = fresh ? sum : *to + sum;
      });
  for (int o = (int)threadIdx.x; o < at.out; o += CUDA_THREADS) {
    float *to = tile.gradient + at.bias + (size_t)o, sum = fresh ? 0 : *to;
    for (int r = 0; r < CUDA_ROWS; r++)
      sum += delta[o * CUDA_ROW_STRIDE + r];
    *to = sum;
  }
  if (l > 0) {
    const unsigned char *kept = cuda_kept(plan, l - 1);
    float left = 1 - plan.network.dropout;
    bool drops = plan.network.dropout > 0;
    train_activation activation = plan.network.activation;
    cuda_product(
        CUDA_ROWS, at.in, at.out, [=](int r, int o) { return delta[o * CUDA_ROW_STRIDE + r]; },
        [=](int o, int i) { return weights[i * stride + o]; },
        [=](int r, int i, float sum) {
          float y = in[i * CUDA_ROW_STRIDE + r];
          if (drops) {
            y *= left;
            sum = kept[i * CUDA_ROWS + r] ? sum / left : 0;
          }
          below[i * CUDA_ROW_STRIDE + r] = sum * cuda_slope(activation, y);
        });
  }
  __syncthreads();
}

// Rows [first, end) of a batch, tile by tile, into the gradient. The weights are in shared memory.
__device__ static inline void cuda_learn_rows(const cuda_plan &plan, const cuda_memory &memory,
                                              cuda_tile tile, int end, cuda_part *part) {
  *part = {0, 0, 0};
  for (; tile.first < end; tile.first += CUDA_ROWS) {
    tile.count = end - tile.first < CUDA_ROWS ? end - tile.first : CUDA_ROWS;
    cuda_load_rows(plan, memory, tile);
    for (int l = 0; l < plan.layer_count; l++)
      cuda_forward(plan, tile, l);
    cuda_lose(plan, memory, tile, part);
    for (int l = plan.layer_count - 1; l >= 0; l--)
      cuda_backward(plan, tile, l);
    tile.fresh = false;
  }
}

// Grid: a block for each part of the batch. The batch begins where `next` says.
__global__ static void cuda_learn(cuda_plan plan, cuda_memory memory, int batch) {
  const cuda_progress &at = memory.control->next;
  if (at.state != CUDA_RUNNING) return;
  int64_t index = blockIdx.x, parts = gridDim.x;
  cuda_tile tile = {memory.order + at.ran.rows,
                    (int)(batch * index / parts),
                    0,
                    at.step,
                    memory.gradient + (size_t)index * plan.parameter_count,
                    true};
  cuda_part part;
  cuda_load_weights(plan, memory);
  cuda_learn_rows(plan, memory, tile, (int)(batch * (index + 1) / parts), &part);
  if (threadIdx.x == 0) memory.parts[index] = part;
}

// One block: `steps` steps of `batch` rows.
__global__ static void cuda_train(cuda_plan plan, cuda_memory memory, int batch, int steps) {
  __shared__ double scratch[CUDA_THREADS];
  __shared__ cuda_progress at;
  __shared__ cuda_change change;
  __shared__ float scale;
  if (threadIdx.x == 0) {
    at = memory.control->next;
    if (*memory.stop != 0 && at.state == CUDA_RUNNING) at.state = CUDA_STOPPED;
  }
  __syncthreads();
  cuda_load_weights(plan, memory);
  for (int step = 0; step < steps && at.state == CUDA_RUNNING; step++) {
    // Asked for here, needed at the end: the answer comes over the bus in the meantime.
    int stop = threadIdx.x == 0 ? *memory.stop : 0;
    cuda_tile tile = {memory.order + at.ran.rows, 0, 0, at.step, memory.gradient, true};
    cuda_part part;
    cuda_learn_rows(plan, memory, tile, batch, &part);
    if (threadIdx.x == 0) scale = (float)(1 / part.weight);
    __syncthreads();
    double squares = 0;
    for (size_t i = threadIdx.x; i < plan.parameter_count; i += CUDA_THREADS)
      squares += cuda_add_gradient(plan, memory, i, 1, scale);
    double norm = sqrt(cuda_add_threads(squares, scratch));
    if (threadIdx.x == 0) {
      at = cuda_advance(at, part, norm, batch, stop != 0);
      change = cuda_plan_change(plan.optimizer, norm, memory.control->learning_rate, at.step);
    }
    __syncthreads();
    if (at.state == CUDA_FAILED) break;
    for (size_t i = threadIdx.x; i < plan.parameter_count; i += CUDA_THREADS)
      cuda_apply(plan, memory, i, change);
    __syncthreads();
    cuda_load_weights(plan, memory);
  }
  if (threadIdx.x == 0) memory.control->next = at;
}

#endif
