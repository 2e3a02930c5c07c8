#include "host/training/dataset/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/training/dataset/columns.h"
#include "market/times.h"

// A row that can be learned from: base bar `bar` of symbol `symbol`.
typedef struct row {
  int64_t time;
  int symbol;
  size_t bar;
} row;

typedef struct building {
  train_stop *stop;
  const strategy *strategy;
  const train_bars *series;
  bool zero;
  double **columns;  // by symbol and feature
  double **labels;   // by symbol
  row *rows;
  size_t count;
  dataset *out;
} building;

static void *make(size_t count, size_t size) {
  void *made = calloc(count + 1, size);
  if (made == NULL) abort();
  return made;
}

static const train_bars *base_of(const building *own, int symbol) {
  return &own->series[symbol * own->strategy->timeframe_count + own->strategy->base];
}

// ---- the bars ----

static mesh_code refuse_price(const char *symbol, const char *timeframe, int64_t time_s,
                              const char *what, double price, mesh_error *err) {
  char time[TIMES_TEXT_MAX];
  times_format(time_s, time);
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION, "%s %s: the %s of the bar at %s is %g",
                   symbol, timeframe, what, time, price);
}

static mesh_code refuse_order(const char *symbol, const char *timeframe, int64_t time_s,
                              mesh_error *err) {
  char time[TIMES_TEXT_MAX];
  times_format(time_s, time);
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                   "%s %s: the bar at %s is not later than the one before it", symbol, timeframe,
                   time);
}

// Oldest first, and every price a number.
static mesh_code check_bars(train_stop *stop, const char *symbol, const char *timeframe,
                            const train_bars *bars, mesh_error *err) {
  static const char *const names[] = {"open", "high", "low", "close"};
  const double *const prices[] = {bars->open, bars->high, bars->low, bars->close};
  TRAIN_EACH(stop, i, 0, bars->count, 4) {
    for (int k = 0; k < 4; k++) {
      if (isfinite(prices[k][i])) continue;
      return refuse_price(symbol, timeframe, bars->times[i], names[k], prices[k][i], err);
    }
    if (i == 0 || bars->times[i] > bars->times[i - 1]) continue;
    return refuse_order(symbol, timeframe, bars->times[i], err);
  }
  return train_stop_check(stop, err);
}

static mesh_code check_series(const building *own, mesh_error *err) {
  const strategy *strategy = own->strategy;
  for (int s = 0; s < strategy->symbol_count; s++) {
    for (int t = 0; t < strategy->timeframe_count; t++) {
      const train_bars *bars = &own->series[s * strategy->timeframe_count + t];
      mesh_code code =
          check_bars(own->stop, strategy->symbols[s], strategy->timeframes[t], bars, err);
      if (code != GRPC_STATUS_OK) return code;
    }
    const train_bars *base = base_of(own, s);
    if (base->count > 0 && base->count >= (size_t)strategy->history_required) continue;
    return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                     "%s %s has %zu bars in the window: history_required is %d",
                     strategy->symbols[s], strategy->timeframes[strategy->base], base->count,
                     strategy->history_required > 0 ? strategy->history_required : 1);
  }
  return GRPC_STATUS_OK;
}

// ---- columns and labels ----

static mesh_code compute_symbol(building *own, int symbol, mesh_error *err) {
  const strategy *strategy = own->strategy;
  const train_bars *base = base_of(own, symbol);
  double **columns = own->columns + (size_t)symbol * (size_t)strategy->feature_count;
  for (int f = 0; f < strategy->feature_count; f++)
    columns[f] = make(base->count, sizeof **columns);
  own->labels[symbol] = make(base->count, sizeof **own->labels);
  mesh_code code =
      columns_compute(own->stop, strategy, strategy->symbols[symbol],
                      &own->series[symbol * strategy->timeframe_count], own->zero, columns, err);
  if (code == GRPC_STATUS_OK) {
    code = train_labels(own->stop, base, base->close, &strategy->labels, own->labels[symbol], err);
    if (code != GRPC_STATUS_OK && code != GRPC_STATUS_CANCELLED) {
      mesh_error_prefix(err, strategy->symbols[symbol]);
    }
  }
  return code;
}

static bool is_whole(const building *own, int symbol, size_t bar) {
  if (isnan(own->labels[symbol][bar])) return false;
  const strategy *strategy = own->strategy;
  double **columns = own->columns + (size_t)symbol * (size_t)strategy->feature_count;
  for (int f = 0; f < strategy->feature_count; f++) {
    if (!isfinite(columns[f][bar])) return false;
  }
  return true;
}

// The next bar of `symbol`, from *bar on, that is whole; false if there is none.
static bool find_whole(const building *own, int symbol, size_t *bar, size_t *done) {
  size_t count = base_of(own, symbol)->count, cost = (size_t)own->strategy->feature_count + 1;
  while (*bar < count && train_goes_on(own->stop, done, cost) && !is_whole(own, symbol, *bar))
    (*bar)++;
  return *bar < count;
}

// Of the symbols' next rows the earliest; of those at one time the first symbol's. -1: none is
// left.
static int earliest(const building *own, const size_t *next) {
  int best = -1;
  int64_t best_time = 0;
  for (int s = 0; s < own->strategy->symbol_count; s++) {
    const train_bars *base = base_of(own, s);
    if (next[s] >= base->count || (best >= 0 && base->times[next[s]] >= best_time)) continue;
    best = s;
    best_time = base->times[next[s]];
  }
  return best;
}

// Merges the symbols' rows, each of which are in the order of time already.
static mesh_code choose_rows(building *own, mesh_error *err) {
  size_t bars = 0, done = 0, next[STRATEGY_SYMBOLS_MAX] = {0};
  int symbols = own->strategy->symbol_count;
  for (int s = 0; s < symbols; s++)
    bars += base_of(own, s)->count;
  own->rows = make(bars, sizeof *own->rows);
  for (int s = 0; s < symbols; s++)
    find_whole(own, s, &next[s], &done);
  for (int s; train_goes_on(own->stop, &done, (size_t)symbols) && (s = earliest(own, next)) >= 0;) {
    own->rows[own->count++] = (row){base_of(own, s)->times[next[s]], s, next[s]};
    next[s]++;
    find_whole(own, s, &next[s], &done);
  }
  mesh_code code = train_stop_check(own->stop, err);
  if (code != GRPC_STATUS_OK || own->count > 0) return code;
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                   "none of %zu bars has all %d features and a label: too few bars for the "
                   "longest indicator (and label)",
                   bars, own->strategy->feature_count);
}

// ---- the parts ----

// Rows of one time stay together: what is learned must not be tested at the same moment.
static size_t cut(const building *own, double fraction) {
  size_t at = (size_t)(fraction * (double)own->count + 0.5);
  while (at > 0 && at < own->count && own->rows[at].time == own->rows[at - 1].time)
    at++;
  return at > own->count ? own->count : at;
}

static mesh_code split(building *own, mesh_error *err) {
  static const char *const names[] = {"train", "validation", "test"};
  const double *parts = own->strategy->split;
  size_t *first = own->out->first;
  first[DATASET_VALIDATION] = cut(own, parts[0]);
  first[DATASET_TEST] = parts[2] > 0 ? cut(own, parts[0] + parts[1]) : own->count;
  first[DATASET_PARTS] = own->count;
  for (int i = 0; i < DATASET_PARTS; i++) {
    if (parts[i] == 0 || first[i + 1] > first[i]) continue;
    return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                     "data_split: %g of %zu rows leaves no row for %s", parts[i], own->count,
                     names[i]);
  }
  return GRPC_STATUS_OK;
}

// ---- scaling ----

static double value_at(const building *own, const row *at, int feature) {
  return own->columns[at->symbol * own->strategy->feature_count + feature][at->bar];
}

static void learn_scaling(const building *own, int feature) {
  size_t count = own->out->first[DATASET_VALIDATION];
  double least = INFINITY, most = -INFINITY, mean = 0, squares = 0;
  TRAIN_EACH(own->stop, i, 0, count, 1) {
    double x = value_at(own, &own->rows[i], feature), delta = x - mean;
    least = fmin(least, x);
    most = fmax(most, x);
    mean += delta / (double)(i + 1);
    squares += delta * (x - mean);
  }
  bool minmax = own->strategy->features[feature].normalization == STRATEGY_MINMAX;
  double width = minmax ? most - least : count > 1 ? sqrt(squares / (double)(count - 1)) : 0;
  own->out->scaling.offset[feature] = minmax ? least : mean;
  own->out->scaling.scale[feature] = width > 0 ? 1 / width : 1;
}

static void scale(building *own) {
  dataset *out = own->out;
  out->scaling.offset = make((size_t)out->inputs, sizeof(double));
  out->scaling.scale = make((size_t)out->inputs, sizeof(double));
  for (int f = 0; f < out->inputs; f++) {
    out->scaling.scale[f] = 1;
    if (own->strategy->features[f].normalization != STRATEGY_PLAIN) learn_scaling(own, f);
  }
}

// ---- the rows ----

static void fill(building *own) {
  dataset *out = own->out;
  bool numbers = own->strategy->network.outputs == 1;
  out->rows = own->count;
  out->features = make(own->count * (size_t)out->inputs, sizeof *out->features);
  out->times = make(own->count, sizeof *out->times);
  if (numbers) {
    out->numbers = make(own->count, sizeof *out->numbers);
  } else {
    out->classes = make(own->count, 1);
  }
  size_t done = 0;
  for (size_t i = 0; i < own->count && train_goes_on(own->stop, &done, (size_t)out->inputs); i++) {
    const row *at = &own->rows[i];
    float *features = out->features + i * (size_t)out->inputs;
    for (int f = 0; f < out->inputs; f++) {
      features[f] =
          (float)((value_at(own, at, f) - out->scaling.offset[f]) * out->scaling.scale[f]);
    }
    double label = own->labels[at->symbol][at->bar];
    out->times[i] = at->time;
    if (numbers) {
      out->numbers[i] = (float)label;
    } else {
      out->classes[i] = (uint8_t)label;
      out->class_rows[(int)label] += i < out->first[DATASET_VALIDATION];
    }
  }
}

static mesh_code check_classes(const dataset *own, mesh_error *err) {
  static const char *const names[] = {"BUY", "HOLD", "SELL"};
  if (own->classes == NULL) return GRPC_STATUS_OK;
  for (int i = 0; i < TRAIN_CLASSES; i++) {
    if ((size_t)own->class_rows[i] != own->first[DATASET_VALIDATION]) continue;
    return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                     "all %zu training rows are %s: there is nothing to tell apart; other label "
                     "parameters (training.labels) may help",
                     own->first[DATASET_VALIDATION], names[i]);
  }
  return GRPC_STATUS_OK;
}

static mesh_code build(building *own, mesh_error *err) {
  mesh_code code = check_series(own, err);
  for (int s = 0; s < own->strategy->symbol_count && code == GRPC_STATUS_OK; s++)
    code = compute_symbol(own, s, err);
  if (code == GRPC_STATUS_OK) code = choose_rows(own, err);
  if (code == GRPC_STATUS_OK) code = split(own, err);
  if (code != GRPC_STATUS_OK) return code;
  scale(own);
  fill(own);
  code = train_stop_check(own->stop, err);
  return code == GRPC_STATUS_OK ? check_classes(own->out, err) : code;
}

int64_t dataset_bytes(const strategy *strategy, const train_bars *series) {
  size_t columns = 0, rows = 0;
  for (int s = 0; s < strategy->symbol_count; s++) {
    const train_bars *bars = series + s * strategy->timeframe_count;
    size_t one = columns_bytes(strategy, bars);
    if (one > columns) columns = one;
    rows += bars[strategy->base].count;
  }
  // A feature is a column in double while it is made, and in float in its row.
  size_t each = (size_t)strategy->feature_count * (sizeof(double) + sizeof(float)) + sizeof(row) +
                sizeof(double) + sizeof(int64_t) + sizeof(float);
  return (int64_t)(columns + rows * each);
}

mesh_code dataset_build(train_stop *stop, const strategy *strategy, const train_bars *series,
                        bool zero, dataset **out, mesh_error *err) {
  size_t symbols = (size_t)strategy->symbol_count, inputs = (size_t)strategy->feature_count;
  building own = {.stop = stop, .strategy = strategy, .series = series, .zero = zero};
  own.columns = make(symbols * inputs, sizeof *own.columns);
  own.labels = make(symbols, sizeof *own.labels);
  own.out = make(1, sizeof *own.out);
  own.out->inputs = strategy->feature_count;
  mesh_code code = build(&own, err);
  for (size_t i = 0; i < symbols * inputs; i++)
    free(own.columns[i]);
  for (size_t i = 0; i < symbols; i++)
    free(own.labels[i]);
  free(own.columns);
  free(own.labels);
  free(own.rows);
  *out = code == GRPC_STATUS_OK ? own.out : NULL;
  if (code != GRPC_STATUS_OK) dataset_destroy(own.out);
  return code;
}

void dataset_destroy(dataset *own) {
  if (own == NULL) return;
  free(own->features);
  free(own->classes);
  free(own->numbers);
  free(own->times);
  free(own->scaling.offset);
  free(own->scaling.scale);
  free(own);
}

train_rows dataset_rows(const dataset *own, dataset_part part) {
  size_t first = own->first[part];
  return (train_rows){.count = own->first[part + 1] - first,
                      .features = own->features + first * (size_t)own->inputs,
                      .classes = own->classes == NULL ? NULL : own->classes + first,
                      .numbers = own->numbers == NULL ? NULL : own->numbers + first};
}

mesh_code dataset_features(train_stop *stop, const strategy *strategy, const train_bars *bars,
                           bool zero, const dataset_scaling *scaling, float **out,
                           mesh_error *err) {
  size_t count = bars[strategy->base].count, inputs = (size_t)strategy->feature_count;
  double **columns = make(inputs, sizeof *columns);
  for (size_t f = 0; f < inputs; f++)
    columns[f] = make(count, sizeof **columns);
  mesh_code code = columns_compute(stop, strategy, strategy->symbols[0], bars, zero, columns, err);
  *out = NULL;
  if (code == GRPC_STATUS_OK) {
    *out = make(count * inputs, sizeof **out);
    TRAIN_EACH(stop, i, 0, count * inputs, 1) {
      size_t f = i % inputs;
      (*out)[i] = (float)((columns[f][i / inputs] - scaling->offset[f]) * scaling->scale[f]);
    }
    code = train_stop_check(stop, err);
  }
  if (code != GRPC_STATUS_OK) {
    free(*out);
    *out = NULL;
  }
  for (size_t f = 0; f < inputs; f++)
    free(columns[f]);
  free(columns);
  return code;
}

int64_t dataset_features_bytes(const strategy *strategy, const train_bars *bars) {
  size_t rows = bars[strategy->base].count, inputs = (size_t)strategy->feature_count;
  return (int64_t)(columns_bytes(strategy, bars) +
                   rows * inputs * (sizeof(double) + sizeof(float)));
}
