// The CUDA engine on the emulated device: the CPU engine's numbers, through each of its ways (one
// block, many blocks, layers multiplied by our kernel and by cuBLASLt); the same bits whatever the
// order of blocks and threads, and from wherever it goes on; finite differences; what it refuses.
#include "host/training/engine/cuda.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emulation/emulation.h"
#include "tests/host/training/engine_cases.h"
#include "tests/unit.h"

enum { STEPS = 5 };

// How a network is computed: as a small one, in shared memory, or in layers.
static size_t shared_bytes = CUDA_EMULATION_SHARED_BYTES;

static train_engine *make_cuda(const train_setup *setup) {
  train_engine *engine;
  mesh_error err;
  cuda_emulation_limit_shared(shared_bytes);
  assert_int_equal(train_cuda_create(setup, 0, 0, &engine, &err), GRPC_STATUS_OK);
  return engine;
}

static train_engine *make_cpu(const train_setup *setup) {
  train_engine *engine;
  mesh_error err;
  train_cpu_options options = {1, TRAIN_ISA_GENERIC};
  assert_int_equal(train_cpu_create(setup, &options, &engine, &err), GRPC_STATUS_OK);
  return engine;
}

// ---- against the CPU engine ----

// Several steps in one run, the last one with what is left.
static train_ran run_all(train_engine *engine, const engine_case *c, const engine_data *given) {
  size_t count = (size_t)(STEPS * c->batch > ROWS ? ROWS : STEPS * c->batch);
  if (c->batch > 2) count -= (size_t)c->batch / 2;
  train_run run = {given->order, count, c->batch, 0.01f, NULL};
  train_ran ran;
  mesh_error err;
  assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OK);
  assert_int_equal(ran.rows, count);
  return ran;
}

static void assert_close(const float *a, const float *b, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!(fabsf(a[i] - b[i]) <= 5e-5f)) {
      fail_msg("number %zu of %zu: %g, not %g", i, count, (double)a[i], (double)b[i]);
    }
  }
}

// Adam divides by what may be almost nothing: where a gradient is a rounding error, its sign decides
// about a whole step. So few may be far off, and all together hardly.
static void assert_trained_alike(const train_state *a, const train_state *b) {
  double squares = 0;
  assert_int_equal(a->step, b->step);
  for (size_t i = 0; i < a->parameter_count; i++) {
    double off = (double)a->parameters[i] - (double)b->parameters[i];
    if (!(fabs(off) <= 1e-3)) fail_msg("parameter %zu is off by %g", i, off);
    squares += off * off;
  }
  double typical = sqrt(squares / (double)a->parameter_count);
  if (!(typical <= 5e-6)) fail_msg("parameters are off by %g", typical);
  assert_close(a->first, b->first, a->parameter_count);
  assert_close(a->second, b->second, a->parameter_count);
}

static void check_outputs(train_engine *cpu, train_engine *cuda, const engine_case *c,
                          const engine_data *given) {
  float *want = calloc((size_t)(ROWS * c->outputs), sizeof *want);
  float *have = calloc((size_t)(ROWS * c->outputs), sizeof *have);
  mesh_error err;
  assert_int_equal(train_engine_predict(cpu, given->features, ROWS, want, &err), GRPC_STATUS_OK);
  assert_int_equal(train_engine_predict(cuda, given->features, ROWS, have, &err), GRPC_STATUS_OK);
  assert_close(have, want, (size_t)(ROWS * c->outputs));
  free(want);
  free(have);
}

static void check_numbers(const engine_case *c) {
  train_setup setup = setup_of(c);
  engine_data given = make_data(c);
  train_state begin, want, have;
  train_state_init(&begin, &setup.network, 5);
  train_state_init(&want, &setup.network, 6);
  train_state_init(&have, &setup.network, 7);
  train_engine *cpu = prepare_engine(make_cpu(&setup), &given, &begin);
  train_engine *cuda = prepare_engine(make_cuda(&setup), &given, &begin);
  train_ran of_cpu = run_all(cpu, c, &given), of_cuda = run_all(cuda, c, &given);
  assert_int_equal(of_cuda.steps, of_cpu.steps);
  assert_int_equal(of_cuda.correct, of_cpu.correct);
  assert_true(fabs(of_cuda.loss_sum - of_cpu.loss_sum) <= 1e-5 * fabs(of_cpu.loss_sum));
  assert_true(fabs(of_cuda.last_loss - of_cpu.last_loss) <= 1e-5 * fabs(of_cpu.last_loss));
  assert_true(fabs(of_cuda.last_norm - of_cpu.last_norm) <= 1e-4 * fabs(of_cpu.last_norm));
  store_state(cpu, &want);
  store_state(cuda, &have);
  assert_trained_alike(&have, &want);
  prepare_engine(cuda, &given, &want);  // the outputs of the same parameters
  check_outputs(cpu, cuda, c, &given);
  train_engine_destroy(cpu);
  train_engine_destroy(cuda);
  assert_int_equal(cuda_emulation_taken_bytes(), 0);
  train_state_fini(&begin);
  train_state_fini(&want);
  train_state_fini(&have);
  free_data(&given);
}

// ---- the same bits ----

static void check_bits(const engine_case *c) {
  train_setup setup = setup_of(c);
  engine_data given = make_data(c);
  train_state begin, whole, other;
  train_state_init(&begin, &setup.network, 5);
  train_state_init(&whole, &setup.network, 6);
  train_state_init(&other, &setup.network, 7);

  train_engine *engine = prepare_engine(make_cuda(&setup), &given, &begin);
  run_steps(engine, c, &given, 0, STEPS);
  store_state(engine, &whole);

  cuda_emulation_reverse(true);
  prepare_engine(engine, &given, &begin);
  run_steps(engine, c, &given, 0, STEPS);
  store_state(engine, &other);
  train_engine_destroy(engine);
  cuda_emulation_reverse(false);
  assert_same_state(&whole, &other);

  engine = prepare_engine(make_cuda(&setup), &given, &begin);
  run_steps(engine, c, &given, 0, STEPS / 2);
  store_state(engine, &other);
  train_engine_destroy(engine);
  engine = prepare_engine(make_cuda(&setup), &given, &other);
  run_steps(engine, c, &given, STEPS / 2, STEPS);
  store_state(engine, &other);
  train_engine_destroy(engine);
  assert_same_state(&whole, &other);

  train_state_fini(&begin);
  train_state_fini(&whole);
  train_state_fini(&other);
  free_data(&given);
}

// ---- each way ----

typedef struct way {
  const char *name;
  size_t shared_bytes;
  bool blas;
} way;

static const way ways[] = {
    {"small", CUDA_EMULATION_SHARED_BYTES, false},
    {"layers", 0, false},
    {"layers with cuBLASLt", 0, true},
};

typedef struct check {
  char name[96];
  const engine_case *c;
  const way *way;
  void (*run)(const engine_case *c);
} check;

static void check_gradient(const engine_case *c) {
  check_gradient_of(c, make_cuda);
}

static void take_way(const way *way) {
  shared_bytes = way->shared_bytes;
  cuda_emulation_offer_blas(way->blas);
}

static void run_check(void **arg) {
  const check *own = *arg;
  long products = cuda_emulation_products();
  take_way(own->way);
  own->run(own->c);
  // Dropout's gradient is not checked by differences.
  if (own->run == check_gradient && own->c->dropout > 0) return;
  assert_int_equal(cuda_emulation_products() > products, own->way->blas);
}

// A network as long as the large ones: its products have several tiles each way.
static const engine_case wide = {"wide layers",       70,         3, 2, {150, 130}, 100, TRAIN_TANH,
                                 TRAIN_CROSS_ENTROPY, TRAIN_ADAM, 0, 0};

// ---- what is not a matter of shapes ----

static void on_each_way(void (*check)(engine_maker make)) {
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    take_way(&ways[i]);
    check(make_cuda);
  }
}

static void the_mask_is_the_counters(void **arg) {
  (void)arg;
  on_each_way(check_mask_of);
}

static void what_diverges_names_the_step_and_changes_nothing(void **arg) {
  (void)arg;
  on_each_way(check_divergence_of);
}

static void stop_is_read_before_each_step(void **arg) {
  (void)arg;
  on_each_way(check_stop_of);
}

static atomic_bool stop;

static void ask_to_stop(void) {
  stop = true;
}

// Stops in the middle of what was launched already; what is left then gives the whole.
static void check_stop_in_the_middle(const engine_case *c, long kernels, size_t at_most) {
  train_setup setup = setup_of(c);
  engine_data given = make_data(c);
  train_state state, whole;
  train_state_init(&state, &setup.network, 5);
  train_state_init(&whole, &setup.network, 5);
  uint32_t order[6 * ROWS];
  for (size_t i = 0; i < 6 * ROWS; i++)
    order[i] = given.order[i % ROWS];
  train_run run = {order, 6 * ROWS, c->batch, 0.001f, &stop};
  train_ran ran, rest;
  mesh_error err;
  train_engine *engine = prepare_engine(make_cuda(&setup), &given, &state);
  stop = false;
  cuda_emulation_after(kernels, ask_to_stop);
  assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OK);
  assert_true(stop);
  assert_in_range(ran.steps, 1, at_most);
  assert_int_equal(ran.rows, ran.steps * c->batch);
  stop = false;
  run.order += ran.rows;
  run.count -= ran.rows;
  assert_int_equal(train_engine_run(engine, &run, &rest, &err), GRPC_STATUS_OK);
  assert_int_equal(ran.rows + rest.rows, 6 * ROWS);
  store_state(engine, &state);
  prepare_engine(engine, &given, &whole);
  run.order = order;
  run.count = 6 * ROWS;
  assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OK);
  store_state(engine, &whole);
  assert_same_state(&state, &whole);
  train_engine_destroy(engine);
  train_state_fini(&state);
  train_state_fini(&whole);
  free_data(&given);
}

static void a_stop_reaches_a_device_that_is_at_work(void **arg) {
  (void)arg;
  const engine_case one = {"one row",           3,          3, 0, {0}, 4, TRAIN_RELU,
                           TRAIN_CROSS_ENTROPY, TRAIN_ADAM, 0, 0};
  take_way(&ways[0]);
  check_stop_in_the_middle(&one, 1, 257);  // a launch of cuda_train() is 256 steps
  take_way(&ways[1]);
  check_stop_in_the_middle(&one, 20, 32);
}

// A graph is made once for each size of batch, not at each run.
static void steps_of_many_blocks_are_graphs(void **arg) {
  (void)arg;
  take_way(&ways[0]);
  const engine_case *c = &engine_cases[2];
  train_setup setup = setup_of(c);
  engine_data given = make_data(c);
  train_state state;
  train_state_init(&state, &setup.network, 5);
  train_engine *engine = prepare_engine(make_cuda(&setup), &given, &state);
  long graphs = cuda_emulation_graphs(), captured = cuda_emulation_captured();
  run_steps(engine, c, &given, 0, 3);
  assert_int_equal(cuda_emulation_graphs() - graphs, 3);
  assert_int_equal(cuda_emulation_captured() - captured, 1);
  train_engine_destroy(engine);
  train_state_fini(&state);
  free_data(&given);
}

static void what_does_not_fit_is_named(void **arg) {
  (void)arg;
  take_way(&ways[0]);
  const engine_case *c = &engine_cases[2];
  train_setup setup = setup_of(c);
  engine_data given = make_data(c);
  train_engine *engine;
  mesh_error err;
  assert_int_equal(train_cuda_create(&setup, 0, 5000, &engine, &err),
                   GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_null(engine);
  assert_string_equal(
      err.message,
      "cuda:0 emulated: the parameters: 0.0 MiB of device memory are needed, 0.0 of "
      "0.0 are left");
  assert_int_equal(cuda_emulation_taken_bytes(), 0);
  assert_int_equal(train_cuda_create(&setup, 0, 700000, &engine, &err), GRPC_STATUS_OK);
  train_rows rows = given.rows;
  rows.count = 1 << 20;
  assert_int_equal(train_engine_attach(engine, &rows, &err), GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_non_null(strstr(err.message, "the rows: 80.0 MiB of device memory are needed"));
  assert_int_equal(train_engine_attach(engine, &given.rows, &err), GRPC_STATUS_OK);
  train_engine_destroy(engine);
  free_data(&given);
}

static void other_devices_and_bad_numbers_are_refused(void **arg) {
  (void)arg;
  train_setup setup = setup_of(&engine_cases[1]);
  train_engine *engine;
  mesh_error err;
  assert_int_equal(train_cuda_create(&setup, 1, 0, &engine, &err), GRPC_STATUS_UNAVAILABLE);
  assert_string_equal(err.message, "cuda:1: there is no such device");
  setup.network.hidden[1] = 5000;
  assert_int_equal(train_cuda_create(&setup, 0, 0, &engine, &err), GRPC_STATUS_INVALID_ARGUMENT);
  setup.network.hidden[1] = 5;
  setup.batch_rows = 0;
  assert_int_equal(train_cuda_create(&setup, 0, 0, &engine, &err), GRPC_STATUS_INVALID_ARGUMENT);
}

int main(void) {
  enum { SHAPES = ENGINE_CASES + 1, WAYS = sizeof ways / sizeof *ways, PLAIN = 7 };
  static check checks[3 * SHAPES * WAYS];
  struct CMUnitTest tests[3 * SHAPES * WAYS + PLAIN] = {
      cmocka_unit_test(the_mask_is_the_counters),
      cmocka_unit_test(what_diverges_names_the_step_and_changes_nothing),
      cmocka_unit_test(stop_is_read_before_each_step),
      cmocka_unit_test(a_stop_reaches_a_device_that_is_at_work),
      cmocka_unit_test(steps_of_many_blocks_are_graphs),
      cmocka_unit_test(what_does_not_fit_is_named),
      cmocka_unit_test(other_devices_and_bad_numbers_are_refused),
  };
  struct {
    const char *name;
    void (*run)(const engine_case *c);
  } kinds[] = {{"numbers", check_numbers}, {"bits", check_bits}, {"gradient", check_gradient}};
  for (int i = 0; i < 3 * SHAPES * WAYS; i++) {
    int shape = i % SHAPES, kind = i / SHAPES % 3;
    checks[i] = (check){.c = shape < ENGINE_CASES ? &engine_cases[shape] : &wide,
                        .way = &ways[i / SHAPES / 3],
                        .run = kinds[kind].run};
    snprintf(checks[i].name, sizeof checks[i].name, "%s, %s: %s", checks[i].way->name,
             checks[i].c->name, kinds[kind].name);
    tests[PLAIN + i] = (struct CMUnitTest){
        .name = checks[i].name, .test_func = run_check, .initial_state = &checks[i]};
  }
  return cmocka_run_group_tests_name("cuda", tests, NULL, NULL);
}
