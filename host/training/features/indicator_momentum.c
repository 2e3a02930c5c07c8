#include <math.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t period = (size_t)input->parameters[0];
  TRAIN_EACH(input->stop, i, 0, input->bars.count, 1)
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
