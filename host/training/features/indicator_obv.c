#include <math.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  double sum = 0;
  TRAIN_EACH(input->stop, i, 0, input->bars.count, 1) {
    double change = i > 0 ? input->bars.close[i] - input->bars.close[i - 1] : 0;
    double volume = input->bars.volume[i];
    outputs[0][i] = NAN;
    if (isnan(change) || isnan(volume)) continue;
    sum += change > 0 ? volume : change < 0 ? -volume : 0;
    outputs[0][i] = sum;
  }
}

const train_indicator train_indicator_obv = {
    .name = "obv",
    .summary = "on-balance volume (Granville 1963), from 0",
    .aliases = "onbalancevolume ",
    .outputs = {"obv"},
    .needs_volume = true,
    .compute = compute,
};
