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
  train_cpu_options options = {.threads = 1, .isa = TRAIN_ISA_GENERIC};
  assert_int_equal(train_cpu_create(setup, &options, &engine, &err), GRPC_STATUS_OK);
  return engine;
}

static void check_numbers(const engine_case *c) {
  check_numbers_of(c, make_cuda, make_cpu);
  assert_int_equal(cuda_emulation_taken_bytes(), 0);
}

static void check_bits(const engine_case *c) {
  check_resume_of(c, make_cuda, cuda_emulation_reverse);
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
  // Its numbers are those of the kernel, whose gradients are checked.
  if (own->run == check_gradient && own->way->blas) return;
  long products = cuda_emulation_products(), refused = cuda_emulation_refused_products();
  take_way(own->way);
  own->run(own->c);
  assert_int_equal(cuda_emulation_products() > products, own->way->blas);
  assert_int_equal(cuda_emulation_refused_products(), refused);
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

static train_stop stop;

static void ask_to_stop(void) {
  train_stop_ask(&stop);
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
  stop.asked = false;
  cuda_emulation_after(kernels, ask_to_stop);
  assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OK);
  assert_true(stop.asked);
  assert_in_range(ran.steps, 1, at_most);
  assert_int_equal(ran.rows, ran.steps * c->batch);
  stop.asked = false;
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

static void two_engines_do_not_disturb_each_other(void **arg) {
  (void)arg;
  take_way(&ways[0]);
  static const engine_case large = {
      "large", 40, 3, 2, {100, 100}, 64, TRAIN_RELU, TRAIN_CROSS_ENTROPY, TRAIN_ADAM, 0, 0};
  train_setup setup = setup_of(&large), small = setup_of(&engine_cases[1]);
  engine_data given = make_data(&large);
  train_state state;
  train_state_init(&state, &setup.network, 5);
  train_engine *first = prepare_engine(make_cuda(&setup), &given, &state);
  run_steps(first, &large, &given, 0, 1);
  train_engine *second = make_cuda(&small);
  run_steps(first, &large, &given, 1, 2);
  train_engine_destroy(second);
  train_engine_destroy(first);
  train_state_fini(&state);
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

// cuda_test [N]: of all shapes in all ways only each Nth, for sanitizers, under which the emulated
// device is slow. Default: all.
int main(int argc, char **argv) {
  enum { SHAPES = ENGINE_CASES + 1, WAYS = sizeof ways / sizeof *ways, PLAIN = 8 };
  static check checks[3 * SHAPES * WAYS];
  struct CMUnitTest tests[3 * SHAPES * WAYS + PLAIN] = {
      cmocka_unit_test(the_mask_is_the_counters),
      cmocka_unit_test(what_diverges_names_the_step_and_changes_nothing),
      cmocka_unit_test(stop_is_read_before_each_step),
      cmocka_unit_test(a_stop_reaches_a_device_that_is_at_work),
      cmocka_unit_test(steps_of_many_blocks_are_graphs),
      cmocka_unit_test(what_does_not_fit_is_named),
      cmocka_unit_test(two_engines_do_not_disturb_each_other),
      cmocka_unit_test(other_devices_and_bad_numbers_are_refused),
  };
  struct {
    const char *name;
    void (*run)(const engine_case *c);
  } kinds[] = {{"numbers", check_numbers}, {"bits", check_bits}, {"gradient", check_gradient}};
  int every = argc > 1 ? atoi(argv[1]) : 1, count = PLAIN;
  if (every < 1) return 2;
  for (int i = 0; i < 3 * SHAPES * WAYS; i += every) {
    int shape = i % SHAPES, kind = i / SHAPES % 3;
    checks[i] = (check){.c = shape < ENGINE_CASES ? &engine_cases[shape] : &wide,
                        .way = &ways[i / SHAPES / 3],
                        .run = kinds[kind].run};
    snprintf(checks[i].name, sizeof checks[i].name, "%s, %s: %s", checks[i].way->name,
             checks[i].c->name, kinds[kind].name);
    tests[count++] = (struct CMUnitTest){
        .name = checks[i].name, .test_func = run_check, .initial_state = &checks[i]};
  }
  return _cmocka_run_group_tests("cuda", tests, (size_t)count, NULL, NULL);
}
