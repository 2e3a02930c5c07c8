#include <math.h>
#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  int period = (int)input->parameters[0];
  double *price = window_column(count), *mean = window_column(count);
  window_typical_price(input->stop, &input->bars, price);
  window_mean(input->stop, price, count, period, mean);
  TRAIN_EACH(input->stop, i, 0, count, (size_t)period) {
    double deviation = 0;
    for (int k = 0; k < period && i + 1 >= (size_t)period; k++)
      deviation += fabs(price[i - (size_t)k] - mean[i]);
    deviation /= period;
    // Of equal prices the mean may be off by rounding: no deviation either.
    bool flat = deviation <= 1e-12 * fabs(mean[i]);
    outputs[0][i] = flat ? 0 : (price[i] - mean[i]) / (0.015 * deviation);
    if (isnan(mean[i])) outputs[0][i] = NAN;
  }
  free(price);
  free(mean);
}

const train_indicator train_indicator_cci = {
    .name = "cci",
    .summary = "commodity channel index (Lambert 1980): 0 where the mean deviation is 0",
    .aliases = "commoditychannelindex ",
    .parameters = {{"period", 20, 2, 10000, true}},
    .outputs = {"cci"},
    .compute = compute,
};
