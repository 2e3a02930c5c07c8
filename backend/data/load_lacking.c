// What a refresh did not get: stored bars of which the source, when it was asked for all again,
// said nothing, or what cannot be. "No data" is no proof that there never was any: a source forgets
// (seconds after half a year, futures two years behind their end), or has nothing today. What it
// has not said otherwise of is not given up.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/data/load_internal.h"
#include "market/prices.h"
#include "market/times.h"
#include "mesh/runtime/text.h"

enum { PAGE = 4096, DAY_S = 86400, DAYS_NEAR = 5, BARS_NEAR = 10 };

// What is no correction: as of a probe.
static const double least_factor = 0.005;

typedef struct lacking {
  load *own;
  intervals answered;  // where the shadow has the source's word: between two bars of one answer
  intervals refused;   // and where that cannot be
  int64_t at_s, to_s;  // what is read next
  bool done;
  bar_columns stored, page;  // of the series, and of the shadow
  int64_t both;              // bars that both have
  bool has_before;           // the stored bar before the one that is looked at
  int64_t before_s;          // its time
  bool before_both;          // both have it
  bool before_other;         // and it is quite another one
  intervals runs;            // of stored bars one behind another that the shadow lacks
  bool open;                 // the last bar is of the last run
  bool run_near, run_other;  // next to it is a bar that both have; one that is quite another
  bool is_of_another_kind;   // one of the runs
  int64_t count;             // bars in them
  int64_t silent;            // of those, bars that nothing at all was said of
  int64_t silent_from_s, silent_to_s;  // from the first to the last one
  mesh_code code;
  mesh_error err;
} lacking;

static series_choice shadow_of(const load *own) {
  return series_shadow(&own->series);
}

// ---- on a thread of the pool ----

static void take_answered(void *arg, const store_coverage *coverage) {
  lacking *job = arg;
  interval at = {coverage->from_s, coverage->to_s};
  if (coverage->state == STORE_STORED) intervals_add(&job->answered, at);
  if (coverage->state == STORE_REFUSED) intervals_add(&job->refused, at);
}

static mesh_code read_bars(lacking *job, const series_key *key, int64_t from_s, int64_t to_s,
                           bar_columns *out) {
  bar_columns_reserve(out, PAGE);
  store_columns columns = {PAGE,     out->times, out->open,   out->high,
                           out->low, out->close, out->volume, NULL};
  return store_read_bars(job->own->manager->store, key, from_s, to_s, &columns, &out->count,
                         &job->err);
}

static void do_begin(void *arg) {
  lacking *job = arg;
  store *store = job->own->manager->store;
  series_choice shadow = shadow_of(job->own);
  series_key key = series_choice_key(&shadow, job->own->timeframe->text);
  intervals_clear(&job->answered);
  intervals_clear(&job->refused);
  job->code = store_read_coverage(store, &key, INT64_MIN, INT64_MAX, take_answered, job, &job->err);
  intervals_normalize(&job->answered);
  intervals_normalize(&job->refused);
  job->at_s = INT64_MIN;
}

static bool lies_in(const intervals *all, int64_t time_s) {
  size_t low = 0, high = all->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (all->items[middle].to_s <= time_s) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < all->count && all->items[low].from_s <= time_s;
}

// A run is of the kind of what is next to it: that came with it. Alone it may be of any.
static void close_run(lacking *job) {
  if (job->open && (!job->run_near || job->run_other)) job->is_of_another_kind = true;
  job->open = false;
}

static void add_lacking(lacking *job, int64_t time_s, bool near) {
  int64_t to_s = timeframe_end(job->own->timeframe, time_s);
  if (!job->open) {
    intervals_add(&job->runs, (interval){time_s, to_s});
    job->run_near = near && job->before_both;
    job->run_other = job->run_near && job->before_other;
  } else {
    job->runs.items[job->runs.count - 1].to_s = to_s;
  }
  job->open = true;
  job->count++;
  if (lies_in(&job->refused, time_s)) return;
  if (job->silent++ == 0) job->silent_from_s = time_s;
  job->silent_to_s = to_s;
}

static void add_both(lacking *job, double was, double is, bool near) {
  // Where each dividend changes the past, any difference is one of kind.
  double bound = prices_end_now(job->own->series.prices) ? 0 : least_factor;
  bool other = !(fabs(is / was - 1) <= bound) && load_prices_differ(was, is);
  if (job->open && near) {
    job->run_near = true;
    job->run_other |= other;
  }
  close_run(job);
  job->both++;
  job->before_both = true;
  job->before_other = other;
}

// One stored bar, beside the one of its time in the shadow (`k`), if there is one.
static void look_at(lacking *job, const bar_columns *old, size_t i, const bar_columns *said,
                    size_t k) {
  int64_t time_s = old->times[i], bar_s = job->own->timeframe->seconds;
  int64_t reach_s = bar_s < DAY_S ? DAYS_NEAR * DAY_S : BARS_NEAR * bar_s;
  bool near = job->has_before && time_s - job->before_s <= reach_s;
  if (!near) close_run(job);
  if (k < said->count && said->times[k] == time_s) {
    add_both(job, old->close[i], said->close[k], near);
  } else if (lies_in(&job->answered, time_s)) {
    close_run(job);
    job->before_both = false;
  } else {
    add_lacking(job, time_s, near);
    job->before_both = false;
  }
  job->has_before = true;
  job->before_s = time_s;
}

// One page of the stored bars beside what the shadow has of the same time.
static void do_page(void *arg) {
  lacking *job = arg;
  load *own = job->own;
  series_choice shadow = shadow_of(own);
  series_key key = load_key(own), shadow_key = series_choice_key(&shadow, own->timeframe->text);
  const bar_columns *old = &job->stored, *said = &job->page;
  job->code = read_bars(job, &key, job->at_s, INT64_MAX, &job->stored);
  if (job->code == GRPC_STATUS_OK && old->count > 0) {
    job->code =
        read_bars(job, &shadow_key, old->times[0], old->times[old->count - 1] + 1, &job->page);
  }
  size_t k = 0;
  for (size_t i = 0; job->code == GRPC_STATUS_OK && i < old->count; i++) {
    while (k < said->count && said->times[k] < old->times[i])
      k++;
    // The shadow has more bars in between than fit: the rest is the next page's.
    if (k == said->count && k == PAGE) break;
    job->at_s = old->times[i] + 1;
    look_at(job, old, i, said, k);
  }
  job->done = old->count == 0;
  if (job->done) close_run(job);
}

static void do_read_run(void *arg) {
  lacking *job = arg;
  series_key key = load_key(job->own);
  job->code = read_bars(job, &key, job->at_s, job->to_s, &job->stored);
}

// ---- what is done with them ----

static mesh_code on_pool(lacking *job, void (*run)(void *arg), mesh_error *err) {
  load *own = job->own;
  mesh_code code = mesh_scope_check(mesh_operation_scope(own->operation), err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_pool_run(own->manager->pool, own->manager->loop, run, job);
  if (job->code != GRPC_STATUS_OK) *err = job->err;
  return job->code;
}

// A run takes its place in the shadow as it is. The shadow's ledger stays: it has what the source
// said, and when it is worth asking again.
static mesh_code carry(lacking *job, interval run, mesh_error *err) {
  load *own = job->own;
  series_choice series = own->series;
  job->at_s = run.from_s;
  job->to_s = run.to_s;
  for (;;) {
    mesh_code code = on_pool(job, do_read_run, err);
    if (code != GRPC_STATUS_OK || job->stored.count == 0) return code;
    job->at_s = job->stored.times[job->stored.count - 1] + 1;
    own->series = shadow_of(own);
    code = load_commit(own, NULL, &job->stored, NULL, err);
    own->series = series;
    if (code != GRPC_STATUS_OK) return code;
  }
}

static mesh_code refuse(const lacking *job, mesh_error *err) {
  const load *own = job->own;
  char from[TIMES_TEXT_MAX], to[TIMES_TEXT_MAX];
  times_format(job->silent_from_s, from);
  times_format(job->silent_to_s, to);
  mesh_fail(
      err, GRPC_STATUS_FAILED_PRECONDITION,
      "%s %s: the source %s, and says nothing of %lld bars that are stored, from %s to %s: all "
      "stay as they were, and nothing new is put beside them; --refresh --drop-missing gives "
      "these up",
      own->series.symbol, own->timeframe->text,
      job->both > 0 ? "has other bars now" : "has none of the stored bars now",
      (long long)job->silent, from, to);
  mesh_error_set_reason(err, "MISSING_AT_SOURCE", "data-manager.millrace");
  return err->code;
}

static mesh_code settle(lacking *job, mesh_error *err) {
  mesh_code code = on_pool(job, do_begin, err);
  while (code == GRPC_STATUS_OK && !job->done)
    code = on_pool(job, do_page, err);
  if (code != GRPC_STATUS_OK || job->count == 0) return code;
  // Of another kind, what the source has and cannot be is given up: it would stay like that.
  if (job->is_of_another_kind) return job->silent > 0 ? refuse(job, err) : GRPC_STATUS_OK;
  for (size_t i = 0; i < job->runs.count && code == GRPC_STATUS_OK; i++)
    code = carry(job, job->runs.items[i], err);
  if (code == GRPC_STATUS_OK) job->own->bars_kept = job->count;
  return code;
}

mesh_code load_settle_lacking(load *own, mesh_error *err) {
  if (own->request->drop_missing) return GRPC_STATUS_OK;
  lacking job = {.own = own};
  mesh_code code = settle(&job, err);
  intervals_clear(&job.answered);
  intervals_clear(&job.refused);
  intervals_clear(&job.runs);
  bar_columns_clear(&job.stored);
  bar_columns_clear(&job.page);
  return code;
}
