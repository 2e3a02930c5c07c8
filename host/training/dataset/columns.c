#include "host/training/dataset/columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "market/timeframe.h"

enum { NONE = -1 };

typedef struct computing {
  train_stop *stop;
  const strategy *strategy;
  const char *symbol;
  const train_bars *bars;
  bool zero;
  // By timeframe and indicator: its outputs, one after the other; NULL until it was needed.
  double **values;
  // By timeframe: the bar of it that base bar i knows; NONE: none yet.
  int64_t **known;
} computing;

static double *make_column(size_t count) {
  double *column = malloc((count + 1) * sizeof *column);
  if (column == NULL) abort();
  return column;
}

// ---- which bar of another timeframe is known ----

// A base bar knows the bars of other timeframes that have ended when it ends.
static int64_t *align(const computing *own, int timeframe) {
  const train_bars *base = &own->bars[own->strategy->base], *other = &own->bars[timeframe];
  int64_t base_s = timeframe_seconds(own->strategy->timeframes[own->strategy->base]);
  int64_t other_s = timeframe_seconds(own->strategy->timeframes[timeframe]);
  int64_t *known = malloc((base->count + 1) * sizeof *known);
  if (known == NULL) abort();
  size_t next = 0;
  TRAIN_EACH(own->stop, i, 0, base->count, 2) {
    while (next < other->count && other->times[next] + other_s <= base->times[i] + base_s)
      next++;
    known[i] = (int64_t)next - 1;
  }
  return known;
}

// ---- indicators ----

// The column that a source names; made ones are returned in *made, to be freed.
static const double *source_of(train_stop *stop, const train_bars *bars, strategy_source source,
                               double **made) {
  const double *const plain[] = {bars->open, bars->high, bars->low, bars->close, bars->volume};
  *made = NULL;
  if (source <= STRATEGY_VOLUME) return plain[source];
  *made = make_column(bars->count);
  TRAIN_EACH(stop, i, 0, bars->count, 1) {
    double middle = bars->high[i] + bars->low[i];
    (*made)[i] = source == STRATEGY_HL2    ? middle / 2
                 : source == STRATEGY_HLC3 ? (middle + bars->close[i]) / 3
                                           : (middle + bars->close[i] + bars->open[i]) / 4;
  }
  return *made;
}

// True too once it was asked to stop.
static bool has_volume(train_stop *stop, const train_bars *bars) {
  size_t i = 0;
  for (size_t done = 0; i < bars->count && train_goes_on(stop, &done, 1); i++) {
    if (!isnan(bars->volume[i])) return true;
  }
  return i < bars->count;
}

static mesh_code check_volume(const computing *own, int timeframe, const strategy_indicator *what,
                              mesh_error *err) {
  bool needed = what->row->needs_volume || what->source == STRATEGY_VOLUME;
  if (!needed || has_volume(own->stop, &own->bars[timeframe])) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                   "indicator '%s' (%s) needs volume: %s %s has none", what->id, what->row->name,
                   own->symbol, own->strategy->timeframes[timeframe]);
}

static size_t outputs_of(const strategy_indicator *what) {
  size_t count = 0;
  while (count < TRAIN_OUTPUTS_MAX && what->row->outputs[count] != NULL)
    count++;
  return count;
}

// The outputs of an indicator on a timeframe.
static mesh_code need_indicator(computing *own, int timeframe, int indicator, double **out,
                                mesh_error *err) {
  const strategy_indicator *what = &own->strategy->indicators[indicator];
  double **slot = &own->values[timeframe * own->strategy->indicator_count + indicator];
  const train_bars *bars = &own->bars[timeframe];
  if (*slot == NULL) {
    mesh_code code = check_volume(own, timeframe, what, err);
    if (code != GRPC_STATUS_OK) return code;
    double *outputs[TRAIN_OUTPUTS_MAX], *made;
    *slot = make_column(bars->count * outputs_of(what));
    for (size_t i = 0; i < outputs_of(what); i++)
      outputs[i] = *slot + i * bars->count;
    train_input input = {.bars = *bars,
                         .source = source_of(own->stop, bars, what->source, &made),
                         .parameters = what->parameters,
                         .stop = own->stop};
    what->row->compute(&input, outputs);
    free(made);
    code = train_stop_check(own->stop, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  *out = *slot;
  return GRPC_STATUS_OK;
}

// ---- a feature ----

static void zero_missing(train_stop *stop, double *values, size_t count) {
  TRAIN_EACH(stop, i, 0, count, 1) {
    if (!isfinite(values[i])) values[i] = 0;
  }
}

// The feature's values over the bars of its own timeframe.
static mesh_code compute_own(computing *own, const strategy_feature *what, double *out,
                             mesh_error *err) {
  size_t count = own->bars[what->timeframe].count;
  double *values;
  mesh_code code = need_indicator(own, what->timeframe, what->indicator, &values, err);
  if (code != GRPC_STATUS_OK) return code;
  memcpy(out, values + (size_t)what->output * count, count * sizeof *out);
  if (own->zero) zero_missing(own->stop, out, count);
  if (what->fuzzy_set >= 0) {
    const strategy_member *member =
        &own->strategy->fuzzy_sets[what->fuzzy_set].members[what->member];
    train_membership_apply(own->stop, &member->membership, out, count, out);
  }
  return GRPC_STATUS_OK;
}

// Spreads values over the base bars: those that each of them knows, `lag` bars ago.
static void spread(const computing *own, const strategy_feature *what, const double *values,
                   double *out) {
  const int64_t *known = own->known[what->timeframe];
  size_t count = own->bars[own->strategy->base].count;
  double missing = own->zero ? 0 : NAN;
  TRAIN_EACH(own->stop, i, 0, count, 1) {
    int64_t at = i < (size_t)what->lag ? NONE : known[i - (size_t)what->lag];
    out[i] = at == NONE ? missing : values[at];
  }
}

static mesh_code compute_all(computing *own, double *const out[], mesh_error *err) {
  const strategy *strategy = own->strategy;
  mesh_code code = GRPC_STATUS_OK;
  for (int f = 0; f < strategy->feature_count && code == GRPC_STATUS_OK; f++) {
    const strategy_feature *what = &strategy->features[f];
    double *values = make_column(own->bars[what->timeframe].count);
    code = compute_own(own, what, values, err);
    if (own->known[what->timeframe] == NULL) {
      own->known[what->timeframe] = align(own, what->timeframe);
    }
    if (code == GRPC_STATUS_OK) code = train_stop_check(own->stop, err);
    if (code == GRPC_STATUS_OK) spread(own, what, values, out[f]);
    free(values);
  }
  return code == GRPC_STATUS_OK ? train_stop_check(own->stop, err) : code;
}

size_t columns_bytes(const strategy *strategy, const train_bars *bars) {
  bool *used = calloc((size_t)strategy->indicator_count + 1, sizeof *used);
  if (used == NULL) abort();
  size_t bytes = 0;
  for (int t = 0; t < strategy->timeframe_count; t++) {
    memset(used, 0, (size_t)strategy->indicator_count * sizeof *used);
    for (int f = 0; f < strategy->feature_count; f++)
      used[strategy->features[f].indicator] |= strategy->features[f].timeframe == t;
    size_t columns = 2;  // what is known, and a feature before it is spread
    for (int i = 0; i < strategy->indicator_count; i++)
      columns += used[i] ? outputs_of(&strategy->indicators[i]) : 0;
    bytes += columns * bars[t].count * sizeof(double);
  }
  free(used);
  return bytes;
}

mesh_code columns_compute(train_stop *stop, const strategy *strategy, const char *symbol,
                          const train_bars *bars, bool zero, double *const out[], mesh_error *err) {
  int timeframes = strategy->timeframe_count, slots = timeframes * strategy->indicator_count;
  computing own = {
      .stop = stop, .strategy = strategy, .symbol = symbol, .bars = bars, .zero = zero};
  own.values = calloc((size_t)slots + 1, sizeof *own.values);
  own.known = calloc((size_t)timeframes + 1, sizeof *own.known);
  if (own.values == NULL || own.known == NULL) abort();
  mesh_code code = compute_all(&own, out, err);
  for (int i = 0; i < slots; i++)
    free(own.values[i]);
  for (int i = 0; i < timeframes; i++)
    free(own.known[i]);
  free(own.values);
  free(own.known);
  return code;
}
