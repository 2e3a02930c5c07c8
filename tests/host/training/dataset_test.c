// Rows: aligned without looking ahead, cut in the order of time; and the training loop, which goes
// on from a file bit for bit.
#include "host/training/dataset/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/training/trainer/trainer.h"
#include "mesh/runtime/loop.h"
#include "protos/descriptors.h"
#include "tests/unit.h"

enum { HOURS = 2000 };

static const char text[] =
    "name: two\n"
    "training_data:\n"
    "  symbols: {mode: multi_symbol, symbols: [A, B]}\n"
    "  timeframes: {mode: multi_timeframe, timeframes: [4h, 1h]}\n"
    "indicators:\n"
    "  close: {type: sma, period: 1}\n"
    "  slow: {type: rsi, period: 5}\n"
    "fuzzy_sets:\n"
    "  pace: {indicator: slow, low: [0, 30, 50], high: [50, 70, 100]}\n"
    "nn_inputs:\n"
    "  - {raw_indicator: close, timeframes: all}\n"
    "  - {fuzzy_set: pace, timeframes: [1h]}\n"
    "model:\n"
    "  architecture: {hidden_layers: [12], activation: tanh, dropout: 0.2}\n"
    "  features: {lookback_periods: 1}\n"
    "  training: {epochs: 6, batch_size: 16, early_stopping: {enabled: true, patience: 4},\n"
    "             lr_scheduler: {type: step, step_size: 2, gamma: 0.5}, class_weights: balanced}\n"
    "training:\n"
    "  labels: {source: zigzag, zigzag_threshold: 0.02}\n"
    "  data_split: {train: 60, validation: 20, test: 20}\n";

typedef struct bench {
  mesh_schema *schema;
  strategy *strategy;
  double columns[4][5][HOURS];
  int64_t times[4][HOURS];
  train_bars bars[4];  // A 4h, A 1h, B 4h, B 1h
} bench;

// A price per bar that says which bar it is, with waves for the labels.
static void fill(bench *own, int series, int64_t step_s, size_t count) {
  for (size_t i = 0; i < count; i++) {
    int64_t time = 1600000000 / 14400 * 14400 + (int64_t)i * step_s;
    double price = 100 + 10 * sin((double)time / 90000) + 3 * sin((double)time / 7000 + series / 2);
    own->times[series][i] = time;
    for (int k = 0; k < 4; k++)
      own->columns[series][k][i] = price;
    own->columns[series][4][i] = NAN;
  }
  double(*c)[HOURS] = own->columns[series];
  own->bars[series] = (train_bars){count, own->times[series], c[0], c[1], c[2], c[3], c[4]};
}

static int set_up(void **state) {
  bench *own = calloc(1, sizeof *own);
  mesh_error err;
  mesh_view all = {millrace_descriptors, millrace_descriptors_size};
  assert_int_equal(mesh_schema_create(all, &own->schema, &err), GRPC_STATUS_OK);
  mesh_view view = {(const uint8_t *)text, strlen(text)};
  if (strategy_read(NULL, own->schema, "two.yaml", view, NULL, &own->strategy, &err) !=
      GRPC_STATUS_OK) {
    fail_msg("%s", err.message);
  }
  for (int s = 0; s < 2; s++) {
    fill(own, 2 * s, 14400, HOURS / 4);
    fill(own, 2 * s + 1, 3600, HOURS);
  }
  *state = own;
  return 0;
}

static int tear_down(void **state) {
  bench *own = *state;
  strategy_destroy(own->strategy);
  mesh_schema_destroy(own->schema);
  free(own);
  return 0;
}

static dataset *build(bench *own) {
  dataset *made;
  mesh_error err;
  if (dataset_build(NULL, own->strategy, own->bars, false, &made, &err) != GRPC_STATUS_OK) {
    fail_msg("%s", err.message);
  }
  return made;
}

static void features_have_their_names_and_order(void **state) {
  static const char *const names[] = {
      "4h_close_raw",       "1h_close_raw",       "1h_pace_low",       "1h_pace_high",
      "4h_close_raw_lag_1", "1h_close_raw_lag_1", "1h_pace_low_lag_1", "1h_pace_high_lag_1"};
  const bench *own = *state;
  assert_int_equal(own->strategy->feature_count, 8);
  for (int i = 0; i < 8; i++)
    assert_string_equal(own->strategy->features[i].name, names[i]);
  assert_string_equal(own->strategy->timeframes[own->strategy->base], "1h");
}

static void a_row_knows_only_bars_that_have_ended(void **state) {
  bench *own = *state;
  dataset *made = build(own);
  assert_true(made->rows > 3000);
  for (size_t i = 0; i < made->rows; i++) {
    int64_t now = made->times[i] + 3600, ended;
    ended = now / 14400 * 14400 - 14400;  // the start of the last 4h bar that has ended by now
    const float *row = made->features + i * 8;
    bool found = false;
    for (int s = 0; s < 4 && !found; s += 2) {
      for (size_t k = 0; k < own->bars[s].count && !found; k++)
        found = own->times[s][k] == ended && (float)own->columns[s][3][k] == row[0];
    }
    assert_true(found);
  }
  dataset_destroy(made);
}

static void parts_follow_each_other_in_time(void **state) {
  dataset *made = build(*state);
  for (size_t i = 1; i < made->rows; i++)
    assert_true(made->times[i - 1] <= made->times[i]);
  for (int part = 1; part < DATASET_PARTS; part++) {
    size_t at = made->first[part];
    assert_true(made->times[at - 1] < made->times[at]);
  }
  double share = (double)made->first[1] / (double)made->rows;
  assert_true(share > 0.59 && share < 0.61);
  dataset_destroy(made);
}

static void later_prices_change_no_earlier_row(void **state) {
  bench *own = *state;
  dataset *before = build(own);
  for (int s = 0; s < 4; s++) {
    for (size_t i = own->bars[s].count * 9 / 10; i < own->bars[s].count; i++)
      own->columns[s][3][i] *= 1.5;
  }
  dataset *after = build(own);
  size_t same = before->rows * 8 / 10;
  assert_memory_equal(before->features, after->features, same * 8 * sizeof(float));
  dataset_destroy(before);
  dataset_destroy(after);
}

static void a_price_that_is_no_number_is_named(void **state) {
  bench *own = *state;
  dataset *made;
  mesh_error err;
  own->columns[2][1][7] = NAN;
  assert_int_equal(dataset_build(NULL, own->strategy, own->bars, false, &made, &err),
                   GRPC_STATUS_FAILED_PRECONDITION);
  assert_non_null(strstr(err.message, "B 4h: the high of the bar at 2020-09-1"));
}

static void bars_out_of_order_are_named(void **state) {
  bench *own = *state;
  dataset *made;
  mesh_error err;
  own->times[3][9] = own->times[3][8];
  assert_int_equal(dataset_build(NULL, own->strategy, own->bars, false, &made, &err),
                   GRPC_STATUS_FAILED_PRECONDITION);
  assert_non_null(strstr(err.message, "B 1h: the bar at 2020-09-1"));
  assert_non_null(strstr(err.message, "not later than the one before it"));
}

static void rows_hear_a_stop(void **state) {
  bench *own = *state;
  dataset *made;
  mesh_error err;
  train_stop stop = {.asked = true};
  assert_int_equal(dataset_build(&stop, own->strategy, own->bars, false, &made, &err),
                   GRPC_STATUS_CANCELLED);
  assert_null(made);
  assert_int_equal(stop.looks, 2);  // at the first series: nothing was made yet
  stop.asked = false;
  stop.looks = 0;
  assert_int_equal(dataset_build(&stop, own->strategy, own->bars, false, &made, &err),
                   GRPC_STATUS_OK);
  assert_true(stop.looks >= 2 * 8);  // of two symbols each feature
  dataset_destroy(made);
}

static void it_says_what_it_takes(void **state) {
  bench *own = *state;
  int64_t rows = 2 * HOURS, columns = rows * 8 * (int64_t)(sizeof(double) + sizeof(float));
  assert_in_range(dataset_bytes(own->strategy, own->bars), columns, 2 * columns);
}

// ---- the loop ----

typedef struct running {
  dataset *data;
  train_engine *engine;
  trainer *trainer;
} running;

static running start(bench *own) {
  running made = {.data = build(own)};
  train_setup setup = {.network = trainer_network(own->strategy, made.data),
                       .optimizer = own->strategy->learning.optimizer,
                       .seed = 4,
                       .batch_rows = own->strategy->learning.batch_rows};
  mesh_error err;
  assert_int_equal(train_cpu_create(&setup, NULL, &made.engine, &err), GRPC_STATUS_OK);
  trainer_setup how = {own->strategy, made.data, made.engine, 4, own->strategy->learning.epochs};
  assert_int_equal(trainer_create(&how, &made.trainer, &err), GRPC_STATUS_OK);
  return made;
}

static void end(running *own) {
  trainer_destroy(own->trainer);
  train_engine_destroy(own->engine);
  dataset_destroy(own->data);
}

// Advances until `slices` are done or the training is; returns whether it is.
static bool advance(running *own, int slices) {
  trainer_state state = TRAINER_RUNNING;
  mesh_error err;
  for (int i = 0; i < slices && state != TRAINER_FINISHED; i++) {
    // A deadline in the past: the shortest slice that there is.
    assert_int_equal(trainer_advance(own->trainer, 0, NULL, &state, &err), GRPC_STATUS_OK);
  }
  return state == TRAINER_FINISHED;
}

static void save(running *own, mesh_bytes *file) {
  tensors *out = tensors_create();
  mesh_error err;
  assert_int_equal(trainer_save(own->trainer, out, &err), GRPC_STATUS_OK);
  tensors_pack(out, file);
  tensors_destroy(out);
}

static void restore(running *own, mesh_bytes file) {
  tensors *from;
  mesh_error err;
  assert_int_equal(tensors_read(NULL, mesh_bytes_view(file), &from, &err), GRPC_STATUS_OK);
  assert_int_equal(trainer_restore(own->trainer, from, &err), GRPC_STATUS_OK);
  tensors_destroy(from);
}

static void it_goes_on_from_any_step_bit_for_bit(void **state) {
  running whole = start(*state);
  const float *want, *got;
  size_t count;
  int want_best, got_best;
  mesh_error err;
  while (!advance(&whole, 1)) {
  }
  assert_int_equal(trainer_conclude(whole.trainer, &want, &count, &want_best, &err),
                   GRPC_STATUS_OK);
  for (int stop = 1; stop < 60; stop += 7) {
    running first = start(*state), second = start(*state);
    mesh_bytes file;
    advance(&first, stop);
    save(&first, &file);
    end(&first);
    restore(&second, file);
    free(file.data);
    while (!advance(&second, 1)) {
    }
    assert_int_equal(trainer_conclude(second.trainer, &got, &count, &got_best, &err),
                     GRPC_STATUS_OK);
    assert_memory_equal(want, got, count * sizeof *want);
    assert_int_equal(want_best, got_best);
    assert_int_equal(trainer_last_epoch(whole.trainer)->epoch,
                     trainer_last_epoch(second.trainer)->epoch);
    assert_true(trainer_epoch_at(whole.trainer, 0)->validation.loss ==
                trainer_epoch_at(second.trainer, 0)->validation.loss);
    end(&second);
  }
  end(&whole);
}

// Between any two slices somebody asks it to stop, and then to go on after all.
static void a_stop_changes_no_bit(void **state) {
  running whole = start(*state), stopped = start(*state);
  const float *want, *got;
  size_t count;
  int want_best, got_best;
  mesh_error err;
  trainer_state at = TRAINER_RUNNING;
  train_stop asked = {.asked = true};
  trainer_metrics metrics;
  while (!advance(&whole, 1)) {
  }
  while (at != TRAINER_FINISHED) {
    int64_t step = trainer_progress_of(stopped.trainer).step;
    assert_int_equal(trainer_advance(stopped.trainer, INT64_MAX, &asked, &at, &err),
                     GRPC_STATUS_OK);
    assert_int_equal(trainer_progress_of(stopped.trainer).step, step);
    assert_int_equal(trainer_evaluate(stopped.trainer, &asked, DATASET_VALIDATION, &metrics, &err),
                     GRPC_STATUS_CANCELLED);
    if (at != TRAINER_FINISHED && advance(&stopped, 1)) break;
  }
  assert_int_equal(trainer_conclude(whole.trainer, &want, &count, &want_best, &err),
                   GRPC_STATUS_OK);
  assert_int_equal(trainer_conclude(stopped.trainer, &got, &count, &got_best, &err),
                   GRPC_STATUS_OK);
  assert_memory_equal(want, got, count * sizeof *want);
  end(&whole);
  end(&stopped);
}

static void the_schedule_halves_the_rate(void **state) {
  running own = start(*state);
  while (!advance(&own, 1)) {
  }
  assert_true(trainer_epoch_at(own.trainer, 0)->learning_rate == 0.001);
  assert_true(trainer_epoch_at(own.trainer, 2)->learning_rate == 0.0005);
  end(&own);
}

static void a_damaged_checkpoint_is_refused(void **state) {
  running own = start(*state);
  mesh_bytes file;
  mesh_error err;
  tensors *read;
  save(&own, &file);
  mesh_view cut = {file.data, file.size_bytes - 9};
  assert_int_equal(tensors_read(NULL, cut, &read, &err), GRPC_STATUS_DATA_LOSS);
  memset(file.data + 8, 'x', 20);
  assert_int_equal(tensors_read(NULL, mesh_bytes_view(file), &read, &err), GRPC_STATUS_DATA_LOSS);
  free(file.data);
  end(&own);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(features_have_their_names_and_order),
      TEST(a_row_knows_only_bars_that_have_ended),
      TEST(parts_follow_each_other_in_time),
      TEST(later_prices_change_no_earlier_row),
      TEST(bars_out_of_order_are_named),
      TEST(rows_hear_a_stop),
      TEST(it_says_what_it_takes),
      TEST(a_stop_changes_no_bit),
      TEST(a_price_that_is_no_number_is_named),
      TEST(it_goes_on_from_any_step_bit_for_bit),
      TEST(the_schedule_halves_the_rate),
      TEST(a_damaged_checkpoint_is_refused),
  };
  return cmocka_run_group_tests_name("dataset and trainer", tests, NULL, NULL);
}
