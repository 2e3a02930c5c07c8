#include <math.h>
#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  double *median = window_column(count), *high = window_column(count), *low = window_column(count);
  TRAIN_EACH(input->stop, i, 0, count, 1)
    median[i] = (input->bars.high[i] + input->bars.low[i]) / 2;
  window_greatest(input->stop, median, count, (int)input->parameters[0], high, NULL);
  window_least(input->stop, median, count, (int)input->parameters[0], low, NULL);
  double x = 0, fisher = 0, before = NAN;
  TRAIN_EACH(input->stop, i, 0, count, 1) {
    outputs[0][i] = outputs[1][i] = NAN;
    if (isnan(high[i])) continue;
    double range = high[i] - low[i];
    double place = range == 0 ? 0 : 2 * ((median[i] - low[i]) / range - 0.5);
    x = fmax(-0.999, fmin(0.999, 0.33 * place + 0.67 * x));
    fisher = 0.5 * log((1 + x) / (1 - x)) + 0.5 * fisher;
    outputs[0][i] = fisher;
    outputs[1][i] = before;
    before = fisher;
  }
  free(median);
  free(high);
  free(low);
}

const train_indicator train_indicator_fishertransform = {
    .name = "fishertransform",
    .summary =
        "Fisher transform of the median price (Ehlers 2002); the signal is the value one bar "
        "earlier",
    .aliases = "fisher ",
    .parameters = {{"period", 10, 1, 10000, true}},
    .outputs = {"fisher", "signal"},
    .compute = compute,
};
