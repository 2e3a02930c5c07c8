#include <math.h>
#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void find_middle(const train_input *input, int period, double *out) {
  const train_bars *bars = &input->bars;
  double *low = window_column(bars->count);
  window_greatest(input->stop, bars->high, bars->count, period, out, NULL);
  window_least(input->stop, bars->low, bars->count, period, low, NULL);
  TRAIN_EACH(input->stop, i, 0, bars->count, 1)
    out[i] = (out[i] + low[i]) / 2;
  free(low);
}

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count, away = (size_t)input->parameters[3];
  double *last = window_column(count);
  find_middle(input, (int)input->parameters[0], outputs[0]);
  find_middle(input, (int)input->parameters[1], outputs[1]);
  find_middle(input, (int)input->parameters[2], last);
  TRAIN_EACH(input->stop, i, 0, count, 1) {
    bool known = i >= away;
    outputs[2][i] = known ? (outputs[0][i - away] + outputs[1][i - away]) / 2 : NAN;
    outputs[3][i] = known ? last[i - away] : NAN;
  }
  free(last);
}

const train_indicator train_indicator_ichimoku = {
    .name = "ichimoku",
    .summary =
        "Ichimoku Kinko Hyo; the spans as they lie under a bar, displaced from earlier ones. "
        "Chikou, which a chart draws in the past, would look ahead and is left out",
    .aliases = "ichimokucloud ",
    .parameters = {{"tenkan_period", 9, 1, 10000, true},
                   {"kijun_period", 26, 1, 10000, true},
                   {"senkou_b_period", 52, 1, 10000, true},
                   {"displacement", 26, 0, 10000, true}},
    .outputs = {"tenkan_sen", "kijun_sen", "senkou_span_a", "senkou_span_b"},
    .compute = compute,
};
