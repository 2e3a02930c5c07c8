#include <math.h>
#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  double *price = window_column(count), *in = window_column(count), *out = window_column(count);
  double *all_in = window_column(count), *all_out = window_column(count);
  window_typical_price(input->stop, &input->bars, price);
  TRAIN_EACH(input->stop, i, 0, count, 1) {
    double flow = price[i] * input->bars.volume[i], change = i > 0 ? price[i] - price[i - 1] : NAN;
    in[i] = change > 0 ? flow : change <= 0 ? 0 : NAN;
    out[i] = change < 0 ? flow : change >= 0 ? 0 : NAN;
  }
  window_sum(input->stop, in, count, (int)input->parameters[0], all_in);
  window_sum(input->stop, out, count, (int)input->parameters[0], all_out);
  TRAIN_EACH(input->stop, i, 0, count, 1) {
    double sum = all_in[i] + all_out[i];
    outputs[0][i] = sum == 0 ? 50 : 100 * all_in[i] / sum;
  }
  free(price);
  free(in);
  free(out);
  free(all_in);
  free(all_out);
}

const train_indicator train_indicator_mfi = {
    .name = "mfi",
    .summary = "money flow index: 50 where no money flowed, 100 where none flowed out",
    .aliases = "moneyflowindex ",
    .parameters = {{"period", 14, 1, 10000, true}},
    .outputs = {"mfi"},
    .needs_volume = true,
    .compute = compute,
};
