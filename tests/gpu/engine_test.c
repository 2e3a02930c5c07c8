// The CUDA engine on a real device, against the CPU engine. Not run by tools/test: it wants a GPU.
#include "host/training/engine/cuda.h"
#include "tests/host/training/engine_cases.h"
#include "tests/unit.h"

static train_engine *make_cuda(const train_setup *setup) {
  train_engine *engine;
  mesh_error err;
  mesh_code code = train_cuda_create(setup, 0, 0, &engine, &err);
  if (code != GRPC_STATUS_OK) fail_msg("%s", err.message);
  return engine;
}

static train_engine *make_cpu(const train_setup *setup) {
  train_engine *engine;
  mesh_error err;
  assert_int_equal(train_cpu_create(setup, NULL, &engine, &err), GRPC_STATUS_OK);
  return engine;
}

static void check_numbers(void **arg) {
  check_numbers_of(*arg, make_cuda, make_cpu);
}

static void check_bits(void **arg) {
  check_resume_of(*arg, make_cuda, NULL);
}

static void check_gradient(void **arg) {
  check_gradient_of(*arg, make_cuda);
}

static void the_mask_is_the_counters(void **arg) {
  (void)arg;
  check_mask_of(make_cuda);
}

static void what_diverges_names_the_step_and_changes_nothing(void **arg) {
  (void)arg;
  check_divergence_of(make_cuda);
}

static void stop_is_read_before_each_step(void **arg) {
  (void)arg;
  check_stop_of(make_cuda);
}

// Too large for a block's shared memory: layers, by cuBLASLt.
static const engine_case large = {
    "large layers", 64, 3, 2, {512, 512}, 300, TRAIN_TANH, TRAIN_CROSS_ENTROPY, TRAIN_ADAM, 0, 0};
static const engine_case dropped = {
    "large layers, dropout", 64,         3,    2, {512, 300}, 128, TRAIN_RELU,
    TRAIN_CROSS_ENTROPY,     TRAIN_ADAM, 0.2f, 1};

int main(void) {
  enum { SHAPES = ENGINE_CASES + 2, PLAIN = 3 };
  struct CMUnitTest tests[3 * SHAPES + PLAIN] = {
      cmocka_unit_test(the_mask_is_the_counters),
      cmocka_unit_test(what_diverges_names_the_step_and_changes_nothing),
      cmocka_unit_test(stop_is_read_before_each_step),
  };
  void (*checks[])(void **) = {check_numbers, check_bits, check_gradient};
  for (int i = 0; i < 3 * SHAPES; i++) {
    int shape = i % SHAPES;
    const engine_case *c = shape < ENGINE_CASES    ? &engine_cases[shape]
                           : shape == ENGINE_CASES ? &large
                                                   : &dropped;
    tests[PLAIN + i] = (struct CMUnitTest){
        .name = c->name, .test_func = checks[i / SHAPES], .initial_state = (void *)(uintptr_t)c};
  }
  return cmocka_run_group_tests_name("gpu", tests, NULL, NULL);
}
