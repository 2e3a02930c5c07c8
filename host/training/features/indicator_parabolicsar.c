#include <math.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  const train_bars *bars = &input->bars;
  const double *p = input->parameters;
  if (bars->count > 0) outputs[0][0] = NAN;
  if (bars->count < 2) return;
  bool rising = bars->close[1] >= bars->close[0];
  double sar = rising ? bars->low[0] : bars->high[0];
  double extreme = rising ? bars->high[0] : bars->low[0], speed = p[0];
  TRAIN_EACH(input->stop, i, 1, bars->count, 1) {
    sar += speed * (extreme - sar);
    // Never inside the two bars before.
    size_t earlier = i > 1 ? i - 2 : 0;
    if (rising) {
      sar = fmin(sar, fmin(bars->low[i - 1], bars->low[earlier]));
    } else {
      sar = fmax(sar, fmax(bars->high[i - 1], bars->high[earlier]));
    }
    bool turns = rising ? bars->low[i] < sar : bars->high[i] > sar;
    double reached = rising ? bars->high[i] : bars->low[i];
    if (turns) {
      rising = !rising;
      sar = extreme;
      extreme = rising ? bars->high[i] : bars->low[i];
      speed = p[0];
    } else if (rising ? reached > extreme : reached < extreme) {
      extreme = reached;
      speed = fmin(speed + p[1], p[2]);
    }
    outputs[0][i] = sar;
  }
}

const train_indicator train_indicator_parabolicsar = {
    .name = "parabolicsar",
    .summary =
        "parabolic stop and reverse (Wilder 1978); begins upward if the second close is not below "
        "the first",
    .aliases = "psar sar ",
    .parameters = {{"initial", 0.02, 0.0001, 1, false},
                   {"increment", 0.02, 0, 1, false},
                   {"maximum", 0.2, 0.0001, 1, false}},
    .outputs = {"sar"},
    .compute = compute,
};
