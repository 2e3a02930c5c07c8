#include <math.h>
#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  const train_bars *bars = &input->bars;
  double *range = window_column(count), *mean = window_column(count);
  window_true_range(input->stop, bars, range);
  window_mean(input->stop, range, count, (int)input->parameters[0], mean);
  double upper = NAN, lower = NAN, direction = 1;
  TRAIN_EACH(input->stop, i, 0, count, 1) {
    outputs[0][i] = outputs[1][i] = NAN;
    if (isnan(mean[i])) continue;
    double middle = (bars->high[i] + bars->low[i]) / 2, wide = input->parameters[1] * mean[i];
    double before = i > 0 ? bars->close[i - 1] : NAN;
    if (isnan(upper) || middle + wide < upper || before > upper) upper = middle + wide;
    if (isnan(lower) || middle - wide > lower || before < lower) lower = middle - wide;
    if (bars->close[i] > upper) direction = 1;
    if (bars->close[i] < lower) direction = -1;
    outputs[0][i] = direction > 0 ? lower : upper;
    outputs[1][i] = direction;
  }
  free(range);
  free(mean);
}

const train_indicator train_indicator_supertrend = {
    .name = "supertrend",
    .summary =
        "SuperTrend: bands of average true ranges (simple mean) around the median that only "
        "tighten; direction 1 up, -1 down",
    .aliases = "",
    .parameters = {{"period", 10, 1, 10000, true}, {"multiplier", 3.0, 0.01, 100, false}},
    .outputs = {"supertrend", "direction"},
    .compute = compute,
};
