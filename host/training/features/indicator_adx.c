#include <math.h>
#include <stdlib.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static double share(double part, double all) {
  return all == 0 ? 0 : part / all;
}

// Directional movement: of the two the greater one counts, if it is one. The first bar has none.
static void find_moves(const train_input *input, double *up, double *down) {
  const train_bars *bars = &input->bars;
  TRAIN_EACH(input->stop, i, 0, bars->count, 1) {
    double rise = i > 0 ? bars->high[i] - bars->high[i - 1] : 0;
    double fall = i > 0 ? bars->low[i - 1] - bars->low[i] : 0;
    up[i] = rise > fall && rise > 0 ? rise : 0;
    down[i] = fall > rise && fall > 0 ? fall : 0;
    if (isnan(rise) || isnan(fall)) up[i] = down[i] = NAN;
  }
}

static void compute(const train_input *input, double *const outputs[]) {
  size_t count = input->bars.count;
  double alpha = 1 / input->parameters[0];
  double *range = window_column(count), *up = window_column(count), *down = window_column(count);
  double *smooth = window_column(count);
  window_true_range(input->stop, &input->bars, range);
  find_moves(input, up, down);
  window_ewm(input->stop, range, count, alpha, smooth);
  window_ewm(input->stop, up, count, alpha, outputs[1]);
  window_ewm(input->stop, down, count, alpha, outputs[2]);
  TRAIN_EACH(input->stop, i, 0, count, 1) {
    outputs[1][i] = 100 * share(outputs[1][i], smooth[i]);
    outputs[2][i] = 100 * share(outputs[2][i], smooth[i]);
    double sum = outputs[1][i] + outputs[2][i];
    up[i] = 100 * share(fabs(outputs[1][i] - outputs[2][i]), sum);
  }
  window_ewm(input->stop, up, count, alpha, outputs[0]);
  free(range);
  free(up);
  free(down);
  free(smooth);
}

const train_indicator train_indicator_adx = {
    .name = "adx",
    .summary =
        "average directional index (Wilder 1978), smoothed as exponential means of alpha 1 / "
        "period throughout; 0 / 0 is 0",
    .aliases = "averagedirectionalindex ",
    .parameters = {{"period", 14, 1, 10000, true}},
    .outputs = {"adx", "plus_di", "minus_di"},
    .compute = compute,
};
