#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  window_mean(input->stop, input->source, count, (int)input->parameters[0], outputs[0]);
  for (size_t i = 0, done = 0; i < count && train_goes_on(input->stop, &done, 1); i++)
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
