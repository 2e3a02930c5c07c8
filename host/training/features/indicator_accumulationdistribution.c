#include <math.h>

#include "host/training/features/table.h"
#include "host/training/features/windows.h"

static void compute(const train_input *input, double *const outputs[]) {
  double sum = 0;
  TRAIN_EACH(input->stop, i, 0, input->bars.count, 1) {
    double flow = window_money_flow(&input->bars, i);
    outputs[0][i] = isnan(flow) ? NAN : (sum += flow);
  }
}

const train_indicator train_indicator_accumulationdistribution = {
    .name = "accumulationdistribution",
    .summary = "accumulation/distribution line (Chaikin), from 0",
    .aliases = "adline ad accumulationdistributionline ",
    .outputs = {"ad"},
    .needs_volume = true,
    .compute = compute,
};
