// windows: what indicators are made of: statistics of the last n values, exponential means, true
// range. NaN where a window is not full or has a NaN in it. Each window is summed anew: no error
// wanders along a long series. Each looks at `stop` (may be NULL), and leaves the rest of its
// column once it was asked to.
#ifndef MILLRACE_HOST_TRAINING_FEATURES_WINDOWS_H
#define MILLRACE_HOST_TRAINING_FEATURES_WINDOWS_H

#include "host/training/features/indicator.h"

// A column of `count` numbers, to be freed; out of memory aborts.
double *window_column(size_t count);

// Of values[i - width + 1 .. i], into out[i]. `out` must not be `values`.
void window_sum(train_stop *stop, const double *values, size_t count, int width, double *out);

// The sum through the width.
void window_mean(train_stop *stop, const double *values, size_t count, int width, double *out);
// The sample's standard deviation (n - 1).
void window_deviation(train_stop *stop, const double *values, size_t count, int width, double *out);
// The mean of those of the last `width` values that are there; NaN only where none is.
void window_partial_mean(train_stop *stop, const double *values, size_t count, int width,
                         double *out);
// The extremes; each bar is looked at once (a monotonic queue). *at (may be NULL) gets how many
// bars ago the newest of them was.
void window_greatest(train_stop *stop, const double *values, size_t count, int width, double *out,
                     double *ago);

// The smallest, in the same way.
void window_least(train_stop *stop, const double *values, size_t count, int width, double *out,
                  double *ago);

// Exponentially weighted mean without adjustment: seeded by the first value, then
// out += alpha (x - out). A NaN gives NaN and changes nothing.
void window_ewm(train_stop *stop, const double *values, size_t count, double alpha, double *out);

// max(high - low, |high - close before|, |low - close before|); the first is high - low.
void window_true_range(train_stop *stop, const train_bars *bars, double *out);
// Where in its range the bar's close is, -1..1 (0 without a range), times the volume.
double window_money_flow(const train_bars *bars, size_t bar);
// (high + low + close) / 3
void window_typical_price(train_stop *stop, const train_bars *bars, double *out);

#endif
