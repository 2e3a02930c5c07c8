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
static const double least_factor = 0.005;

typedef struct probe {
  load *own;
  const char *piece;  // how its request is called
  bool is_disputed;   // it is asked because of own->disputed_s
  int64_t probed_s;   // when that was done last
  int64_t bound_s;    // what had been fetched by then is of one kind
  intervals fetched;  // the stretches of that
  size_t count;       // of the stored bars
  int64_t times[PROBED];
  double open[PROBED], high[PROBED], low[PROBED], close[PROBED], volume[PROBED];
  size_t told;  // of which the source said something
  store_change changes[PROBED];
  size_t changed;
  size_t others;          // of them, quite others
  bar_columns corrected;  // what comes in their place; fewer where the source has them no more
  mesh_code code;
  mesh_error err;
} probe;

// ---- the store ----

static void find_bound(void *arg, const store_coverage *coverage) {
  probe *own = arg;
  if (coverage->state != STORE_STORED) return;
  int64_t fetched_s = coverage->asked_s;
  if (fetched_s <= own->probed_s) fetched_s = own->probed_s;
  if (fetched_s < own->bound_s) own->bound_s = fetched_s;
}

static void take_fetched(void *arg, const store_coverage *coverage) {
  probe *own = arg;
  if (coverage->state != STORE_STORED || coverage->asked_s > own->bound_s) return;
  intervals_add(&own->fetched, (interval){coverage->from_s, coverage->to_s});
}

// The last bars of [from, to), if there are any.
static mesh_code read_last(probe *own, int64_t from_s, int64_t to_s) {
  load *of = own->own;
  series_key key = load_key(of);
  store_columns columns = {PROBED,   own->times, own->open,   own->high,
                           own->low, own->close, own->volume, NULL};
  int64_t count, first_s;
  store *store = of->manager->store;
  mesh_code code = store_count_bars(store, &key, from_s, to_s, PROBED, &count, &first_s, &own->err);
  if (code != GRPC_STATUS_OK || count == 0) return code;
  return store_read_bars(store, &key, first_s, to_s, &columns, &own->count, &own->err);
}

// What had been fetched by the last probe is of one kind: that had compared some of it. It, or else
// what was fetched first, is what can show that the source says otherwise since: among what came
// later may be bars of after a split.
static void do_read(void *arg) {
  probe *own = arg;
  load *of = own->own;
  series_key key = load_key(of);
  own->count = 0;
  if (own->is_disputed) {
    own->code = read_last(own, INT64_MIN, mesh_time_add(of->disputed_s, 1));
    return;
  }
  own->bound_s = INT64_MAX;
  intervals_clear(&own->fetched);
  store *store = of->manager->store;
  own->code = store_read_coverage(store, &key, INT64_MIN, INT64_MAX, find_bound, own, &own->err);
  if (own->code == GRPC_STATUS_OK) {
    own->code =
        store_read_coverage(store, &key, INT64_MIN, INT64_MAX, take_fetched, own, &own->err);
  }
  intervals_normalize(&own->fetched);
  for (size_t i = own->fetched.count; own->code == GRPC_STATUS_OK && i > 0 && own->count == 0; i--)
    own->code = read_last(own, own->fetched.items[i - 1].from_s, own->fetched.items[i - 1].to_s);
}

// A dispute says nothing of what the next probe is to compare.
static void do_note(void *arg) {
  probe *own = arg;
  int64_t now_s = own->is_disputed ? own->own->probed_s : mesh_time_seconds(mesh_wall_ns());
  series_key key = load_key(own->own);
  own->code = store_note_probe(own->own->manager->store, &key, now_s, own->changes, own->changed,
                               &own->err);
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

// Bars that do not fit into one request with the last one are not asked for.
static void drop_far(probe *own, int64_t from_s) {
  size_t first = 0;
  while (own->times[first] < from_s)
    first++;
  own->count -= first;
  double *columns[] = {own->open, own->high, own->low, own->close, own->volume};
  memmove(own->times, own->times + first, own->count * sizeof *own->times);
  for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
    memmove(columns[i], columns[i] + first, own->count * sizeof **columns);
}

static mesh_code ask(probe *own, fetch_result *out, interval *asked, mesh_error *err) {
  load *of = own->own;
  char name[PATIENCE_PIECE_MAX];
  int64_t end_s = timeframe_end(of->timeframe, own->times[own->count - 1]);
  drop_far(own, end_s - segments_limit_s(of->timeframe));
  *asked = (interval){own->times[0], end_s};
  mesh_text_format(name, sizeof name, "%s/%s", mesh_operation_name(of->operation), own->piece);
  fetch_request request = {.operation = name,
                           .series = load_fetches(of),
                           .timeframe = of->timeframe->text,
                           .from_s = asked->from_s,
                           .to_s = asked->to_s};
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

// The place of a time among others, in any order; their count: it is not there.
static size_t find(const int64_t *times, size_t count, int64_t time_s) {
  size_t k = 0;
  while (k < count && times[k] != time_s)
    k++;
  return k;
}

static bool is_other(const probe *own, size_t i, const bar_columns *said, size_t k) {
  return load_prices_differ(own->open[i], said->open[k]) ||
         load_prices_differ(own->high[i], said->high[k]) ||
         load_prices_differ(own->low[i], said->low[k]) ||
         load_prices_differ(own->close[i], said->close[k]);
}

static void note_change(probe *own, size_t i, double is) {
  own->changes[own->changed++] =
      (store_change){.time_s = own->times[i], .was = own->close[i], .is = is};
}

// `came` has the times of all that came, `said` the bars of it that can be. A bar that is not among
// them is gone where there are some on both sides: an answer may end early.
static void compare(probe *own, const int64_t *came, size_t came_count, const bar_columns *said) {
  for (size_t i = 0; i < own->count && said->count > 0; i++) {
    int64_t time_s = own->times[i];
    size_t k = find(said->times, said->count, time_s);
    if (k == said->count) {
      bool between = time_s > said->times[0] && time_s < said->times[said->count - 1];
      bool refused = find(came, came_count, time_s) < came_count;
      if (between && !refused) note_change(own, i, NAN);
      continue;
    }
    own->told++;
    if (!is_other(own, i, said, k)) continue;
    note_change(own, i, said->close[k]);
    bar_columns_copy(&own->corrected, said, k, 1);
    double factor = said->close[k] / own->close[i];
    if (!(fabs(factor - 1) <= least_factor)) own->others++;
  }
}

// All are quite others, as behind a split, however the source rounds; or some are, and the rest
// came behind it. One of several is a correction.
static bool is_of_another_kind(const probe *own) {
  return own->others > 0 && (own->others == own->told || own->others > 1);
}

// What the source says can be is compared, as when it is loaded.
static void judge_and_compare(probe *own, interval asked, fetch_result *said) {
  int64_t now_s = mesh_time_seconds(mesh_wall_ns());
  judge_answer answer = {.frame = own->own->timeframe,
                         .asked = asked,
                         .clock_s = said->clock_s != 0 ? said->clock_s : now_s,
                         .now_s = now_s,
                         .empty_reason = said->empty_reason};
  size_t count = said->bars.count;
  int64_t *came = calloc(count + 1, sizeof *came);
  judgement *found = malloc(sizeof *found);
  if (came == NULL || found == NULL) abort();
  if (count > 0) memcpy(came, said->bars.times, count * sizeof *came);
  judge(&answer, &said->bars, found);
  compare(own, came, count, &said->bars);
  free(found);
  free(came);
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
    if (is_of_another_kind(own) || prices_end_now(of->series.prices)) {
      code = load_begin_refresh(of, of->first_changed, err);
    } else if (own->corrected.count > 0) {
      code = load_commit(of, NULL, &own->corrected, NULL, err);
    }
  }
  // A source that said nothing of them was asked in vain: the next load asks again.
  bool answered = own->told > 0 || own->changed > 0;
  return code == GRPC_STATUS_OK && answered ? on_pool(own, do_note, err) : code;
}

bool load_probe_is_due(const load *of) {
  int64_t now_s = mesh_time_seconds(mesh_wall_ns());
  bool due = of->probe_now || now_s - of->probed_s >= EVERY_S || of->probed_s > now_s;
  return due && !of->is_guess && !of->refresh && of->had_bars && of->segments.count > 0;
}

// Asks for some stored bars, and compares. OK too where they cannot be had: *failed.
static mesh_code look(probe *own, bool *failed, mesh_error *err) {
  load *of = own->own;
  *failed = false;
  mesh_code code = on_pool(own, do_read, err);
  intervals_clear(&own->fetched);
  if (code != GRPC_STATUS_OK || own->count == 0) return code;
  fetch_result said = {0};
  interval asked;
  code = ask(own, &said, &asked, err);
  if (code == GRPC_STATUS_OK) {
    judge_and_compare(own, asked, &said);
  } else if (mesh_scope_check(mesh_operation_scope(of->operation), NULL) == GRPC_STATUS_OK) {
    mesh_log(MESH_LOG_INFO, "data-manager", "%s %s was not looked at again: %s", of->series.symbol,
             of->timeframe->text, err->message);
    *failed = true;
    code = GRPC_STATUS_OK;  // the next load does; this one has its own bars to fetch
  }
  bar_columns_clear(&said.bars);
  return code;
}

mesh_code load_probe(load *of, mesh_error *err) {
  bool due = load_probe_is_due(of);
  probe own = {.own = of, .piece = "probe", .is_disputed = of->probe_now, .probed_s = of->probed_s};
  of->probe_now = of->probe_failed = false;
  if (!due) return GRPC_STATUS_OK;
  mesh_code code = look(&own, &of->probe_failed, err);
  if (code == GRPC_STATUS_OK && !of->probe_failed) code = act(&own, err);
  bar_columns_clear(&own.corrected);
  return code;
}

mesh_code load_probe_shadow(load *of, bool *same, mesh_error *err) {
  series_choice series = of->series;
  bool failed;
  probe own = {.own = of, .piece = "probe-shadow"};  // of what was fetched first
  of->series = series_shadow(&series);
  mesh_code code = look(&own, &failed, err);
  of->series = series;
  *same = code == GRPC_STATUS_OK && own.told > 0 && own.changed == 0;
  bar_columns_clear(&own.corrected);
  return code;
}
