#include "tests/host/training/engine_cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/engine/random.h"
#include "tests/unit.h"

const engine_case engine_cases[ENGINE_CASES] = {
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

static float unit(void) {
  return 2 * (float)rand() / (float)RAND_MAX - 1;
}

engine_data make_data(const engine_case *c) {
  engine_data made = {.features = malloc((size_t)ROWS * (size_t)c->inputs * sizeof(float)),
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

void free_data(engine_data *own) {
  free(own->features);
  free(own->numbers);
  free(own->classes);
  free(own->order);
}

train_setup setup_of(const engine_case *c) {
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

train_engine *prepare_engine(train_engine *engine, const engine_data *given,
                             const train_state *state) {
  mesh_error err;
  assert_int_equal(train_engine_attach(engine, &given->rows, &err), GRPC_STATUS_OK);
  assert_int_equal(train_engine_load(engine, state, &err), GRPC_STATUS_OK);
  return engine;
}

void run_steps(train_engine *engine, const engine_case *c, const engine_data *given, int from,
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

void store_state(train_engine *engine, train_state *state) {
  mesh_error err;
  assert_int_equal(train_engine_store(engine, state, &err), GRPC_STATUS_OK);
}

void assert_same_state(const train_state *a, const train_state *b) {
  size_t size = a->parameter_count * sizeof(float);
  assert_int_equal(a->step, b->step);
  assert_memory_equal(a->parameters, b->parameters, size);
  assert_memory_equal(a->first, b->first, size);
  assert_memory_equal(a->second, b->second, size);
}

// ---- gradients ----

// The loss of the whole data as the engine sees it, with given parameters.
static double loss_at(engine_maker make, const train_setup *setup, const engine_case *c,
                      const engine_data *given, const train_state *state) {
  train_engine *engine = prepare_engine(make(setup), given, state);
  train_run run = {given->order, (size_t)c->batch, c->batch, 0, NULL};
  train_ran ran;
  mesh_error err;
  assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OK);
  train_engine_destroy(engine);
  return ran.last_loss;
}

// Of parameters that are looked at. ThreadSanitizer makes a step of an emulated device take
// seconds, and learns nothing from the next one.
#ifdef __SANITIZE_THREAD__
enum { POINTS = 3 };
#else
enum { POINTS = 25 };
#endif

// SGD without momentum, decay and clip at rate 1: the step is the gradient.
void check_gradient_of(const engine_case *c, engine_maker make) {
  if (c->dropout > 0) return;  // its mask depends on the step, which a difference would change
  train_setup setup = setup_of(c);
  setup.optimizer = (train_optimizer){.rule = TRAIN_SGD};
  engine_data given = make_data(c);
  train_state begin, after;
  train_state_init(&begin, &setup.network, 5);
  train_state_init(&after, &setup.network, 5);
  train_engine *engine = prepare_engine(make(&setup), &given, &begin);
  train_run run = {given.order, (size_t)c->batch, c->batch, 1, NULL};
  train_ran ran;
  mesh_error err;
  assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OK);
  store_state(engine, &after);
  train_engine_destroy(engine);
  size_t apart = begin.parameter_count / POINTS + 1;
  for (size_t i = 0; i < begin.parameter_count; i += apart) {
    double gradient = (double)begin.parameters[i] - (double)after.parameters[i];
    float kept = begin.parameters[i], off = 4e-3f;
    begin.parameters[i] = kept + off;
    double above = loss_at(make, &setup, c, &given, &begin);
    begin.parameters[i] = kept - off;
    double below = loss_at(make, &setup, c, &given, &begin);
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
void check_mask_of(engine_maker make) {
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
  train_engine *engine = make(&setup);
  mesh_error err;
  assert_int_equal(train_engine_attach(engine, &rows, &err), GRPC_STATUS_OK);
  assert_int_equal(train_engine_load(engine, &state, &err), GRPC_STATUS_OK);
  train_run run = {order, BATCH, BATCH, 1, NULL};
  train_ran ran;
  assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OK);
  store_state(engine, &state);
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

void check_divergence_of(engine_maker make) {
  const engine_case *c = &engine_cases[1];
  train_setup setup = setup_of(c);
  engine_data given = make_data(c);
  train_state before, after;
  train_state_init(&before, &setup.network, 5);
  train_state_init(&after, &setup.network, 6);
  train_engine *engine = prepare_engine(make(&setup), &given, &before);
  run_steps(engine, c, &given, 0, 2);
  store_state(engine, &before);
  given.features[given.order[5] * (uint32_t)c->inputs] = NAN;
  assert_int_equal(train_engine_attach(engine, &given.rows, NULL), GRPC_STATUS_OK);
  train_run run = {given.order, ROWS, c->batch, 0.01f, NULL};
  train_ran ran;
  mesh_error err;
  assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OUT_OF_RANGE);
  assert_non_null(strstr(err.message, "step 3"));
  assert_int_equal(ran.steps, 0);
  store_state(engine, &after);
  assert_same_state(&before, &after);
  train_engine_destroy(engine);
  train_state_fini(&before);
  train_state_fini(&after);
  free_data(&given);
}

void check_stop_of(engine_maker make) {
  const engine_case *c = &engine_cases[1];
  train_setup setup = setup_of(c);
  engine_data given = make_data(c);
  train_state state;
  train_state_init(&state, &setup.network, 5);
  train_engine *engine = prepare_engine(make(&setup), &given, &state);
  train_stop stop = {.asked = true};
  train_run run = {given.order, ROWS, c->batch, 0.01f, &stop};
  train_ran ran;
  mesh_error err;
  assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OK);
  assert_int_equal(ran.steps, 0);
  stop.asked = false;
  assert_int_equal(train_engine_run(engine, &run, &ran, &err), GRPC_STATUS_OK);
  assert_int_equal(ran.rows, ROWS);
  train_engine_destroy(engine);
  train_state_fini(&state);
  free_data(&given);
}

// ---- against another engine ----

// Several steps in one run, the last one with what is left.
static train_ran run_all(train_engine *engine, const engine_case *c, const engine_data *given) {
  size_t count = (size_t)(STEPS_OF_A_RUN * c->batch > ROWS ? ROWS : STEPS_OF_A_RUN * c->batch);
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

// Adam divides by what may be almost nothing: where a gradient is a rounding error, its sign
// decides about a whole step. So few may be far off, and all together hardly.
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

static void check_outputs(train_engine *peer, train_engine *own, const engine_case *c,
                          const engine_data *given) {
  float *want = calloc((size_t)(ROWS * c->outputs), sizeof *want);
  float *have = calloc((size_t)(ROWS * c->outputs), sizeof *have);
  mesh_error err;
  assert_int_equal(train_engine_predict(peer, given->features, ROWS, want, &err), GRPC_STATUS_OK);
  assert_int_equal(train_engine_predict(own, given->features, ROWS, have, &err), GRPC_STATUS_OK);
  assert_close(have, want, (size_t)(ROWS * c->outputs));
  free(want);
  free(have);
}

void check_numbers_of(const engine_case *c, engine_maker make, engine_maker make_peer) {
  train_setup setup = setup_of(c);
  engine_data given = make_data(c);
  train_state begin, want, have;
  train_state_init(&begin, &setup.network, 5);
  train_state_init(&want, &setup.network, 6);
  train_state_init(&have, &setup.network, 7);
  train_engine *peer = prepare_engine(make_peer(&setup), &given, &begin);
  train_engine *own = prepare_engine(make(&setup), &given, &begin);
  train_ran of_peer = run_all(peer, c, &given), of_own = run_all(own, c, &given);
  assert_int_equal(of_own.steps, of_peer.steps);
  assert_int_equal(of_own.correct, of_peer.correct);
  assert_true(fabs(of_own.loss_sum - of_peer.loss_sum) <= 1e-5 * fabs(of_peer.loss_sum));
  assert_true(fabs(of_own.last_loss - of_peer.last_loss) <= 1e-5 * fabs(of_peer.last_loss));
  assert_true(fabs(of_own.last_norm - of_peer.last_norm) <= 1e-4 * fabs(of_peer.last_norm));
  store_state(peer, &want);
  store_state(own, &have);
  assert_trained_alike(&have, &want);
  prepare_engine(own, &given, &want);  // the outputs of the same parameters
  check_outputs(peer, own, c, &given);
  train_engine_destroy(peer);
  train_engine_destroy(own);
  train_state_fini(&begin);
  train_state_fini(&want);
  train_state_fini(&have);
  free_data(&given);
}

// ---- the same bits ----

void check_resume_of(const engine_case *c, engine_maker make, engine_change change) {
  train_setup setup = setup_of(c);
  engine_data given = make_data(c);
  train_state begin, whole, other;
  train_state_init(&begin, &setup.network, 5);
  train_state_init(&whole, &setup.network, 6);
  train_state_init(&other, &setup.network, 7);

  train_engine *engine = prepare_engine(make(&setup), &given, &begin);
  run_steps(engine, c, &given, 0, STEPS_OF_A_RUN);
  store_state(engine, &whole);

  if (change != NULL) change(true);
  prepare_engine(engine, &given, &begin);
  run_steps(engine, c, &given, 0, STEPS_OF_A_RUN);
  store_state(engine, &other);
  train_engine_destroy(engine);
  if (change != NULL) change(false);
  assert_same_state(&whole, &other);

  engine = prepare_engine(make(&setup), &given, &begin);
  run_steps(engine, c, &given, 0, STEPS_OF_A_RUN / 2);
  store_state(engine, &other);
  train_engine_destroy(engine);
  engine = prepare_engine(make(&setup), &given, &other);
  run_steps(engine, c, &given, STEPS_OF_A_RUN / 2, STEPS_OF_A_RUN);
  store_state(engine, &other);
  train_engine_destroy(engine);
  assert_same_state(&whole, &other);

  train_state_fini(&begin);
  train_state_fini(&whole);
  train_state_fini(&other);
  free_data(&given);
}
