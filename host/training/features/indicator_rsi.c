#include <math.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

typedef struct averages {
  double gain, loss;
} averages;

// Sums for the first `period` changes, their means at the last of these, then Wilder's smoothing.
static void take_change(averages *own, double change, size_t number, double period) {
  double gain = change > 0 ? change : 0, loss = change < 0 ? -change : 0;
  if ((double)number <= period) {
    own->gain += gain;
    own->loss += loss;
    if ((double)number < period) return;
    own->gain /= period;
    own->loss /= period;
    return;
  }
  own->gain = (own->gain * (period - 1) + gain) / period;
  own->loss = (own->loss * (period - 1) + loss) / period;
}

static double value_of(const averages *own) {
  if (own->loss == 0) return own->gain == 0 ? 50 : 100;
  return 100 - 100 / (1 + own->gain / own->loss);
}

static void compute(const train_input *input, double *const outputs[]) {
  size_t period = (size_t)input->parameters[0];
  averages own = {0};
  size_t known = 0;  // changes without a NaN so far
  TRAIN_EACH(input->stop, i, 0, input->bars.count, 1) {
    double change = i > 0 ? input->source[i] - input->source[i - 1] : NAN;
    outputs[0][i] = NAN;
    if (isnan(change)) {
      // What was averaged before a hole says nothing after it.
      own = (averages){0};
      known = 0;
      continue;
    }
    take_change(&own, change, ++known, (double)period);
    if (known >= period) outputs[0][i] = value_of(&own);
  }
}

const train_indicator train_indicator_rsi = {
    .name = "rsi",
    .summary = "relative strength index (Wilder 1978): first averages are plain means",
    .aliases = "relativestrengthindex ",
    .parameters = {{"period", 14, 2, 10000, true}},
    .outputs = {"rsi"},
    .compute = compute,
};
