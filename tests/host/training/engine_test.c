// The CPU engine: bit for bit the same whatever the threads, and from wherever it goes on;
// gradients against finite differences; what it refuses.
#include "host/training/engine/engine.h"

#include <math.h>
#include <string.h>

#include "tests/host/training/engine_cases.h"
#include "tests/unit.h"

enum { STEPS = 12 };

static train_engine *make_engine(const train_setup *setup, int threads, train_isa isa,
                                 const engine_data *given, const train_state *state) {
  train_cpu_options options = {threads, isa};
  train_engine *engine;
  mesh_error err;
  assert_int_equal(train_cpu_create(setup, &options, &engine, &err), GRPC_STATUS_OK);
  return prepare_engine(engine, given, state);
}

static train_engine *make_best(const train_setup *setup) {
  train_engine *engine;
  mesh_error err;
  assert_int_equal(train_cpu_create(setup, NULL, &engine, &err), GRPC_STATUS_OK);
  return engine;
}

// ---- one thread, three threads, and a stop in the middle ----

static void check_bits(void **arg) {
  const engine_case *c = *arg;
  train_setup setup = setup_of(c);
  engine_data given = make_data(c);
  train_state begin, whole, other;
  train_state_init(&begin, &setup.network, 5);
  train_state_init(&whole, &setup.network, 6);
  train_state_init(&other, &setup.network, 7);

  train_engine *engine = make_engine(&setup, 1, TRAIN_ISA_BEST, &given, &begin);
  run_steps(engine, c, &given, 0, STEPS);
  store_state(engine, &whole);
  train_engine_destroy(engine);

  engine = make_engine(&setup, 3, TRAIN_ISA_BEST, &given, &begin);
  run_steps(engine, c, &given, 0, STEPS);
  store_state(engine, &other);
  train_engine_destroy(engine);
  assert_same_state(&whole, &other);

  train_state_fini(&begin);
  train_state_fini(&whole);
  train_state_fini(&other);
  free_data(&given);
  check_resume_of(c, make_best, NULL);
}

// ---- instruction sets ----

static void check_sets(void **arg) {
  const engine_case *c = *arg;
  train_setup setup = setup_of(c);
  engine_data given = make_data(c);
  train_state begin, plain, other;
  train_state_init(&begin, &setup.network, 5);
  train_state_init(&plain, &setup.network, 5);
  train_state_init(&other, &setup.network, 5);
  train_engine *engine = make_engine(&setup, 1, TRAIN_ISA_GENERIC, &given, &begin);
  run_steps(engine, c, &given, 0, 3);
  store_state(engine, &plain);
  train_engine_destroy(engine);
  for (train_isa isa = TRAIN_ISA_AVX2; isa <= TRAIN_ISA_AVX512; isa++) {
    train_cpu_options options = {1, isa};
    if (train_cpu_create(&setup, &options, &engine, NULL) != GRPC_STATUS_OK) continue;
    train_engine_destroy(engine);
    engine = make_engine(&setup, 1, isa, &given, &begin);
    run_steps(engine, c, &given, 0, 3);
    store_state(engine, &other);
    train_engine_destroy(engine);
    for (size_t i = 0; i < plain.parameter_count; i++)
      assert_true(fabsf(plain.parameters[i] - other.parameters[i]) < 2e-3f);
  }
  train_state_fini(&begin);
  train_state_fini(&plain);
  train_state_fini(&other);
  free_data(&given);
}

// ---- what holds for every engine ----

static void check_gradient(void **arg) {
  check_gradient_of(*arg, make_best);
}

static void the_mask_is_the_counters(void **arg) {
  (void)arg;
  check_mask_of(make_best);
}

static void what_diverges_names_the_step_and_changes_nothing(void **arg) {
  (void)arg;
  check_divergence_of(make_best);
}

static void stop_is_read_before_each_step(void **arg) {
  (void)arg;
  check_stop_of(make_best);
}

static void bad_numbers_are_named(void **arg) {
  (void)arg;
  train_setup setup = setup_of(&engine_cases[1]);
  train_engine *engine;
  mesh_error err;
  setup.network.hidden[1] = 5000;
  assert_int_equal(train_cpu_create(&setup, NULL, &engine, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_non_null(strstr(err.message, "5000 is not in 1..4096"));
  setup.network.hidden[1] = 5;
  setup.network.dropout = 1;
  assert_int_equal(train_cpu_create(&setup, NULL, &engine, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_non_null(strstr(err.message, "dropout 1"));
  setup.network.dropout = 0;
  setup.batch_rows = 0;
  assert_int_equal(train_cpu_create(&setup, NULL, &engine, &err), GRPC_STATUS_INVALID_ARGUMENT);
}

int main(void) {
  enum { COUNT = ENGINE_CASES };
  struct CMUnitTest tests[3 * COUNT + 4] = {
      cmocka_unit_test(the_mask_is_the_counters),
      cmocka_unit_test(what_diverges_names_the_step_and_changes_nothing),
      cmocka_unit_test(stop_is_read_before_each_step),
      cmocka_unit_test(bad_numbers_are_named),
  };
  void (*checks[])(void **) = {check_bits, check_sets, check_gradient};
  for (int i = 0; i < 3 * COUNT; i++) {
    tests[4 + i] =
        (struct CMUnitTest){.name = engine_cases[i % COUNT].name,
                            .test_func = checks[i / COUNT],
                            .initial_state = (void *)(uintptr_t)&engine_cases[i % COUNT]};
  }
  return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
