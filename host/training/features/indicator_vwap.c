#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  double *price = window_column(count), *paid = window_column(count), *sum = window_column(count);
  window_typical_price(input->stop, &input->bars, price);
  TRAIN_EACH(input->stop, i, 0, count, 1)
    paid[i] = price[i] * input->bars.volume[i];
  window_sum(input->stop, paid, count, (int)input->parameters[0], outputs[0]);
  window_sum(input->stop, input->bars.volume, count, (int)input->parameters[0], sum);
  TRAIN_EACH(input->stop, i, 0, count, 1)
    outputs[0][i] = sum[i] == 0 ? price[i] : outputs[0][i] / sum[i];
  free(price);
  free(paid);
  free(sum);
}

const train_indicator train_indicator_vwap = {
    .name = "vwap",
    .summary =
        "volume-weighted mean of the typical price over `period` bars; its plain value where "
        "nothing was traded",
    .aliases = "volumeweightedaverageprice ",
    .parameters = {{"period", 20, 1, 10000, true}},
    .outputs = {"vwap"},
    .needs_volume = true,
    .compute = compute,
};
