#include "host/training/features/windows.h"

#include <math.h>
#include <stdlib.h>

double *window_column(size_t count) {
  double *column = calloc(count + 1, sizeof *column);
  if (column == NULL) abort();
  return column;
}

static double sum_of(const double *from, int width) {
  double sum = 0;
  for (int k = 0; k < width; k++)
    sum += from[k];
  return sum;
}

static bool is_full(size_t i, int width) {
  return i + 1 >= (size_t)width;
}

void window_sum(train_stop *stop, const double *values, size_t count, int width, double *out) {
  TRAIN_EACH(stop, i, 0, count, (size_t)width)
    out[i] = is_full(i, width) ? sum_of(values + i + 1 - width, width) : NAN;
}

void window_mean(train_stop *stop, const double *values, size_t count, int width, double *out) {
  TRAIN_EACH(stop, i, 0, count, (size_t)width)
    out[i] = is_full(i, width) ? sum_of(values + i + 1 - width, width) / width : NAN;
}

void window_deviation(train_stop *stop, const double *values, size_t count, int width,
                      double *out) {
  TRAIN_EACH(stop, i, 0, count, 2 * (size_t)width) {
    out[i] = NAN;
    if (!is_full(i, width) || width < 2) continue;
    const double *from = values + i + 1 - width;
    double mean = sum_of(from, width) / width, squares = 0;
    for (int k = 0; k < width; k++)
      squares += (from[k] - mean) * (from[k] - mean);
    out[i] = sqrt(squares / (width - 1));
  }
}

void window_partial_mean(train_stop *stop, const double *values, size_t count, int width,
                         double *out) {
  TRAIN_EACH(stop, i, 0, count, (size_t)width) {
    size_t first = is_full(i, width) ? i + 1 - (size_t)width : 0;
    double sum = 0, there = 0;
    for (size_t k = first; k <= i; k++) {
      if (isnan(values[k])) continue;
      sum += values[k];
      there++;
    }
    out[i] = there > 0 ? sum / there : NAN;
  }
}

// Places of values that may still become the extreme, the extreme first, each better than the next.
typedef struct queue {
  size_t *places, first, end;
} queue;

static void extremes(train_stop *stop, const double *values, size_t count, int width, double sign,
                     double *out, double *ago) {
  queue own = {.places = calloc(count + 1, sizeof *own.places)};
  if (own.places == NULL) abort();
  size_t after_nan = 0;  // the windows that begin here or later have no NaN
  TRAIN_EACH(stop, i, 0, count, 1) {
    if (isnan(values[i])) {
      after_nan = i + 1;
      own.first = own.end = 0;
    } else {
      while (own.end > own.first && sign * values[own.places[own.end - 1]] <= sign * values[i])
        own.end--;
      own.places[own.end++] = i;
    }
    while (own.end > own.first && own.places[own.first] + (size_t)width <= i)
      own.first++;
    bool known = is_full(i, width) && i + 1 - (size_t)width >= after_nan;
    out[i] = known ? values[own.places[own.first]] : NAN;
    if (ago != NULL) ago[i] = known ? (double)(i - own.places[own.first]) : NAN;
  }
  free(own.places);
}

void window_greatest(train_stop *stop, const double *values, size_t count, int width, double *out,
                     double *ago) {
  extremes(stop, values, count, width, 1, out, ago);
}

void window_least(train_stop *stop, const double *values, size_t count, int width, double *out,
                  double *ago) {
  extremes(stop, values, count, width, -1, out, ago);
}

void window_ewm(train_stop *stop, const double *values, size_t count, double alpha, double *out) {
  double mean = NAN;
  TRAIN_EACH(stop, i, 0, count, 1) {
    out[i] = NAN;
    if (isnan(values[i])) continue;
    mean = isnan(mean) ? values[i] : alpha * values[i] + (1 - alpha) * mean;
    out[i] = mean;
  }
}

void window_true_range(train_stop *stop, const train_bars *bars, double *out) {
  TRAIN_EACH(stop, i, 0, bars->count, 1) {
    double high = bars->high[i], low = bars->low[i];
    out[i] = high - low;
    if (i == 0) continue;
    double before = bars->close[i - 1];
    double up = fabs(high - before), down = fabs(low - before);
    if (up > out[i]) out[i] = up;
    if (down > out[i]) out[i] = down;
    if (isnan(before)) out[i] = NAN;
  }
}

void window_typical_price(train_stop *stop, const train_bars *bars, double *out) {
  TRAIN_EACH(stop, i, 0, bars->count, 1)
    out[i] = (bars->high[i] + bars->low[i] + bars->close[i]) / 3;
}

double window_money_flow(const train_bars *bars, size_t bar) {
  double high = bars->high[bar], low = bars->low[bar], close = bars->close[bar];
  double place = high == low ? 0 : ((close - low) - (high - close)) / (high - low);
  return place * bars->volume[bar];
}
