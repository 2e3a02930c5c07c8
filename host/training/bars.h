// train_bars: a price series as columns; what indicators and labels are computed from.
#ifndef MILLRACE_HOST_TRAINING_BARS_H
#define MILLRACE_HOST_TRAINING_BARS_H

#include <stddef.h>
#include <stdint.h>

// `count` bars, oldest first, borrowed. Times are bar starts in seconds since 1970. A volume may be
// NaN: unknown.
typedef struct train_bars {
  size_t count;
  const int64_t *times;
  const double *open, *high, *low, *close, *volume;
} train_bars;

#endif
