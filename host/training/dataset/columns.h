// columns: the features of one symbol, as columns over the bars of the base timeframe.
#ifndef MILLRACE_HOST_TRAINING_DATASET_COLUMNS_H
#define MILLRACE_HOST_TRAINING_DATASET_COLUMNS_H

#include "host/training/strategy/strategy.h"

// Fills out[f][0 .. base bars - 1] for each feature f of the strategy, unscaled; NaN where there is
// no value. `bars` by timeframe. FAILED_PRECONDITION: an indicator needs a volume that is not
// there. CANCELLED: `stop` (may be NULL) was asked to.
MESH_NODISCARD mesh_code columns_compute(train_stop *stop, const strategy *strategy,
                                         const char *symbol, const train_bars *bars, bool zero,
                                         double *const out[], mesh_error *err);

// What it takes beside `out`, at most.
size_t columns_bytes(const strategy *strategy, const train_bars *bars);

#endif
