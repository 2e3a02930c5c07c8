#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  window_mean(input->stop, input->source, count, (int)input->parameters[0], outputs[0]);
  TRAIN_EACH(input->stop, i, 0, count, 1)
    outputs[0][i] = 100 * (input->source[i] - outputs[0][i]) / outputs[0][i];
}

const train_indicator train_indicator_distancefromma = {
    .name = "distancefromma",
    .summary = "distance from the simple moving average, percent of it",
    .aliases = "distancefrommovingaverage ",
    .parameters = {{"period", 20, 1, 10000, true}},
    .outputs = {"distance"},
    .compute = compute,
};
