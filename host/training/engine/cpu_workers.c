#include "host/training/engine/cpu_workers.h"

#include <stdlib.h>
#include <string.h>

enum {
  SHARES_MAX = 16,
  SHARE_ROWS = 128,       // of a worker, unless there are more than SHARES_MAX times as many
  LARGE_ROWS = 128,       // of a worker of a large network: below that, a library's packing of
  LARGE_ROWS_MOST = 256,  // the weights shows; with many rows, above that, nothing is won
  LARGE_ROWS_MANY = 2048,
  STRIPE_ROWS = 256,  // of a large layer's gradient
};

float *cpu_floats(size_t count) {
  size_t size = (count + CPU_PAD) / CPU_PAD * CPU_PAD * sizeof(float);
  float *made = aligned_alloc(64, size);
  if (made == NULL) abort();
  memset(made, 0, size);
  return made;
}

// ---- the shape ----

static int pad(int width) {
  return (width + CPU_PAD - 1) / CPU_PAD * CPU_PAD;
}

void cpu_shape_init(cpu_shape *shape, const train_network *network, const cpu_gemm *gemm) {
  train_layer layers[CPU_LAYERS_MAX];
  *shape = (cpu_shape){.network = *network,
                       .gemm = gemm,
                       .layer_count = train_network_layers(network, layers),
                       .widest = pad(network->inputs)};
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
    if (gemm == NULL) shape->back_count += (size_t)at->out * (size_t)at->in_pad;
    if (at->out_pad > shape->widest) shape->widest = at->out_pad;
  }
}

// Calls for each number: where it is in the flat vector, where in the padded one.
static void each_number(const cpu_shape *shape, void (*each)(void *arg, size_t flat, size_t padded),
                        void *arg) {
  train_layer layers[CPU_LAYERS_MAX];
  train_network_layers(&shape->network, layers);
  for (int l = 0; l < shape->layer_count; l++) {
    const cpu_layer *at = &shape->layers[l];
    for (size_t o = 0; o < (size_t)at->out; o++) {
      for (size_t i = 0; i < (size_t)at->in; i++)
        each(arg, layers[l].weight + o * (size_t)at->in + i,
             at->weight + i * (size_t)at->out_pad + o);
      each(arg, layers[l].bias + o, at->bias + o);
    }
  }
}

typedef struct copying {
  const float *from;
  float *to;
} copying;

static void pad_one(void *arg, size_t flat, size_t padded) {
  const copying *own = arg;
  own->to[padded] = own->from[flat];
}

static void flatten_one(void *arg, size_t flat, size_t padded) {
  const copying *own = arg;
  own->to[flat] = own->from[padded];
}

void cpu_shape_pad(const cpu_shape *shape, const float *flat, float *padded) {
  each_number(shape, pad_one, &(copying){flat, padded});
}

void cpu_shape_flatten(const cpu_shape *shape, const float *padded, float *flat) {
  each_number(shape, flatten_one, &(copying){padded, flat});
}

// ---- their arrays ----

static float *take(cpu_workers *own, size_t count) {
  own->bytes += count * sizeof(float);
  if (own->counts_only) return NULL;
  own->owned = realloc(own->owned, (own->owned_count + 1) * sizeof *own->owned);
  if (own->owned == NULL) abort();
  float *made = cpu_floats(count);
  own->owned[own->owned_count++] = made;
  return made;
}

// Half as many floats: so many halves.
static uint16_t *take_halves(cpu_workers *own, const cpu_shape *shape, size_t count) {
  if (shape->gemm == NULL || !shape->gemm->halves) return NULL;
  return (uint16_t *)take(own, (count + 1) / 2);
}

// The arrays of a worker for `rows` rows.
static void take_arrays(cpu_workers *own, const cpu_shape *shape, size_t rows, cpu_worker *out) {
  bool drops = shape->network.dropout > 0, large = shape->gemm != NULL;
  for (int l = 0; l <= shape->layer_count; l++) {
    bool last = l == shape->layer_count;
    int width = last ? shape->layers[l - 1].out_pad : shape->layers[l].in_pad;
    out->values[l] = take(own, rows * (size_t)width);
    if (!last) out->value_halves[l] = take_halves(own, shape, rows * (size_t)width);
  }
  for (int l = 0; l < shape->layer_count; l++) {
    size_t size = rows * (size_t)shape->layers[l].out_pad;
    if (drops) out->scales[l] = take(own, size);
    out->delta_halves[l] = take_halves(own, shape, size);
    // In a block, a delta is used up once the one below it is known: two buffers do, and stay in
    // cache.
    if (large) {
      out->deltas[l] = take(own, size);
    } else {
      out->deltas[l] = l < 2 ? take(own, rows * (size_t)shape->widest) : out->deltas[l - 2];
    }
  }
}

static void init_blocks(cpu_workers *own, const cpu_shape *shape, int batch_rows) {
  own->rows = CPU_BLOCK_ROWS;
  own->count = batch_rows / SHARE_ROWS;
  own->count = own->count < 1 ? 1 : own->count > SHARES_MAX ? SHARES_MAX : own->count;
  own->at = calloc((size_t)own->count, sizeof *own->at);
  if (own->at == NULL) abort();
  for (int i = 0; i < own->count; i++) {
    take_arrays(own, shape, CPU_BLOCK_ROWS, &own->at[i]);
    own->at[i].gradient = take(own, shape->parameter_count);
  }
}

static float *advance(float *at, size_t count) {
  return at == NULL ? NULL : at + count;
}

static uint16_t *advance_halves(uint16_t *at, size_t count) {
  return at == NULL ? NULL : at + count;
}

// Worker `first`'s arrays, from its row `row` on.
static void point_into(const cpu_shape *shape, const cpu_worker *first, size_t row,
                       cpu_worker *out) {
  for (int l = 0; l <= shape->layer_count; l++) {
    bool last = l == shape->layer_count;
    int width = last ? shape->layers[l - 1].out_pad : shape->layers[l].in_pad;
    out->values[l] = advance(first->values[l], row * (size_t)width);
    out->value_halves[l] = advance_halves(first->value_halves[l], row * (size_t)width);
  }
  for (int l = 0; l < shape->layer_count; l++) {
    size_t size = row * (size_t)shape->layers[l].out_pad;
    out->scales[l] = advance(first->scales[l], size);
    out->deltas[l] = advance(first->deltas[l], size);
    out->delta_halves[l] = advance_halves(first->delta_halves[l], size);
  }
  out->gradient = first->gradient;
}

static void init_stripes(cpu_workers *own, const cpu_shape *shape) {
  for (int l = 0; l < shape->layer_count; l++)
    own->stripe_count += (shape->layers[l].in + STRIPE_ROWS - 1) / STRIPE_ROWS;
  own->stripes = calloc((size_t)own->stripe_count, sizeof *own->stripes);
  if (own->stripes == NULL) abort();
  cpu_stripe *at = own->stripes;
  for (int l = 0; l < shape->layer_count; l++) {
    for (int first = 0; first < shape->layers[l].in; first += STRIPE_ROWS) {
      int left = shape->layers[l].in - first;
      *at++ = (cpu_stripe){
          .layer = l, .first = first, .count = left < STRIPE_ROWS ? left : STRIPE_ROWS};
    }
  }
}

static void init_large(cpu_workers *own, const cpu_shape *shape, int batch_rows) {
  own->rows = batch_rows < LARGE_ROWS_MANY ? LARGE_ROWS : LARGE_ROWS_MOST;
  own->count = (batch_rows + own->rows - 1) / own->rows;
  own->at = calloc((size_t)own->count, sizeof *own->at);
  if (own->at == NULL) abort();
  take_arrays(own, shape, (size_t)own->count * (size_t)own->rows, &own->at[0]);
  own->at[0].gradient = take(own, shape->parameter_count);
  for (int i = 1; i < own->count; i++)
    point_into(shape, &own->at[0], (size_t)i * (size_t)own->rows, &own->at[i]);
  init_stripes(own, shape);
}

static void init(cpu_workers *workers, const cpu_shape *shape, int batch_rows) {
  (shape->gemm != NULL ? init_large : init_blocks)(workers, shape, batch_rows);
}

void cpu_workers_init(cpu_workers *workers, const cpu_shape *shape, int batch_rows) {
  *workers = (cpu_workers){0};
  init(workers, shape, batch_rows);
}

size_t cpu_workers_bytes(const cpu_shape *shape, int batch_rows) {
  cpu_workers workers = {.counts_only = true};
  init(&workers, shape, batch_rows);
  cpu_workers_fini(&workers);
  return workers.bytes;
}

void cpu_workers_fini(cpu_workers *workers) {
  for (size_t i = 0; i < workers->owned_count; i++)
    free(workers->owned[i]);
  free(workers->owned);
  free(workers->stripes);
  free(workers->at);
}

// ---- who has which rows ----

int cpu_workers_busy(const cpu_workers *workers, const cpu_shape *shape, int rows) {
  int each = shape->gemm != NULL ? workers->rows : SHARE_ROWS;
  int busy = shape->gemm != NULL ? (rows + each - 1) / each : rows / each;
  return busy < 1 ? 1 : busy > workers->count ? workers->count : busy;
}

cpu_range cpu_workers_range(const cpu_workers *workers, const cpu_shape *shape, int rows,
                            int index) {
  if (shape->gemm != NULL) {
    int first = index * workers->rows, end = first + workers->rows;
    return (cpu_range){first, end < rows ? end : rows};
  }
  int busy = cpu_workers_busy(workers, shape, rows);
  return (cpu_range){(int)((int64_t)rows * index / busy),
                     (int)((int64_t)rows * (index + 1) / busy)};
}
