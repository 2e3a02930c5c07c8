// The CPU engine: bit for bit the same whatever the threads, and from wherever it goes on;
// gradients against finite differences; what it refuses.
#include "host/training/engine/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/host/training/engine_cases.h"
#include "tests/unit.h"

enum { STEPS = 12 };

static train_engine *make_with(const train_setup *setup, int threads, train_isa isa,
                               train_products products) {
  train_cpu_options options = {threads, isa, products};
  train_engine *engine;
  mesh_error err;
  assert_int_equal(train_cpu_create(setup, &options, &engine, &err), GRPC_STATUS_OK);
  return engine;
}

static train_engine *make_engine(const train_setup *setup, int threads, train_isa isa,
                                 const engine_data *given, const train_state *state) {
  return prepare_engine(make_with(setup, threads, isa, TRAIN_PRODUCTS_BEST), given, state);
}

static train_engine *make_best(const train_setup *setup) {
  train_engine *engine;
  mesh_error err;
  assert_int_equal(train_cpu_create(setup, NULL, &engine, &err), GRPC_STATUS_OK);
  return engine;
}

// ---- one thread, three threads, and a stop in the middle ----

static void check_bits_of(const engine_case *c, train_products products) {
  train_setup setup = setup_of(c);
  engine_data given = make_data(c);
  train_state begin, whole, other;
  train_state_init(&begin, &setup.network, 5);
  train_state_init(&whole, &setup.network, 6);
  train_state_init(&other, &setup.network, 7);

  train_engine *engine =
      prepare_engine(make_with(&setup, 1, TRAIN_ISA_BEST, products), &given, &begin);
  run_steps(engine, c, &given, 0, STEPS);
  store_state(engine, &whole);
  train_engine_destroy(engine);

  engine = prepare_engine(make_with(&setup, 3, TRAIN_ISA_BEST, products), &given, &begin);
  run_steps(engine, c, &given, 0, STEPS);
  store_state(engine, &other);
  train_engine_destroy(engine);
  assert_same_state(&whole, &other);

  train_state_fini(&begin);
  train_state_fini(&whole);
  train_state_fini(&other);
  free_data(&given);
}

static void check_bits(void **arg) {
  check_bits_of(*arg, TRAIN_PRODUCTS_BEST);
  check_resume_of(*arg, make_best, NULL);
}

// ---- products by libraries ----

static train_engine *make_own(const train_setup *setup) {
  return make_with(setup, 1, TRAIN_ISA_BEST, TRAIN_PRODUCTS_OWN);
}

static train_engine *make_openblas(const train_setup *setup) {
  return make_with(setup, 3, TRAIN_ISA_BEST, TRAIN_PRODUCTS_OPENBLAS);
}

static train_engine *make_bf16(const train_setup *setup) {
  return make_with(setup, 3, TRAIN_ISA_BEST, TRAIN_PRODUCTS_BF16);
}

static void check_openblas(void **arg) {
  check_bits_of(*arg, TRAIN_PRODUCTS_OPENBLAS);
  check_resume_of(*arg, make_openblas, NULL);
  check_numbers_of(*arg, make_openblas, make_own);
  check_gradient_of(*arg, make_openblas);
}

static bool has_bf16(void) {
  train_setup setup = setup_of(&engine_cases[1]);
  train_cpu_options options = {.products = TRAIN_PRODUCTS_BF16};
  train_engine *engine;
  mesh_error err;
  mesh_code code = train_cpu_create(&setup, &options, &engine, &err);
  train_engine_destroy(engine);
  if (code == GRPC_STATUS_OK) return true;
  assert_int_equal(code, GRPC_STATUS_UNAVAILABLE);
  print_message("not run: %s\n", err.message);
  return false;
}

static void check_bf16(void **arg) {
  if (!has_bf16()) return;
  check_bits_of(*arg, TRAIN_PRODUCTS_BF16);
  check_resume_of(*arg, make_bf16, NULL);
}

enum { CURVE_STEPS = 300, CURVE_TAIL = 100, CURVE_SEEDS = 8 };

// The mean loss at the end of a training whose classes can be learned.
static double end_of_curve(engine_maker make, const engine_case *c, const engine_data *given,
                           uint64_t seed) {
  train_setup setup = setup_of(c);
  train_state begin;
  double sum = 0;
  train_state_init(&begin, &setup.network, seed);
  train_engine *engine = prepare_engine(make(&setup), given, &begin);
  for (int i = 0; i < CURVE_STEPS; i++) {
    size_t first = (size_t)(i * 13 % (ROWS - c->batch + 1));
    train_run run = {given->order + first, (size_t)c->batch, c->batch, 0.002f, NULL};
    train_ran ran;
    mesh_error err;
    assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OK);
    if (i >= CURVE_STEPS - CURVE_TAIL) sum += ran.last_loss;
  }
  train_engine_destroy(engine);
  train_state_fini(&begin);
  return sum / CURVE_TAIL;
}

// What bf16 changes is less than what another seed does: the means of several seeds lie closer to
// each other than the seeds do.
static void the_curve_of_bf16_is_within_noise(void **arg) {
  (void)arg;
  static const engine_case c = {"curve",    20, 3, 2, {64, 32}, 64, TRAIN_RELU, TRAIN_CROSS_ENTROPY,
                                TRAIN_ADAM, 0,  0};
  if (!has_bf16()) return;
  engine_data given = make_data(&c);
  for (int i = 0; i < ROWS; i++) {
    const float *x = given.features + (size_t)i * 20;
    given.classes[i] = (uint8_t)(x[0] + x[1] * x[2] > 0.3f ? 0 : x[3] - x[4] > 0 ? 1 : 2);
  }
  double whole[CURVE_SEEDS], sum = 0, off = 0, squares = 0;
  for (int i = 0; i < CURVE_SEEDS; i++) {
    whole[i] = end_of_curve(make_own, &c, &given, (uint64_t)i + 1);
    off += end_of_curve(make_bf16, &c, &given, (uint64_t)i + 1) - whole[i];
    sum += whole[i];
  }
  double mean = sum / CURVE_SEEDS;
  for (int i = 0; i < CURVE_SEEDS; i++)
    squares += (whole[i] - mean) * (whole[i] - mean);
  double spread = sqrt(squares / (CURVE_SEEDS - 1));
  off /= CURVE_SEEDS;
  print_message("loss %.4f, seeds spread %.4f; bf16 %+.4f\n", mean, spread, off);
  assert_true(mean < 0.8);
  assert_true(fabs(off) < spread);
  free_data(&given);
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
    train_cpu_options options = {.threads = 1, .isa = isa};
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
  enum { COUNT = ENGINE_CASES, CHECKS = 5 };
  train_cpu_prepare();
  struct CMUnitTest tests[CHECKS * COUNT + 5] = {
      cmocka_unit_test(the_mask_is_the_counters),
      cmocka_unit_test(what_diverges_names_the_step_and_changes_nothing),
      cmocka_unit_test(stop_is_read_before_each_step),
      cmocka_unit_test(bad_numbers_are_named),
      cmocka_unit_test(the_curve_of_bf16_is_within_noise),
  };
  void (*checks[CHECKS])(void **) = {check_bits, check_sets, check_gradient, check_openblas,
                                     check_bf16};
  for (int i = 0; i < CHECKS * COUNT; i++) {
    tests[5 + i] =
        (struct CMUnitTest){.name = engine_cases[i % COUNT].name,
                            .test_func = checks[i / COUNT],
                            .initial_state = (void *)(uintptr_t)&engine_cases[i % COUNT]};
  }
  return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
