#include <math.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t period = (size_t)input->parameters[0];
  TRAIN_EACH(input->stop, i, 0, input->bars.count, 1) {
    double before = i >= period ? input->source[i - period] : NAN;
    outputs[0][i] = 100 * (input->source[i] - before) / before;
  }
}

const train_indicator train_indicator_roc = {
    .name = "roc",
    .summary = "rate of change, percent",
    .aliases = "rateofchange ",
    .parameters = {{"period", 10, 1, 10000, true}},
    .outputs = {"roc"},
    .compute = compute,
};
