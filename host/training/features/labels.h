// train_labels: what the network is to learn, from the bars that follow. Pure functions: any
// thread.
#ifndef MILLRACE_HOST_TRAINING_FEATURES_LABELS_H
#define MILLRACE_HOST_TRAINING_FEATURES_LABELS_H

#include "host/training/bars.h"
#include "host/training/stop.h"

typedef enum train_label_source {
  TRAIN_ZIGZAG,
  TRAIN_FORWARD_RETURN,
  TRAIN_TRIPLE_BARRIER,
} train_label_source;

typedef enum train_class {
  TRAIN_BUY = 0,
  TRAIN_HOLD = 1,
  TRAIN_SELL = 2,
  TRAIN_CLASSES = 3
} train_class;

// Parameters by their names in strategy files; only those of `source` count.
typedef struct train_label_options {
  train_label_source source;
  double zigzag_threshold;              // relative: 0.05 is 5 %
  int horizon;                          // bars
  double pt_multiplier, sl_multiplier;  // of the volatility
  int max_holding_period, vol_span;     // bars
  bool vol_atr;                         // vol_method atr; else from closes
} train_label_options;

// The defaults of `source`.
train_label_options train_label_defaults(train_label_source source);

// INVALID_ARGUMENT names a parameter that is out of range, and its range.
MESH_NODISCARD mesh_code train_label_check(const train_label_options *options, mesh_error *err);

// Fills labels[0 .. bars->count - 1]: the class id for zigzag and triple_barrier (whose 1, 0, -1
// become BUY, HOLD, SELL), the return for forward_return; NaN where a row has no label. `prices` is
// the column that zigzag and forward_return use (the close, usually). INVALID_ARGUMENT names a bad
// parameter; FAILED_PRECONDITION names the bar of a price that is zero or not finite;
// CANCELLED: `stop` (may be NULL) was asked to.
MESH_NODISCARD mesh_code train_labels(train_stop *stop, const train_bars *bars,
                                      const double *prices, const train_label_options *options,
                                      double *labels, mesh_error *err);

#endif
