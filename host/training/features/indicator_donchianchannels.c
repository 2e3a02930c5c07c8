#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  window_greatest(input->stop, input->bars.high, count, (int)input->parameters[0], outputs[0],
                  NULL);
  window_least(input->stop, input->bars.low, count, (int)input->parameters[0], outputs[2], NULL);
  TRAIN_EACH(input->stop, i, 0, count, 1)
    outputs[1][i] = (outputs[0][i] + outputs[2][i]) / 2;
}

const train_indicator train_indicator_donchianchannels = {
    .name = "donchianchannels",
    .summary = "Donchian channels",
    .aliases = "donchian ",
    .parameters = {{"period", 20, 1, 10000, true}},
    .outputs = {"upper", "middle", "lower"},
    .compute = compute,
};
