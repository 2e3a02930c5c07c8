#include <math.h>
#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

// The symmetric mean of four values, weights 1 2 2 1.
static void weigh(train_stop *stop, const double *x, size_t count, double *out) {
  TRAIN_EACH(stop, i, 0, count, 1)
    out[i] = i < 3 ? NAN : (x[i] + 2 * x[i - 1] + 2 * x[i - 2] + x[i - 3]) / 6;
}

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  const train_bars *bars = &input->bars;
  double *up = window_column(count), *range = window_column(count), *sum = window_column(count);
  TRAIN_EACH(input->stop, i, 0, count, 1) {
    up[i] = bars->close[i] - bars->open[i];
    range[i] = bars->high[i] - bars->low[i];
  }
  weigh(input->stop, up, count, sum);
  window_mean(input->stop, sum, count, (int)input->parameters[0], up);
  weigh(input->stop, range, count, sum);
  window_mean(input->stop, sum, count, (int)input->parameters[0], range);
  TRAIN_EACH(input->stop, i, 0, count, 1)
    outputs[0][i] = range[i] == 0 ? 0 : up[i] / range[i];
  weigh(input->stop, outputs[0], count, outputs[1]);
  free(up);
  free(range);
  free(sum);
}

const train_indicator train_indicator_rvi = {
    .name = "rvi",
    .summary =
        "relative vigor index (Ehlers 2002), with its 1-2-2-1 signal; 0 where no bar has a range",
    .aliases = "relativevigorindex ",
    .parameters = {{"period", 10, 1, 10000, true}},
    .outputs = {"rvi", "signal"},
    .compute = compute,
};
