// Every long piece of work looks at its stop after a bounded number of numbers: counted, not timed.
#include "host/training/stop.h"

#include <math.h>
#include <stdlib.h>

#include "host/training/features/fuzzy.h"
#include "host/training/features/indicator.h"
#include "host/training/features/labels.h"
#include "tests/unit.h"

enum { BARS = 5 * TRAIN_STOP_PIECE };

static const double UNTOUCHED = -12345.5;

static int64_t times[BARS];
static double columns[5][BARS], outputs[TRAIN_OUTPUTS_MAX][BARS];

static train_bars make_bars(void) {
  for (size_t i = 0; i < BARS; i++) {
    times[i] = (int64_t)i * 60;
    double price = 100 + 10 * sin((double)i / 90) + sin((double)i / 7);
    columns[0][i] = columns[3][i] = price;
    columns[1][i] = price + 1;
    columns[2][i] = price - 1;
    columns[4][i] = 1000 + (double)(i % 17);
  }
  return (train_bars){BARS, times, columns[0], columns[1], columns[2], columns[3], columns[4]};
}

static void clear_outputs(void) {
  for (size_t k = 0; k < TRAIN_OUTPUTS_MAX; k++) {
    for (size_t i = 0; i < BARS; i++)
      outputs[k][i] = UNTOUCHED;
  }
}

// Looks as often as `numbers` ask for, where one turn of a loop may go beyond a piece.
static void check_looks(const train_stop *stop, size_t numbers) {
  assert_true(stop->looks >= numbers / (2 * TRAIN_STOP_PIECE));
}

static void check_indicator(void **state) {
  const train_indicator *row = *state;
  double parameters[TRAIN_PARAMETERS_MAX], *out[TRAIN_OUTPUTS_MAX];
  for (int i = 0; i < TRAIN_PARAMETERS_MAX && row->parameters[i].name != NULL; i++)
    parameters[i] = row->parameters[i].standard;
  for (int i = 0; i < TRAIN_OUTPUTS_MAX; i++)
    out[i] = outputs[i];
  train_bars bars = make_bars();
  train_stop stop = {.asked = false};
  train_input input = {bars, bars.close, parameters, &stop};
  row->compute(&input, out);
  check_looks(&stop, BARS);
  stop.asked = true;
  stop.looks = 0;
  clear_outputs();
  row->compute(&input, out);
  assert_in_range(stop.looks, 1, 20);  // one for each of its loops
  assert_true(outputs[0][BARS - 1] == UNTOUCHED);
}

static void long_windows_look_more_often(void **state) {
  static const char *const names[] = {"sma", "wma", "cci", "bbands"};
  (void)state;
  train_bars bars = make_bars();
  for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
    const train_indicator *row = train_indicator_find(names[k], NULL);
    double parameters[TRAIN_PARAMETERS_MAX] = {10000, 2}, *out[TRAIN_OUTPUTS_MAX];
    for (int i = 0; i < TRAIN_OUTPUTS_MAX; i++)
      out[i] = outputs[i];
    bars.count = 12000;
    train_stop stop = {.asked = false};
    row->compute(&(train_input){bars, bars.close, parameters, &stop}, out);
    check_looks(&stop, 12000 * (size_t)10000);
    stop.asked = true;
    clear_outputs();
    row->compute(&(train_input){bars, bars.close, parameters, &stop}, out);
    for (size_t i = 100; i < 12000; i++)
      assert_true(outputs[0][i] == UNTOUCHED);
  }
}

static void memberships_look(void **state) {
  (void)state;
  train_bars bars = make_bars();
  train_membership shape = {TRAIN_GAUSSIAN, {100, 5}};
  train_stop stop = {.asked = true};
  clear_outputs();
  train_membership_apply(&stop, &shape, bars.close, BARS, outputs[0]);
  assert_int_equal(stop.looks, 1);
  assert_true(outputs[0][TRAIN_STOP_PIECE] == UNTOUCHED);
}

static void labels_look(void **state) {
  static const train_label_source sources[] = {TRAIN_ZIGZAG, TRAIN_FORWARD_RETURN,
                                               TRAIN_TRIPLE_BARRIER};
  (void)state;
  train_bars bars = make_bars();
  for (int i = 0; i < 3; i++) {
    train_label_options how = train_label_defaults(sources[i]);
    how.pt_multiplier = how.sl_multiplier = 1000;  // no barrier is met: each bar walks to the end
    how.max_holding_period = 500;
    mesh_error err;
    train_stop stop = {.asked = false};
    clear_outputs();
    assert_int_equal(train_labels(&stop, &bars, bars.close, &how, outputs[0], &err),
                     GRPC_STATUS_OK);
    assert_true(outputs[0][0] != UNTOUCHED);
    check_looks(&stop, sources[i] == TRAIN_TRIPLE_BARRIER ? (BARS - 600) * (size_t)500 : BARS);
    stop.asked = true;
    stop.looks = 0;
    clear_outputs();
    assert_int_equal(train_labels(&stop, &bars, bars.close, &how, outputs[0], &err),
                     GRPC_STATUS_CANCELLED);
    assert_in_range(stop.looks, 1, 20);
    assert_true(outputs[0][BARS - 1] == UNTOUCHED);
  }
}

int main(void) {
  struct CMUnitTest tests[64] = {
      cmocka_unit_test(long_windows_look_more_often),
      cmocka_unit_test(memberships_look),
      cmocka_unit_test(labels_look),
  };
  size_t count = 3;
  const train_indicator *row;
  while ((row = train_indicator_at(count - 3)) != NULL && count < 64) {
    tests[count++] =
        (struct CMUnitTest){row->name, check_indicator, NULL, NULL, (void *)(uintptr_t)row};
  }
  return _cmocka_run_group_tests("stop", tests, count, NULL, NULL);
}
