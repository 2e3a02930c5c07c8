// The CPU engine: bit for bit the same whatever the threads, and from wherever it goes on;
// gradients against finite differences; what it refuses.
#include "host/training/engine/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/engine/random.h"
#include "tests/unit.h"

enum { ROWS = 600, STEPS = 12 };

typedef struct engine_case {
  const char *name;
  int inputs, outputs, hidden_count, hidden[3], batch;
  train_activation activation;
  train_loss loss;
  train_rule rule;
  float dropout;
  bool weighted;
} engine_case;

static const engine_case cases[] = {
    {"one row, no hidden layer", 3, 3, 0, {0}, 1, TRAIN_RELU, TRAIN_CROSS_ENTROPY, TRAIN_SGD, 0, 0},
    {"odd widths, relu, adam",
     7,
     3,
     2,
     {17, 5},
     33,
     TRAIN_RELU,
     TRAIN_CROSS_ENTROPY,
     TRAIN_ADAM,
     0,
     0},
    {"wide batch, tanh, adamw, weights",
     20,
     3,
     2,
     {64, 32},
     256,
     TRAIN_TANH,
     TRAIN_CROSS_ENTROPY,
     TRAIN_ADAMW,
     0,
     1},
    {"many workers, leaky relu",
     40,
     3,
     2,
     {100, 60},
     600,
     TRAIN_LEAKY_RELU,
     TRAIN_CROSS_ENTROPY,
     TRAIN_ADAM,
     0,
     0},
    {"focal loss, sigmoid, rmsprop",
     9,
     3,
     1,
     {33},
     64,
     TRAIN_SIGMOID_UNIT,
     TRAIN_FOCAL,
     TRAIN_RMSPROP,
     0,
     1},
    {"numbers, three layers",
     12,
     1,
     3,
     {16, 16, 16},
     50,
     TRAIN_TANH,
     TRAIN_HUBER,
     TRAIN_ADAM,
     0,
     0},
    {"dropout", 16, 3, 2, {48, 24}, 128, TRAIN_RELU, TRAIN_CROSS_ENTROPY, TRAIN_ADAM, 0.3f, 0},
};

typedef struct data {
  float *features, *numbers;
  uint8_t *classes;
  uint32_t *order;
  train_rows rows;
} data;

static float unit(void) {
  return 2 * (float)rand() / (float)RAND_MAX - 1;
}

static data make_data(const engine_case *c) {
  data made = {.features = malloc((size_t)ROWS * (size_t)c->inputs * sizeof(float)),
               .numbers = malloc(ROWS * sizeof(float)),
               .classes = malloc(ROWS),
               .order = malloc(ROWS * sizeof(uint32_t))};
  srand(3);
  for (int i = 0; i < ROWS * c->inputs; i++)
    made.features[i] = unit();
  for (int i = 0; i < ROWS; i++) {
    made.numbers[i] = 0.05f * unit();
    made.classes[i] = (uint8_t)(rand() % c->outputs);
    made.order[i] = (uint32_t)(i * 7) % ROWS;
  }
  bool classes = c->loss != TRAIN_HUBER;
  made.rows = (train_rows){ROWS, made.features, classes ? made.classes : NULL,
                           classes ? NULL : made.numbers};
  return made;
}

static void free_data(data *own) {
  free(own->features);
  free(own->numbers);
  free(own->classes);
  free(own->order);
}

static train_setup setup_of(const engine_case *c) {
  train_setup setup = {.network = {.inputs = c->inputs,
                                   .outputs = c->outputs,
                                   .hidden_count = c->hidden_count,
                                   .activation = c->activation,
                                   .dropout = c->dropout,
                                   .loss = c->loss,
                                   .loss_parameter = c->loss == TRAIN_HUBER ? 0.01f : 2,
                                   .weighted = c->weighted,
                                   .class_weights = {0.5f, 2, 1}},
                       .optimizer = train_optimizer_defaults(c->rule),
                       .seed = 11,
                       .batch_rows = c->batch};
  memcpy(setup.network.hidden, c->hidden, sizeof c->hidden);
  return setup;
}

static train_engine *make_engine(const train_setup *setup, int threads, train_isa isa,
                                 const data *given, const train_state *state) {
  train_cpu_options options = {threads, isa};
  train_engine *engine;
  mesh_error err;
  assert_int_equal(train_cpu_create(setup, &options, &engine, &err), GRPC_STATUS_OK);
  assert_int_equal(train_engine_attach(engine, &given->rows, &err), GRPC_STATUS_OK);
  assert_int_equal(train_engine_load(engine, state, &err), GRPC_STATUS_OK);
  return engine;
}

// Steps [from, to) over the same order.
static void run_steps(train_engine *engine, const engine_case *c, const data *given, int from,
                      int to) {
  mesh_error err;
  for (int i = from; i < to; i++) {
    size_t first = (size_t)(i * 13 % (ROWS - c->batch + 1));
    train_run run = {given->order + first, (size_t)c->batch, c->batch, 0.01f, NULL};
    train_ran ran;
    assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OK);
    assert_int_equal(ran.steps, 1);
    assert_true(isfinite(ran.last_loss));
  }
}

static void store(train_engine *engine, train_state *state) {
  mesh_error err;
  assert_int_equal(train_engine_store(engine, state, &err), GRPC_STATUS_OK);
}

static void assert_same(const train_state *a, const train_state *b) {
  size_t size = a->parameter_count * sizeof(float);
  assert_int_equal(a->step, b->step);
  assert_memory_equal(a->parameters, b->parameters, size);
  assert_memory_equal(a->first, b->first, size);
  assert_memory_equal(a->second, b->second, size);
}

// ---- one thread, three threads, and a stop in the middle ----

static void check_bits(void **arg) {
  const engine_case *c = *arg;
  train_setup setup = setup_of(c);
  data given = make_data(c);
  train_state begin, whole, other;
  train_state_init(&begin, &setup.network, 5);
  train_state_init(&whole, &setup.network, 6);
  train_state_init(&other, &setup.network, 7);

  train_engine *engine = make_engine(&setup, 1, TRAIN_ISA_BEST, &given, &begin);
  run_steps(engine, c, &given, 0, STEPS);
  store(engine, &whole);
  train_engine_destroy(engine);

  engine = make_engine(&setup, 3, TRAIN_ISA_BEST, &given, &begin);
  run_steps(engine, c, &given, 0, STEPS);
  store(engine, &other);
  train_engine_destroy(engine);
  assert_same(&whole, &other);

  engine = make_engine(&setup, 1, TRAIN_ISA_BEST, &given, &begin);
  run_steps(engine, c, &given, 0, STEPS / 2);
  store(engine, &other);
  train_engine_destroy(engine);
  engine = make_engine(&setup, 1, TRAIN_ISA_BEST, &given, &other);
  run_steps(engine, c, &given, STEPS / 2, STEPS);
  store(engine, &other);
  train_engine_destroy(engine);
  assert_same(&whole, &other);

  train_state_fini(&begin);
  train_state_fini(&whole);
  train_state_fini(&other);
  free_data(&given);
}

// ---- instruction sets ----

static void check_sets(void **arg) {
  const engine_case *c = *arg;
  train_setup setup = setup_of(c);
  data given = make_data(c);
  train_state begin, plain, other;
  train_state_init(&begin, &setup.network, 5);
  train_state_init(&plain, &setup.network, 5);
  train_state_init(&other, &setup.network, 5);
  train_engine *engine = make_engine(&setup, 1, TRAIN_ISA_GENERIC, &given, &begin);
  run_steps(engine, c, &given, 0, 3);
  store(engine, &plain);
  train_engine_destroy(engine);
  for (train_isa isa = TRAIN_ISA_AVX2; isa <= TRAIN_ISA_AVX512; isa++) {
    train_cpu_options options = {1, isa};
    if (train_cpu_create(&setup, &options, &engine, NULL) != GRPC_STATUS_OK) continue;
    train_engine_destroy(engine);
    engine = make_engine(&setup, 1, isa, &given, &begin);
    run_steps(engine, c, &given, 0, 3);
    store(engine, &other);
    train_engine_destroy(engine);
    for (size_t i = 0; i < plain.parameter_count; i++)
      assert_true(fabsf(plain.parameters[i] - other.parameters[i]) < 2e-3f);
  }
  train_state_fini(&begin);
  train_state_fini(&plain);
  train_state_fini(&other);
  free_data(&given);
}

// ---- gradients ----

// The loss of the whole data as the engine sees it, with given parameters.
static double loss_at(const train_setup *setup, const engine_case *c, const data *given,
                      const train_state *state) {
  train_engine *engine = make_engine(setup, 1, TRAIN_ISA_BEST, given, state);
  train_run run = {given->order, (size_t)c->batch, c->batch, 0, NULL};
  train_ran ran;
  mesh_error err;
  assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OK);
  train_engine_destroy(engine);
  return ran.last_loss;
}

// SGD without momentum, decay and clip at rate 1: the step is the gradient.
static void check_gradient(void **arg) {
  const engine_case *c = *arg;
  if (c->dropout > 0) return;  // its mask depends on the step, which a difference would change
  train_setup setup = setup_of(c);
  setup.optimizer = (train_optimizer){.rule = TRAIN_SGD};
  data given = make_data(c);
  train_state begin, after;
  train_state_init(&begin, &setup.network, 5);
  train_state_init(&after, &setup.network, 5);
  train_engine *engine = make_engine(&setup, 1, TRAIN_ISA_BEST, &given, &begin);
  train_run run = {given.order, (size_t)c->batch, c->batch, 1, NULL};
  train_ran ran;
  mesh_error err;
  assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OK);
  store(engine, &after);
  train_engine_destroy(engine);
  size_t apart = begin.parameter_count / 25 + 1;
  for (size_t i = 0; i < begin.parameter_count; i += apart) {
    double gradient = (double)begin.parameters[i] - (double)after.parameters[i];
    float kept = begin.parameters[i], off = 4e-3f;
    begin.parameters[i] = kept + off;
    double above = loss_at(&setup, c, &given, &begin);
    begin.parameters[i] = kept - off;
    double below = loss_at(&setup, c, &given, &begin);
    begin.parameters[i] = kept;
    double difference = (above - below) / (2 * (double)off);
    assert_true(fabs(difference - gradient) < 2e-3 + 0.03 * fabs(gradient));
  }
  train_state_fini(&begin);
  train_state_fini(&after);
  free_data(&given);
}

// ---- dropout ----

// A layer without learning shows its mask: units that were dropped get no gradient. The mask is the
// one that random.h promises, for other engines as for this one.
static void the_mask_is_the_counters(void **arg) {
  (void)arg;
  enum { UNITS = 37, BATCH = 70 };
  train_setup setup = {.network = {.inputs = 1,
                                   .outputs = 1,
                                   .hidden_count = 1,
                                   .hidden = {UNITS},
                                   .activation = TRAIN_RELU,
                                   .dropout = 0.4f,
                                   .loss = TRAIN_HUBER,
                                   .loss_parameter = 100},
                       .optimizer = {.rule = TRAIN_SGD},
                       .seed = 77,
                       .batch_rows = BATCH};
  float features[BATCH], numbers[BATCH] = {0}, want[UNITS] = {0};
  uint32_t order[BATCH], random[4];
  for (uint32_t i = 0; i < BATCH; i++) {
    features[i] = 1;
    order[i] = i;
  }
  train_rows rows = {BATCH, features, NULL, numbers};
  train_state state;
  train_state_init(&state, &setup.network, 1);
  memset(state.parameters, 0, state.parameter_count * sizeof(float));
  for (int u = 0; u < UNITS; u++)
    state.parameters[u] = 1;                        // each unit is 1 before dropout
  state.parameters[state.parameter_count - 1] = 1;  // the output is 1: each row's slope is 1 / rows
  train_engine *engine;
  mesh_error err;
  assert_int_equal(train_cpu_create(&setup, NULL, &engine, &err), GRPC_STATUS_OK);
  assert_int_equal(train_engine_attach(engine, &rows, &err), GRPC_STATUS_OK);
  assert_int_equal(train_engine_load(engine, &state, &err), GRPC_STATUS_OK);
  train_run run = {order, BATCH, BATCH, 1, NULL};
  train_ran ran;
  assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OK);
  store(engine, &state);
  for (uint32_t row = 0; row < BATCH; row++) {
    for (uint32_t u = 0; u < UNITS; u++) {
      uint32_t number = row * UNITS + u;
      train_random4(setup.seed, number / 4, 0, 0, TRAIN_STREAM_DROPOUT, random);
      if (random[number % 4] >= train_random_threshold(0.4f)) want[u] -= 1 / 0.6f / BATCH;
    }
  }
  for (int u = 0; u < UNITS; u++)
    assert_true(fabsf(state.parameters[2 * UNITS + u] - want[u]) < 1e-5f);
  train_engine_destroy(engine);
  train_state_fini(&state);
}

// ---- what is refused ----

static void what_diverges_names_the_step_and_changes_nothing(void **arg) {
  (void)arg;
  const engine_case *c = &cases[1];
  train_setup setup = setup_of(c);
  data given = make_data(c);
  train_state before, after;
  train_state_init(&before, &setup.network, 5);
  train_state_init(&after, &setup.network, 6);
  train_engine *engine = make_engine(&setup, 1, TRAIN_ISA_BEST, &given, &before);
  run_steps(engine, c, &given, 0, 2);
  store(engine, &before);
  given.features[given.order[5] * (uint32_t)c->inputs] = NAN;
  train_run run = {given.order, ROWS, c->batch, 0.01f, NULL};
  train_ran ran;
  mesh_error err;
  assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OUT_OF_RANGE);
  assert_non_null(strstr(err.message, "step 3"));
  assert_int_equal(ran.steps, 0);
  store(engine, &after);
  assert_same(&before, &after);
  train_engine_destroy(engine);
  train_state_fini(&before);
  train_state_fini(&after);
  free_data(&given);
}

static void stop_is_read_before_each_step(void **arg) {
  (void)arg;
  const engine_case *c = &cases[1];
  train_setup setup = setup_of(c);
  data given = make_data(c);
  train_state state;
  train_state_init(&state, &setup.network, 5);
  train_engine *engine = make_engine(&setup, 1, TRAIN_ISA_BEST, &given, &state);
  atomic_bool stop = true;
  train_run run = {given.order, ROWS, c->batch, 0.01f, &stop};
  train_ran ran;
  mesh_error err;
  assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OK);
  assert_int_equal(ran.steps, 0);
  stop = false;
  assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OK);
  assert_int_equal(ran.rows, ROWS);
  train_engine_destroy(engine);
  train_state_fini(&state);
  free_data(&given);
}

static void bad_numbers_are_named(void **arg) {
  (void)arg;
  train_setup setup = setup_of(&cases[1]);
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
  enum { COUNT = sizeof cases / sizeof *cases };
  struct CMUnitTest tests[3 * COUNT + 4] = {
      cmocka_unit_test(the_mask_is_the_counters),
      cmocka_unit_test(what_diverges_names_the_step_and_changes_nothing),
      cmocka_unit_test(stop_is_read_before_each_step),
      cmocka_unit_test(bad_numbers_are_named),
  };
  void (*checks[])(void **) = {check_bits, check_sets, check_gradient};
  for (int i = 0; i < 3 * COUNT; i++) {
    tests[4 + i] = (struct CMUnitTest){.name = cases[i % COUNT].name,
                                       .test_func = checks[i / COUNT],
                                       .initial_state = (void *)(uintptr_t)&cases[i % COUNT]};
  }
  return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
