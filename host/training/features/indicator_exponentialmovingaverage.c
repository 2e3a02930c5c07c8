#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  window_ewm(input->stop, input->source, input->bars.count, 2 / (input->parameters[0] + 1),
             outputs[0]);
}

const train_indicator train_indicator_exponentialmovingaverage = {
    .name = "exponentialmovingaverage",
    .summary = "exponential moving average: alpha 2 / (period + 1), seeded by the first value",
    .aliases = "ema ",
    .parameters = {{"period", 20, 1, 10000, true}},
    .outputs = {"ema"},
    .compute = compute,
};
