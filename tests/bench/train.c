// train: full training steps (gather, forward, loss, backward, clip, Adam) of the CPU engine,
// beside python3-torch with OpenBLAS in the same run. Predicted: torch pays about 300 us of Python
// and dispatch a step, so 30 x and more at batch 32; where its time is in matrix products, 2 to 4
// x. With the argument `cuda`: a GPU beside this machine's CPU. With four numbers (inputs, two
// hidden widths, batch): that shape.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/engine/cuda.h"
#include "tests/bench/child.h"
#include "tests/bench/fma_peak.h"
#include "tests/bench/measure.h"

enum { ROWS = 65536, ROUNDS = 7 };

static int rounds(void) {
  return bench_size(ROUNDS, 1);
}

static int64_t round_ns(void) {
  return bench_size(300, 10) * INT64_C(1000000);
}

typedef struct shape {
  int inputs, hidden[2], batch;
  double wanted;  // times torch
} shape;

static const shape shapes[] = {
    {32, {64, 32}, 32, 20},   {32, {64, 32}, 256, 6},      {64, {128, 64}, 256, 6},
    {64, {128, 64}, 1024, 3}, {64, {256, 256}, 8192, 1.5},
};

enum { SHAPES = sizeof shapes / sizeof *shapes };

// A large network: OpenBLAS's products, and oneDNN's of bf16.
static const shape large = {256, {1024, 1024}, 4096, 1};

static void must(mesh_code code, const mesh_error *err) {
  if (code != GRPC_STATUS_OK) bench_die("%s", err->message);
}

// What a row costs in multiplications with additions: forward, the weights' gradient, and, but for
// the first layer, the way back.
static double flops_of(const shape *s) {
  double first = (double)s->inputs * s->hidden[0];
  double rest = (double)s->hidden[0] * s->hidden[1] + 3.0 * s->hidden[1];
  return 4 * first + 6 * rest;
}

typedef struct data {
  float *features;
  uint8_t *classes;
  uint32_t *order;
} data;

static data make_data(int inputs) {
  data made = {malloc((size_t)ROWS * (size_t)inputs * sizeof(float)), malloc(ROWS),
               malloc(ROWS * sizeof(uint32_t))};
  if (made.features == NULL || made.classes == NULL || made.order == NULL) abort();
  srand(1);
  for (size_t i = 0; i < (size_t)ROWS * (size_t)inputs; i++)
    made.features[i] = (float)rand() / (float)RAND_MAX;
  for (uint32_t i = 0; i < ROWS; i++) {
    made.classes[i] = (uint8_t)(rand() % 3);
    made.order[i] = (uint32_t)(((uint64_t)i * 40503) % ROWS);
  }
  return made;
}

enum { ON_GPU = -1 };  // in the place of a number of threads

static train_engine *make_engine(const train_setup *setup, int threads, train_products products) {
  train_cpu_options options = {.threads = threads, .products = products};
  train_engine *engine;
  mesh_error err;
  must(threads == ON_GPU ? train_cuda_create(setup, 0, 0, &engine, &err)
                         : train_cpu_create(setup, &options, &engine, &err),
       &err);
  return engine;
}

// Rows a second, the median of rounds of at least round_ns() each. `threads`: 0 for the best,
// ON_GPU.
static double measure(const shape *s, int threads, train_products products, char device[96]) {
  train_setup setup = {.network = {.inputs = s->inputs,
                                   .outputs = 3,
                                   .hidden_count = 2,
                                   .hidden = {s->hidden[0], s->hidden[1]}},
                       .optimizer = train_optimizer_defaults(TRAIN_ADAM),
                       .batch_rows = s->batch};
  data made = make_data(s->inputs);
  train_rows rows = {ROWS, made.features, made.classes, NULL};
  train_state state;
  train_engine *engine = make_engine(&setup, threads, products);
  mesh_error err;
  train_state_init(&state, &setup.network, 1);
  must(train_engine_attach(engine, &rows, &err), &err);
  must(train_engine_load(engine, &state, &err), &err);
  double rates[ROUNDS];
  for (int round = 0; round < rounds(); round++) {
    size_t done = 0;
    int64_t start_ns = bench_now_ns();
    while (bench_now_ns() - start_ns < round_ns()) {
      train_run run = {made.order, (size_t)bench_size(ROWS / 4, s->batch), s->batch, 0.001f, NULL};
      train_ran ran;
      must(train_engine_run(engine, &run, &ran, &err), &err);
      done += ran.rows;
    }
    rates[round] = (double)done / ((double)(bench_now_ns() - start_ns) / 1e9);
  }
  snprintf(device, 96, "%s", engine->device);
  train_engine_destroy(engine);
  train_state_fini(&state);
  free(made.features);
  free(made.classes);
  free(made.order);
  return bench_median(rates, (size_t)rounds());
}

// Asks the peer for rows a second with its best number of threads; 0 if there is no torch. It gets
// the kernels of OpenBLAS that we would use.
static double measure_torch(const shape *s, int *threads) {
  char *command = bench_text(
      "env -u OPENBLAS_NUM_THREADS /usr/bin/python3 -W ignore "
      "tests/bench/train_peer.py %d %d %d %d",
      s->inputs, s->hidden[0], s->hidden[1], s->batch);
  FILE *peer = popen(command, "r");
  double rate = 0;
  if (peer == NULL || fscanf(peer, "%lf %d", &rate, threads) != 2) rate = 0;
  if (peer != NULL) pclose(peer);
  free(command);
  return rate;
}

static bool compare(const shape *s) {
  char device[96], what[96];
  int threads = 0;
  double ours = measure(s, 0, TRAIN_PRODUCTS_BEST, device), torch = measure_torch(s, &threads);
  printf("%d-%d-%d-3, batch %d: %.2f M rows/s (%.0f GFLOP/s, %s)", s->inputs, s->hidden[0],
         s->hidden[1], s->batch, ours / 1e6, ours * flops_of(s) / 1e9, device);
  if (torch == 0) {
    printf("; no python3-torch here\n");
    return false;
  }
  printf("; torch %.3f M rows/s (%d threads): %.1f x\n", torch / 1e6, threads, ours / torch);
  snprintf(what, sizeof what, "times torch");
  return bench_target(what, ours / torch, BENCH_AT_LEAST, s->wanted, "x");
}

static bool has_bf16(void) {
  train_setup setup = {.network = {.inputs = 1, .outputs = 1}, .batch_rows = 1};
  train_cpu_options options = {.products = TRAIN_PRODUCTS_BF16};
  return train_cpu_bytes(&setup, &options) > 0;
}

// The library that large networks get, against our own kernels; and bf16 against that.
static bool compare_products(void) {
  char device[96];
  double best = measure(&large, 0, TRAIN_PRODUCTS_BEST, device);
  double own = measure(&large, 0, TRAIN_PRODUCTS_OWN, device);
  printf("%d-%d-%d-3 with our own kernels: %.3f M rows/s (%.0f GFLOP/s)\n", large.inputs,
         large.hidden[0], large.hidden[1], own / 1e6, own * flops_of(&large) / 1e9);
  bool reached = bench_target("OpenBLAS, times our own", best / own, BENCH_AT_LEAST, 1, "x");
  if (!has_bf16()) {
    printf("no AMX and no AVX512_BF16 here: bf16 was not measured\n");
    return reached;
  }
  double halves = measure(&large, 0, TRAIN_PRODUCTS_BF16, device);
  printf("%d-%d-%d-3 in bf16: %.3f M rows/s (%.0f GFLOP/s, %s): %.1f x fp32\n", large.inputs,
         large.hidden[0], large.hidden[1], halves / 1e6, halves * flops_of(&large) / 1e9, device,
         halves / best);
  return reached;
}

// A GPU against this machine's CPU: there is no target, since no machine of ours has one.
static int compare_gpu(void) {
  for (int i = 0; i < SHAPES; i++) {
    const shape *s = &shapes[i];
    char gpu[96], cpu[96];
    double ours = measure(s, ON_GPU, TRAIN_PRODUCTS_BEST, gpu);
    double peer = measure(s, 0, TRAIN_PRODUCTS_BEST, cpu);
    printf("%d-%d-%d-3, batch %d: %.2f M rows/s (%s); %.2f M rows/s (%s): %.1f x\n", s->inputs,
           s->hidden[0], s->hidden[1], s->batch, ours / 1e6, gpu, peer / 1e6, cpu, ours / peer);
  }
  return 0;
}

int main(int argc, char **argv) {
  bool all = true;
  train_cpu_prepare();
  if (argc == 2 && strcmp(argv[1], "cuda") == 0) return compare_gpu();
  if (argc == 5) {
    shape s = {atoi(argv[1]), {atoi(argv[2]), atoi(argv[3])}, atoi(argv[4]), 1};
    return compare(&s) ? 0 : 1;
  }
  printf("full steps with Adam, median of %d rounds\n", rounds());
  for (int i = 0; i < bench_size(SHAPES, 1); i++)  // torch takes seconds to start
    all = compare(&shapes[i]) && all;
  if (!bench_is_smoke()) all = compare(&large) && all;
  all = compare_products() && all;
  char device[96];
  double peak = bench_fma_peak();
  double ours = measure(&shapes[3], 1, TRAIN_PRODUCTS_BEST, device) * flops_of(&shapes[3]);
  printf("one core: %.1f GFLOP/s of independent FMAs; 64-128-64-3, batch 1024: %.1f (%s)\n",
         peak / 1e9, ours / 1e9, device);
  all = bench_target("share of the peak", 100 * ours / peak, BENCH_AT_LEAST, 70, "%") && all;
  return all ? 0 : 1;
}
