#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  double *mean = window_column(count), *deviation = window_column(count);
  window_mean(input->stop, input->source, count, (int)input->parameters[0], mean);
  window_deviation(input->stop, input->source, count, (int)input->parameters[0], deviation);
  TRAIN_EACH(input->stop, i, 0, count, 1)
    outputs[0][i] = 2 * input->parameters[1] * deviation[i] / mean[i];
  free(mean);
  free(deviation);
}

const train_indicator train_indicator_bollingerbandwidth = {
    .name = "bollingerbandwidth",
    .summary = "Bollinger band width: (upper - lower) / middle",
    .aliases = "bbwidth bollingerbandswidth ",
    .parameters = {{"period", 20, 2, 10000, true}, {"multiplier", 2.0, 0.01, 100, false}},
    .outputs = {"width"},
    .compute = compute,
};
