#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  double *high = window_column(count), *low = window_column(count);
  window_greatest(input->stop, input->bars.high, count, (int)input->parameters[0], high, NULL);
  window_least(input->stop, input->bars.low, count, (int)input->parameters[0], low, NULL);
  TRAIN_EACH(input->stop, i, 0, count, 1) {
    double range = high[i] - low[i];
    outputs[0][i] = range == 0 ? -50 : -100 * (high[i] - input->bars.close[i]) / range;
  }
  free(high);
  free(low);
}

const train_indicator train_indicator_williamsr = {
    .name = "williamsr",
    .summary = "Williams %R: -50 where the range is 0",
    .aliases = "williamspercentr willr ",
    .parameters = {{"period", 14, 1, 10000, true}},
    .outputs = {"williamsr"},
    .compute = compute,
};
