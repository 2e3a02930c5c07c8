#include "host/training/features/labels.h"

#include <math.h>
#include <stdlib.h>

#include "host/training/features/windows.h"

train_label_options train_label_defaults(train_label_source source) {
  return (train_label_options){.source = source,
                               .zigzag_threshold = 0.05,
                               .horizon = 1,
                               .pt_multiplier = 2.0,
                               .sl_multiplier = 1.5,
                               .max_holding_period = 50,
                               .vol_span = 50,
                               .vol_atr = true};
}

static mesh_code check_range(const char *name, double number, double least, double most,
                             mesh_error *err) {
  if (number >= least && number <= most) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s %g: use a number from %g to %g", name,
                   number, least, most);
}

static mesh_code check_prices(train_stop *stop, const double *prices, size_t count,
                              mesh_error *err) {
  TRAIN_EACH(stop, i, 0, count, 1) {
    if (isfinite(prices[i]) && prices[i] != 0) continue;
    return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION, "the price of bar %zu is %g", i,
                     prices[i]);
  }
  return GRPC_STATUS_OK;
}

// ---- zigzag ----

typedef struct zigzag {
  size_t extreme;  // the last mark, which an extreme further on may move
  int direction;   // 1 up, -1 down, 0 not known yet
  size_t *marks, count;
} zigzag;

static void mark(zigzag *own, size_t at) {
  own->marks[own->count++] = at;
  own->extreme = at;
}

// One price. The mark on a turn is the bar that confirms it, which then is the new extreme.
static void take_price(zigzag *own, const double *prices, size_t i, double threshold) {
  double move = (prices[i] - prices[own->extreme]) / prices[own->extreme];
  if (own->direction == 0) {
    if (fabs(move) < threshold) return;
    own->direction = move > 0 ? 1 : -1;
    mark(own, i);
  } else if (own->direction * (prices[i] - prices[own->extreme]) > 0) {
    own->count--;
    mark(own, i);
  } else if (-own->direction * move >= threshold) {
    own->direction = -own->direction;
    mark(own, i);
  }
}

static void label_zigzag(train_stop *stop, const double *prices, size_t count, double threshold,
                         double *labels) {
  zigzag own = {.marks = calloc(count + 2, sizeof *own.marks)};
  if (own.marks == NULL) abort();
  if (count > 0) mark(&own, 0);
  TRAIN_EACH(stop, i, 1, count, 1)
    take_price(&own, prices, i, threshold);
  TRAIN_EACH(stop, i, 0, count, 1)
    labels[i] = TRAIN_HOLD;
  size_t done = 0;
  for (size_t k = 1; k < own.count; k++) {
    size_t from = own.marks[k - 1], to = own.marks[k];
    if (!train_goes_on(stop, &done, to - from)) break;
    for (size_t i = from + 1; i < to; i++)
      labels[i] = prices[to] > prices[from] ? TRAIN_BUY : TRAIN_SELL;
  }
  free(own.marks);
}

// ---- forward return ----

static void label_return(train_stop *stop, const double *prices, size_t count, size_t horizon,
                         double *labels) {
  TRAIN_EACH(stop, i, 0, count, 1)
    labels[i] = i + horizon < count ? (prices[i + horizon] - prices[i]) / prices[i] : NAN;
}

// ---- triple barrier (Lopez de Prado 2018) ----

// Volatility relative to the close: a simple mean of true ranges, or the deviation of returns.
static void measure_volatility(train_stop *stop, const train_bars *bars,
                               const train_label_options *how, double *out) {
  size_t count = bars->count;
  double *values = window_column(count);
  if (how->vol_atr) {
    window_true_range(stop, bars, values);
    window_mean(stop, values, count, how->vol_span, out);
    TRAIN_EACH(stop, i, 0, count, 1)
      out[i] /= bars->close[i];
  } else {
    TRAIN_EACH(stop, i, 0, count, 1)
      values[i] = i > 0 ? bars->close[i] / bars->close[i - 1] - 1 : NAN;
    window_deviation(stop, values, count, how->vol_span, out);
  }
  free(values);
}

// 1, 0 or -1 for the bar `at`, whose volatility is known. Counts what it looks at in *looked.
static int walk(const train_bars *bars, const train_label_options *how, size_t at, double vol,
                size_t *looked) {
  double entry = bars->close[at], most = entry * (1 + how->pt_multiplier * vol);
  double least = entry * (1 - how->sl_multiplier * vol);
  size_t last = at + (size_t)how->max_holding_period;
  for (size_t i = at + 1; i <= last; i++) {
    bool above = bars->high[i] >= most, below = bars->low[i] <= least;
    *looked = i - at;
    if (above && below) return bars->close[i] >= entry ? 1 : -1;
    if (above) return 1;
    if (below) return -1;
  }
  double end = (bars->close[last] - entry) / entry;
  if (fabs(end) < vol * sqrt(how->max_holding_period) * 0.5) return 0;
  return end > 0 ? 1 : -1;
}

static void label_barriers(train_stop *stop, const train_bars *bars, const train_label_options *how,
                           double *labels) {
  static const train_class classes[] = {TRAIN_SELL, TRAIN_HOLD, TRAIN_BUY};
  double *vol = window_column(bars->count);
  measure_volatility(stop, bars, how, vol);
  size_t looked =
      1;  // of the bar before: that many are what the next one looks at, too, most often
  for (size_t i = 0, done = 0; i < bars->count && train_goes_on(stop, &done, looked); i++) {
    bool known = i + (size_t)how->max_holding_period < bars->count && !isnan(vol[i]);
    labels[i] = known ? (double)classes[walk(bars, how, i, vol[i], &looked) + 1] : NAN;
  }
  free(vol);
}

// ---- all ----

mesh_code train_label_check(const train_label_options *how, mesh_error *err) {
  mesh_code code;
  switch (how->source) {
    case TRAIN_ZIGZAG:
      return check_range("zigzag_threshold", how->zigzag_threshold, 1e-6, 10, err);
    case TRAIN_FORWARD_RETURN:
      return check_range("horizon", how->horizon, 1, 1e6, err);
    default:
      code = check_range("pt_multiplier", how->pt_multiplier, 1e-6, 1000, err);
      if (code == GRPC_STATUS_OK) {
        code = check_range("sl_multiplier", how->sl_multiplier, 1e-6, 1000, err);
      }
      if (code == GRPC_STATUS_OK) {
        code = check_range("max_holding_period", how->max_holding_period, 1, 1e6, err);
      }
      return code == GRPC_STATUS_OK ? check_range("vol_span", how->vol_span, 2, 1e6, err) : code;
  }
}

mesh_code train_labels(train_stop *stop, const train_bars *bars, const double *prices,
                       const train_label_options *options, double *labels, mesh_error *err) {
  mesh_code code = train_label_check(options, err);
  if (code == GRPC_STATUS_OK) code = check_prices(stop, prices, bars->count, err);
  if (code != GRPC_STATUS_OK) return code;
  switch (options->source) {
    case TRAIN_ZIGZAG:
      label_zigzag(stop, prices, bars->count, options->zigzag_threshold, labels);
      break;
    case TRAIN_FORWARD_RETURN:
      label_return(stop, prices, bars->count, (size_t)options->horizon, labels);
      break;
    case TRAIN_TRIPLE_BARRIER:
      label_barriers(stop, bars, options, labels);
      break;
  }
  return train_stop_check(stop, err);
}
