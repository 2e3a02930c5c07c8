#include <math.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t period = (size_t)input->parameters[0];
  for (size_t i = 0, done = 0; i < input->bars.count && train_goes_on(input->stop, &done, 1); i++)
    outputs[0][i] = i >= period ? input->source[i] - input->source[i - period] : NAN;
}

const train_indicator train_indicator_momentum = {
    .name = "momentum",
    .summary = "difference to the value `period` bars ago",
    .aliases = "mom ",
    .parameters = {{"period", 10, 1, 10000, true}},
    .outputs = {"momentum"},
    .compute = compute,
};
