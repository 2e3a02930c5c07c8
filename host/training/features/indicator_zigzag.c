#include <math.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  double extreme = NAN, confirmed = NAN, threshold = input->parameters[0];
  int direction = 0;
  TRAIN_EACH(input->stop, i, 0, input->bars.count, 1) {
    double price = input->source[i];
    if (isnan(extreme)) extreme = confirmed = price;
    double move = (price - extreme) / extreme;
    if (direction >= 0 && move <= -threshold) {
      confirmed = extreme;
      extreme = price;
      direction = -1;
    } else if (direction <= 0 && move >= threshold) {
      confirmed = extreme;
      extreme = price;
      direction = 1;
    } else if (direction * move > 0) {
      extreme = price;
    }
    outputs[0][i] = isnan(price) ? NAN : confirmed;
  }
}

const train_indicator train_indicator_zigzag = {
    .name = "zigzag",
    .summary =
        "the price of the last extreme that was confirmed by a turn of at least `threshold`, as it "
        "was known at each bar",
    .aliases = "",
    .parameters = {{"threshold", 0.05, 1e-6, 10, false}},
    .outputs = {"zigzag"},
    .compute = compute,
};
