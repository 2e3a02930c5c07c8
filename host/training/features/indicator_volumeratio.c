#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  window_mean(input->stop, input->bars.volume, count, (int)input->parameters[0], outputs[0]);
  TRAIN_EACH(input->stop, i, 0, count, 1)
    outputs[0][i] = outputs[0][i] == 0 ? 1 : input->bars.volume[i] / outputs[0][i];
}

const train_indicator train_indicator_volumeratio = {
    .name = "volumeratio",
    .summary = "volume / its simple mean; 1 where nothing was traded",
    .aliases = "",
    .parameters = {{"period", 20, 1, 10000, true}},
    .outputs = {"ratio"},
    .needs_volume = true,
    .compute = compute,
};
