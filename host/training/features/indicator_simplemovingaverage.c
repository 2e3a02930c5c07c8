#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  window_mean(input->stop, input->source, input->bars.count, (int)input->parameters[0], outputs[0]);
}

const train_indicator train_indicator_simplemovingaverage = {
    .name = "simplemovingaverage",
    .summary = "simple moving average",
    .aliases = "sma ",
    .parameters = {{"period", 20, 1, 10000, true}},
    .outputs = {"sma"},
    .compute = compute,
};
