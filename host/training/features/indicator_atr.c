#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  double *range = window_column(input->bars.count);
  window_true_range(input->stop, &input->bars, range);
  window_mean(input->stop, range, input->bars.count, (int)input->parameters[0], outputs[0]);
  free(range);
}

const train_indicator train_indicator_atr = {
    .name = "atr",
    .summary = "average true range: a simple mean, not Wilder's",
    .aliases = "averagetruerange ",
    .parameters = {{"period", 14, 1, 10000, true}},
    .outputs = {"atr"},
    .compute = compute,
};
