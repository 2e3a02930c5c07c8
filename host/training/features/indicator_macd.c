#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  double *slow = window_column(count);
  window_ewm(input->stop, input->source, count, 2 / (input->parameters[0] + 1), outputs[0]);
  window_ewm(input->stop, input->source, count, 2 / (input->parameters[1] + 1), slow);
  TRAIN_EACH(input->stop, i, 0, count, 1)
    outputs[0][i] -= slow[i];
  window_ewm(input->stop, outputs[0], count, 2 / (input->parameters[2] + 1), outputs[1]);
  TRAIN_EACH(input->stop, i, 0, count, 1)
    outputs[2][i] = outputs[0][i] - outputs[1][i];
  free(slow);
}

const train_indicator train_indicator_macd = {
    .name = "macd",
    .summary = "moving average convergence divergence: exponential means seeded by the first value",
    .aliases = "",
    .parameters = {{"fast_period", 12, 1, 10000, true},
                   {"slow_period", 26, 1, 10000, true},
                   {"signal_period", 9, 1, 10000, true}},
    .outputs = {"line", "signal", "histogram"},
    .compute = compute,
};
