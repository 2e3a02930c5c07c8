#include <math.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  int period = (int)input->parameters[0];
  double all = period * (period + 1) / 2.0;
  TRAIN_EACH(input->stop, i, 0, input->bars.count, (size_t)period) {
    double sum = 0;
    for (int k = 0; k < period && i + 1 >= (size_t)period; k++)
      sum += (k + 1) * input->source[i + 1 - (size_t)period + (size_t)k];
    outputs[0][i] = i + 1 >= (size_t)period ? sum / all : NAN;
  }
}

const train_indicator train_indicator_weightedmovingaverage = {
    .name = "weightedmovingaverage",
    .summary = "linearly weighted moving average, the newest value weighs most",
    .aliases = "wma ",
    .parameters = {{"period", 20, 1, 10000, true}},
    .outputs = {"wma"},
    .compute = compute,
};
