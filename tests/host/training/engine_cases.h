// What tests of an engine need, whichever it is: cases, data, and checks that hold for all.
#ifndef MILLRACE_TESTS_HOST_TRAINING_ENGINE_CASES_H
#define MILLRACE_TESTS_HOST_TRAINING_ENGINE_CASES_H

#include "host/training/engine/engine.h"

enum { ROWS = 600, ENGINE_CASES = 7, STEPS_OF_A_RUN = 5 };

typedef struct engine_case {
  const char *name;
  int inputs, outputs, hidden_count, hidden[3], batch;
  train_activation activation;
  train_loss loss;
  train_rule rule;
  float dropout;
  bool weighted;
} engine_case;

extern const engine_case engine_cases[ENGINE_CASES];

// ROWS made-up rows for a case, and an order of them. Owned by the caller.
typedef struct engine_data {
  float *features, *numbers;
  uint8_t *classes;
  uint32_t *order;
  train_rows rows;
} engine_data;

engine_data make_data(const engine_case *c);
void free_data(engine_data *own);
train_setup setup_of(const engine_case *c);

// Makes an engine; asserts that it could be made.
typedef train_engine *(*engine_maker)(const train_setup *setup);

// Gives an engine rows and a state.
train_engine *prepare_engine(train_engine *engine, const engine_data *given,
                             const train_state *state);

// Steps [from, to) over the same order, each by itself.
void run_steps(train_engine *engine, const engine_case *c, const engine_data *given, int from,
               int to);
void store_state(train_engine *engine, train_state *state);
void assert_same_state(const train_state *a, const train_state *b);

// ---- checks ----

// Gradients against finite differences of the engine's own loss.
void check_gradient_of(const engine_case *c, engine_maker make);
// The numbers of another engine, but for rounding: loss, rows that are right, norm, state, outputs.
void check_numbers_of(const engine_case *c, engine_maker make, engine_maker make_peer);
// The same bits a second time, with change(true) in force if that is not NULL, and from a state in
// the middle.
typedef void (*engine_change)(bool on);
void check_resume_of(const engine_case *c, engine_maker make, engine_change change);
// Dropout's mask is the one that random.h promises.
void check_mask_of(engine_maker make);
// A loss that is not finite names the step, and nothing has changed.
void check_divergence_of(engine_maker make);
// A stop that is there already: no step; none: all.
void check_stop_of(engine_maker make);

#endif
