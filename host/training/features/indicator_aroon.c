#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  int period = (int)input->parameters[0];
  double *ignored = window_column(count);
  window_greatest(input->stop, input->bars.high, count, period + 1, ignored, outputs[0]);
  window_least(input->stop, input->bars.low, count, period + 1, ignored, outputs[1]);
  TRAIN_EACH(input->stop, i, 0, count, 1) {
    outputs[0][i] = 100 * (period - outputs[0][i]) / period;
    outputs[1][i] = 100 * (period - outputs[1][i]) / period;
    outputs[2][i] = outputs[0][i] - outputs[1][i];
  }
  free(ignored);
}

const train_indicator train_indicator_aroon = {
    .name = "aroon",
    .summary =
        "Aroon (Chande 1995): over period + 1 bars; of equal extremes the newest counts, as in "
        "TA-Lib",
    .aliases = "",
    .parameters = {{"period", 14, 1, 10000, true}},
    .outputs = {"up", "down", "oscillator"},
    .compute = compute,
};
