#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  double *high = window_column(count), *low = window_column(count), *raw = window_column(count);
  window_greatest(input->stop, input->bars.high, count, (int)input->parameters[0], high, NULL);
  window_least(input->stop, input->bars.low, count, (int)input->parameters[0], low, NULL);
  TRAIN_EACH(input->stop, i, 0, count, 1) {
    double range = high[i] - low[i];
    raw[i] = range == 0 ? 50 : 100 * (input->bars.close[i] - low[i]) / range;
  }
  window_partial_mean(input->stop, raw, count, (int)input->parameters[2], outputs[0]);
  window_partial_mean(input->stop, outputs[0], count, (int)input->parameters[1], outputs[1]);
  free(high);
  free(low);
  free(raw);
}

const train_indicator train_indicator_stochastic = {
    .name = "stochastic",
    .summary =
        "stochastic oscillator (Lane): raw %K is 50 where the range is 0; smoothing windows may be "
        "partial",
    .aliases = "stoch ",
    .parameters = {{"k_period", 14, 1, 10000, true},
                   {"d_period", 3, 1, 10000, true},
                   {"smooth_k", 3, 1, 10000, true}},
    .outputs = {"k", "d"},
    .compute = compute,
};
