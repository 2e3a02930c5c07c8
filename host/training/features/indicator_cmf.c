#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  double *flow = window_column(count), *sum = window_column(count);
  TRAIN_EACH(input->stop, i, 0, count, 1)
    flow[i] = window_money_flow(&input->bars, i);
  window_sum(input->stop, flow, count, (int)input->parameters[0], outputs[0]);
  window_sum(input->stop, input->bars.volume, count, (int)input->parameters[0], sum);
  TRAIN_EACH(input->stop, i, 0, count, 1)
    outputs[0][i] = sum[i] == 0 ? 0 : outputs[0][i] / sum[i];
  free(flow);
  free(sum);
}

const train_indicator train_indicator_cmf = {
    .name = "cmf",
    .summary = "Chaikin money flow: 0 where nothing was traded",
    .aliases = "chaikinmoneyflow ",
    .parameters = {{"period", 20, 1, 10000, true}},
    .outputs = {"cmf"},
    .needs_volume = true,
    .compute = compute,
};
