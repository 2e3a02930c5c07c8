// Whether a source still says of stored bars what it said: a split or a correction changes them
// after the fact, and a series of both kinds is none.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/data/load_internal.h"
#include "backend/data/segments.h"
#include "market/prices.h"
#include "market/times.h"
#include "mesh/operation/operation_retry.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/text.h"

enum { PROBED = 5, EVERY_S = 86400 };

// Two decimal texts of one number are one double; what differs by less was computed.
static const double same = 1e-9;

// What is no split: prices that are corrected, rounded, or of another day.
static const double least_factor = 0.005, even_factor = 0.002;

typedef struct probe {
  load *own;
  size_t count;  // of the stored bars
  int64_t times[PROBED];
  double open[PROBED], high[PROBED], low[PROBED], close[PROBED], volume[PROBED];
  store_change changes[PROBED];
  size_t changed;
  bar_columns corrected;  // what comes in their place; fewer where the source has them no more
  mesh_code code;
  mesh_error err;
} probe;

// ---- the store ----

// The last bars of before the last probe, not of now: had that one failed, or this one, bars of
// after a split could have come behind them, and would say that nothing has changed.
static void do_read(void *arg) {
  probe *own = arg;
  load *of = own->own;
  int64_t to_s = of->settled.to_s;
  if (of->probed_s > 0 && of->probed_s < to_s) to_s = of->probed_s;
  series_key key = load_key(of);
  store_columns columns = {PROBED,   own->times, own->open,   own->high,
                           own->low, own->close, own->volume, NULL};
  int64_t count, first_s;
  store *store = of->manager->store;
  own->code = store_count_bars(store, &key, INT64_MIN, to_s, PROBED, &count, &first_s, &own->err);
  if (own->code != GRPC_STATUS_OK) return;
  own->code = store_read_bars(store, &key, first_s, to_s, &columns, &own->count, &own->err);
}

static void do_note(void *arg) {
  probe *own = arg;
  series_key key = load_key(own->own);
  own->code = store_note_probe(own->own->manager->store, &key, mesh_time_seconds(mesh_wall_ns()),
                               own->changes, own->changed, &own->err);
}

static mesh_code on_pool(probe *own, void (*run)(void *arg), mesh_error *err) {
  load *of = own->own;
  do {  // a store that is full or locked makes no load fail
    mesh_pool_run(of->manager->pool, of->manager->loop, run, own);
    if (own->code != GRPC_STATUS_OK) *err = own->err;
  } while (own->code != GRPC_STATUS_OK &&
           mesh_operation_await_journal(of->operation, err) == GRPC_STATUS_OK);
  return own->code == GRPC_STATUS_OK ? own->code : err->code;
}

// ---- the source ----

// An outage is waited for, as by a segment. What is about this one request is not tried again.
static mesh_code again(void *piece, mesh_scope *scope, const char *name, int attempt,
                       mesh_error *err) {
  return patience_is_for(err) ? load_again(piece, scope, name, attempt, err) : err->code;
}

static mesh_code ask(probe *own, fetch_result *out, mesh_error *err) {
  load *of = own->own;
  char name[PATIENCE_PIECE_MAX];
  int64_t end_s = timeframe_end(of->timeframe, own->times[own->count - 1]);
  int64_t from_s = own->times[0], limit_s = segments_limit_s(of->timeframe);
  if (end_s - from_s > limit_s) from_s = end_s - limit_s;
  mesh_text_format(name, sizeof name, "%s/probe", mesh_operation_name(of->operation));
  fetch_request request = {.operation = name,
                           .series = load_fetches(of),
                           .timeframe = of->timeframe->text,
                           .from_s = from_s,
                           .to_s = end_s};
  load_piece piece = {.own = of};
  mesh_code code = fetch_bars(mesh_operation_scope(of->operation), of->manager->adapter, &request,
                              again, &piece, out, err);
  of->requests += out->attempts;
  if (code == GRPC_STATUS_OK) code = load_check_source(of, out->source, err);
  if (code == GRPC_STATUS_OK) patience_end(&of->patience);
  return code;
}

// ---- the comparison ----

bool load_prices_differ(double a, double b) {
  return fabs(a - b) > same * fmax(fabs(a), fabs(b));
}

// The place of a bar in an answer, which is in any order; its count: it is not there.
static size_t find(const bar_columns *said, int64_t time_s) {
  size_t k = 0;
  while (k < said->count && said->times[k] != time_s)
    k++;
  return k;
}

static bool can_be(const bar_columns *said, size_t k) {
  return isfinite(said->open[k]) && isfinite(said->high[k]) && isfinite(said->low[k]) &&
         isfinite(said->close[k]) && said->high[k] >= said->low[k];
}

static void compare(probe *own, const bar_columns *said) {
  for (size_t i = 0; i < own->count; i++) {
    if (said->count == 0) return;  // a source that has nothing at all today says nothing of it
    size_t k = find(said, own->times[i]);
    bool there = k < said->count;
    if (there && !can_be(said, k)) continue;
    bool changed = !there || load_prices_differ(own->open[i], said->open[k]) ||
                   load_prices_differ(own->high[i], said->high[k]) ||
                   load_prices_differ(own->low[i], said->low[k]) ||
                   load_prices_differ(own->close[i], said->close[k]);
    if (!changed) continue;
    own->changes[own->changed++] = (store_change){
        .time_s = own->times[i], .was = own->close[i], .is = there ? said->close[k] : NAN};
    if (there) bar_columns_copy(&own->corrected, said, k, 1);
  }
}

// Every bar has become another by one factor, as by a split.
static bool is_scaled(const probe *own) {
  double least = INFINITY, most = 0;
  for (size_t i = 0; i < own->changed; i++) {
    double factor = own->changes[i].is / own->changes[i].was;
    if (!isfinite(factor) || factor <= 0) return false;
    least = fmin(least, factor);
    most = fmax(most, factor);
  }
  return own->changed == own->count && most / least - 1 < even_factor &&
         fabs(least - 1) > least_factor;
}

static void say_first(probe *own) {
  char time[TIMES_TEXT_MAX];
  load *of = own->own;
  const store_change *first = &own->changes[0];
  times_format(first->time_s, time);
  of->bars_changed += (int64_t)own->changed;
  if (isnan(first->is)) {
    mesh_text_format(of->first_changed, sizeof of->first_changed,
                     "%s: close %.10g, and the source has no such bar any more", time, first->was);
  } else {
    mesh_text_format(of->first_changed, sizeof of->first_changed, "%s: close %.10g, now %.10g",
                     time, first->was, first->is);
  }
}

// ---- what follows ----

static mesh_code act(probe *own, mesh_error *err) {
  load *of = own->own;
  mesh_code code = GRPC_STATUS_OK;
  if (own->changed > 0) {
    say_first(own);
    mesh_log(MESH_LOG_WARN, "data-manager", "%s %s: %zu of %zu stored bars are others now: %s",
             of->series.symbol, of->timeframe->text, own->changed, own->count, of->first_changed);
    // First what must not be forgotten, then that it was looked at.
    if (is_scaled(own) || prices_end_now(of->series.prices)) {
      code = load_begin_refresh(of, of->first_changed, err);
    } else if (own->corrected.count > 0) {
      code = load_commit(of, NULL, &own->corrected, NULL, err);
    }
  }
  return code == GRPC_STATUS_OK ? on_pool(own, do_note, err) : code;
}

mesh_code load_probe(load *of, mesh_error *err) {
  int64_t now_s = mesh_time_seconds(mesh_wall_ns());
  bool due = now_s - of->probed_s >= EVERY_S || of->probed_s > now_s;
  if (of->probe_now) due = true;
  of->probe_now = of->probe_failed = false;
  if (!due || of->is_guess || of->refresh || !of->had_bars || of->segments.count == 0) {
    return GRPC_STATUS_OK;
  }
  probe own = {.own = of};
  mesh_code code = on_pool(&own, do_read, err);
  if (code != GRPC_STATUS_OK || own.count == 0) return code;
  fetch_result said = {0};
  code = ask(&own, &said, err);
  if (code == GRPC_STATUS_OK) {
    compare(&own, &said.bars);
    code = act(&own, err);
  } else if (mesh_scope_check(mesh_operation_scope(of->operation), NULL) == GRPC_STATUS_OK) {
    mesh_log(MESH_LOG_INFO, "data-manager", "%s %s was not looked at again: %s", of->series.symbol,
             of->timeframe->text, err->message);
    of->probe_failed = true;
    code = GRPC_STATUS_OK;  // the next load does; this one has its own bars to fetch
  }
  bar_columns_clear(&said.bars);
  bar_columns_clear(&own.corrected);
  return code;
}
