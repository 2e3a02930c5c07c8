#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  double *deviation = window_column(count);
  window_mean(input->stop, input->source, count, (int)input->parameters[0], outputs[1]);
  window_deviation(input->stop, input->source, count, (int)input->parameters[0], deviation);
  TRAIN_EACH(input->stop, i, 0, count, 1) {
    outputs[0][i] = outputs[1][i] + input->parameters[1] * deviation[i];
    outputs[2][i] = outputs[1][i] - input->parameters[1] * deviation[i];
  }
  free(deviation);
}

const train_indicator train_indicator_bollingerbands = {
    .name = "bollingerbands",
    .summary = "Bollinger bands, with the sample's deviation (n - 1)",
    .aliases = "bbands bollinger ",
    .parameters = {{"period", 20, 2, 10000, true}, {"multiplier", 2.0, 0.01, 100, false}},
    .outputs = {"upper", "middle", "lower"},
    .compute = compute,
};
