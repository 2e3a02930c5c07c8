#include <math.h>
#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  const double *p = input->parameters;
  double *deviation = window_column(count), *range = window_column(count);
  double *mean = window_column(count);
  window_deviation(input->stop, input->source, count, (int)p[0], deviation);
  window_true_range(input->stop, &input->bars, range);
  window_mean(input->stop, range, count, (int)p[2], mean);
  TRAIN_EACH(input->stop, i, 0, count, 1) {
    double band = p[1] * deviation[i], channel = p[3] * mean[i];
    double within = channel == 0 ? 0 : 1 - band / channel;
    outputs[0][i] = isnan(band) || isnan(channel) ? NAN : fmax(0, fmin(1, within));
  }
  free(deviation);
  free(range);
  free(mean);
}

const train_indicator train_indicator_squeezeintensity = {
    .name = "squeezeintensity",
    .summary =
        "how far Bollinger bands lie within Keltner channels: 1 - width / width, within 0..1; 0 "
        "where the channel has no width",
    .aliases = "squeeze ",
    .parameters = {{"bb_period", 20, 2, 10000, true},
                   {"bb_multiplier", 2.0, 0.01, 100, false},
                   {"kc_period", 20, 1, 10000, true},
                   {"kc_multiplier", 1.5, 0.01, 100, false}},
    .outputs = {"intensity"},
    .compute = compute,
};
