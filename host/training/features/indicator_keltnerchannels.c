#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  double *range = window_column(count), *mean = window_column(count);
  window_true_range(input->stop, &input->bars, range);
  window_mean(input->stop, range, count, (int)input->parameters[1], mean);
  window_ewm(input->stop, input->source, count, 2 / (input->parameters[0] + 1), outputs[1]);
  TRAIN_EACH(input->stop, i, 0, count, 1) {
    outputs[0][i] = outputs[1][i] + input->parameters[2] * mean[i];
    outputs[2][i] = outputs[1][i] - input->parameters[2] * mean[i];
  }
  free(range);
  free(mean);
}

const train_indicator train_indicator_keltnerchannels = {
    .name = "keltnerchannels",
    .summary =
        "Keltner channels: exponential mean, plus and minus average true ranges (simple mean)",
    .aliases = "keltner ",
    .parameters = {{"period", 20, 1, 10000, true},
                   {"atr_period", 10, 1, 10000, true},
                   {"multiplier", 2.0, 0.01, 100, false}},
    .outputs = {"upper", "middle", "lower"},
    .compute = compute,
};
