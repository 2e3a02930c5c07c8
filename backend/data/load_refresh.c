// All bars of a series again: into a shadow of it, which takes its place once it has them all. So
// nobody reads a series half of which is of before a split, and what is stored is there until the
// source has said all of it again.
#include <stdlib.h>

#include "backend/data/gaps.h"
#include "backend/data/load_internal.h"
#include "backend/data/segments.h"
#include "mesh/operation/operation_retry.h"
#include "mesh/runtime/text.h"

enum { STALE_S = 86400, DOUBTFUL_S = 3600 };

typedef struct refresh_job {
  load *own;
  int64_t now_s;
  const char *reason;
  intervals asked;      // what was ever asked for, of the series itself
  store_coverage head;  // what lies before its first bar; to_s 0: that is not known
  intervals known;      // that the shadow has
  int64_t fetched_s;    // by when the newest of that had been; 0: nothing of it is stored
  bool begun;           // there is a shadow
  mesh_code code;
  mesh_error err;
} refresh_job;

// ---- what the store has ----

static bool is_head(const store_coverage *coverage) {
  return coverage->state == STORE_EMPTY && coverage->from_s == LOAD_BEGINNING;
}

static void take_asked(void *arg, const store_coverage *coverage) {
  refresh_job *job = arg;
  if (is_head(coverage)) {
    job->head = *coverage;
    job->head.reason = "before the source's first bar";
  } else {
    intervals_add(&job->asked, (interval){coverage->from_s, coverage->to_s});
  }
}

static void take_known(void *arg, const store_coverage *coverage) {
  refresh_job *job = arg;
  job->begun = true;
  if (coverage->state == STORE_STORED && coverage->asked_s > job->fetched_s)
    job->fetched_s = coverage->asked_s;
  // A bar that cannot be has been asked for: the load behind the refresh asks again.
  bool answered = coverage->state == STORE_STORED || coverage->state == STORE_OPEN ||
                  coverage->state == STORE_REFUSED;
  bool empty = coverage->state == STORE_EMPTY && coverage->again_s > job->now_s;
  bool known = answered || empty;
  if (known) intervals_add(&job->known, (interval){coverage->from_s, coverage->to_s});
}

static void do_read(void *arg) {
  refresh_job *job = arg;
  load *own = job->own;
  series_choice shadow = series_shadow(&own->series);
  series_key key = load_key(own), shadow_key = series_choice_key(&shadow, own->timeframe->text);
  store *store = own->manager->store;
  job->code = store_read_coverage(store, &key, INT64_MIN, INT64_MAX, take_asked, job, &job->err);
  if (job->code != GRPC_STATUS_OK) return;
  job->code =
      store_read_coverage(store, &shadow_key, INT64_MIN, INT64_MAX, take_known, job, &job->err);
  intervals_normalize(&job->asked);
  intervals_normalize(&job->known);
}

// ---- the beginning ----

// What is to be asked is FAILED in the shadow's ledger until it has come.
static mesh_code mark_in(load *own, const series_choice *shadow, const refresh_job *job,
                         mesh_error *err) {
  store_coverage *parts = calloc(job->asked.count + 1, sizeof *parts);
  if (parts == NULL) abort();
  size_t count = 0;
  if (job->head.to_s > job->head.from_s) parts[count++] = job->head;
  for (size_t i = 0; i < job->asked.count; i++) {
    parts[count++] = (store_coverage){.from_s = job->asked.items[i].from_s,
                                      .to_s = job->asked.items[i].to_s,
                                      .state = STORE_FAILED,
                                      .reason = job->reason};
  }
  store_ledger ledger = {parts, count};
  series_choice series = own->series;
  own->series = *shadow;
  mesh_code code = load_commit(own, &ledger, NULL, NULL, err);
  own->series = series;
  free(parts);
  return code;
}

static mesh_code mark(load *own, const refresh_job *job, mesh_error *err) {
  series_choice shadow = series_shadow(&own->series);
  return mark_in(own, &shadow, job, err);
}

static mesh_code read_job(load *own, refresh_job *job, mesh_error *err) {
  *job = (refresh_job){.own = own, .now_s = mesh_time_seconds(mesh_wall_ns())};
  mesh_pool_run(own->manager->pool, own->manager->loop, do_read, job);
  if (job->code != GRPC_STATUS_OK) *err = job->err;
  return job->code;
}

static void clear_job(refresh_job *job) {
  intervals_clear(&job->asked);
  intervals_clear(&job->known);
}

mesh_code load_begin_refresh(load *own, const char *reason, mesh_error *err) {
  refresh_job job;
  mesh_code code = read_job(own, &job, err);
  job.reason = reason;
  if (code == GRPC_STATUS_OK && !job.begun && job.asked.count > 0) code = mark(own, &job, err);
  clear_job(&job);
  return code;
}

// ---- series that take another one's place ----

typedef struct replace_job {
  load *own;
  series_choice series, by;
  mesh_code code;
  mesh_error err;
} replace_job;

static void do_replace(void *arg) {
  replace_job *job = arg;
  const char *timeframe = job->own->timeframe->text;
  series_key key = series_choice_key(&job->series, timeframe);
  series_key by = series_choice_key(&job->by, timeframe);
  job->code = store_replace_series(job->own->manager->store, &by, &key, &job->err);
}

static mesh_code replace(load *own, series_choice series, mesh_error *err) {
  replace_job job = {.own = own, .series = series, .by = series_shadow(&series)};
  do {  // a store that is full or locked makes no load fail
    mesh_pool_run(own->manager->pool, own->manager->loop, do_replace, &job);
    if (job.code != GRPC_STATUS_OK) *err = job.err;
  } while (job.code != GRPC_STATUS_OK &&
           mesh_operation_await_journal(own->operation, err) == GRPC_STATUS_OK);
  return job.code == GRPC_STATUS_OK ? job.code : err->code;
}

// Nobody went on with the shadow for so long, or the clock was set back meanwhile.
static bool is_older(const refresh_job *job, int64_t limit_s) {
  int64_t age_s = job->now_s - job->fetched_s;
  return job->fetched_s != 0 && (age_s > limit_s || age_s < -JUDGE_FETCHED_S);
}

static bool is_stale(const refresh_job *job) {
  return is_older(job, STALE_S);
}

// What comes now may be of another kind, which some of its bars tell, unless all are too old.
static bool is_doubtful(const refresh_job *job) {
  return is_older(job, DOUBTFUL_S) && !is_stale(job);
}

// A shadow that nobody has gone on with for a day, or of which the source says otherwise by now,
// begins again. It is never not there, or what it is for would be forgotten: another one takes its
// place.
static mesh_code begin_again(load *own, refresh_job *job, mesh_error *err) {
  bool same = !is_stale(job) || job->asked.count == 0;
  if (is_doubtful(job) && job->asked.count > 0) {
    mesh_code code = load_probe_shadow(own, &same, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  if (same) return GRPC_STATUS_OK;
  series_choice shadow = series_shadow(&own->series), next = series_shadow(&shadow);
  job->reason = "to be asked for again";
  mesh_code code = mark_in(own, &next, job, err);
  if (code == GRPC_STATUS_OK) code = replace(own, shadow, err);
  clear_job(job);
  return code == GRPC_STATUS_OK ? read_job(own, job, err) : code;
}

// ---- in between ----

static mesh_code plan_job(const load *own, const refresh_job *job, intervals *out,
                          mesh_error *err) {
  intervals left = {0};
  for (size_t i = 0; i < job->asked.count; i++)
    gaps_find(job->asked.items[i], &job->known, &left);
  gaps_drop_closed(calendar_of(own->series.symbol), own->timeframe, &left);
  mesh_code code = segments_plan(own->timeframe, &left, out, err);
  intervals_clear(&left);
  return code;
}

static mesh_code plan_again(load *own, const refresh_job *job, mesh_error *err) {
  intervals_clear(&own->segments);
  return plan_job(own, job, &own->segments, err);
}

// Counts what was done, so that what comes behind it begins at 0.
static void count_done(load *own) {
  own->before += own->done;
  own->done = 0;
  intervals_clear(&own->segments);
  own->vain_count = 0;
}

static mesh_code fetch_into_shadow(load *own, mesh_error *err) {
  series_choice series = own->series;
  size_t missing = own->missing.count;
  own->series = series_shadow(&series);
  own->is_refreshing = true;
  load_progress(own, "all bars of the series are asked for again");
  mesh_code code = load_fetch_all(own, err);
  own->is_refreshing = false;
  own->series = series;
  count_done(own);
  own->give_up = own->missing.count > missing;
  return code;
}

// Until the shadow's own ledger says that it has all.
static mesh_code gather(load *own, refresh_job *job, mesh_error *err) {
  for (;;) {
    mesh_code code = plan_again(own, job, err);
    if (code != GRPC_STATUS_OK || own->segments.count == 0) return code;
    code = fetch_into_shadow(own, err);
    if (code != GRPC_STATUS_OK || own->give_up) return code;
    clear_job(job);
    code = read_job(own, job, err);
    if (code != GRPC_STATUS_OK) return code;
  }
}

mesh_code load_plan_refresh(load *own, intervals *out, int *probes, mesh_error *err) {
  refresh_job job;
  mesh_code code = read_job(own, &job, err);
  *probes = is_doubtful(&job);
  if (is_stale(&job)) intervals_clear(&job.known);
  if (code == GRPC_STATUS_OK && (own->refresh || job.begun)) code = plan_job(own, &job, out, err);
  clear_job(&job);
  return code;
}

static mesh_code refresh(load *own, mesh_error *err) {
  refresh_job job;
  mesh_code code = read_job(own, &job, err);
  if (code == GRPC_STATUS_OK) code = begin_again(own, &job, err);
  // An adopted load that is asked for it, and has no shadow any more, has done it.
  bool wanted = own->refresh && !own->has_refreshed;
  bool begins = wanted && !job.begun && job.asked.count > 0;
  job.reason = "to be asked for again";
  if (code == GRPC_STATUS_OK && begins) code = mark(own, &job, err);
  bool goes_on = begins || (job.begun && job.asked.count > 0);
  if (code == GRPC_STATUS_OK && goes_on) {
    code = gather(own, &job, err);
    if (code == GRPC_STATUS_OK && !own->give_up) code = load_settle_lacking(own, err);
    if (code == GRPC_STATUS_OK && !own->give_up) code = replace(own, own->series, err);
    own->has_refreshed = code == GRPC_STATUS_OK && !own->give_up;
    if (own->has_refreshed) code = load_plan(own, err);
  }
  clear_job(&job);
  return code;
}

// ---- one at a time ----

static bool is_refreshed_by_another(const load *own) {
  series_key key = load_key(own);
  for (const load *each = own->manager->refreshing; each != NULL; each = each->next_refreshing) {
    series_choice series = each->series;
    mesh_text_copy(series.source, sizeof series.source, each->source);
    series_key other = series_choice_key(&series, each->timeframe->text);
    if (series_key_equal(&key, &other)) return true;
  }
  return false;
}

static void leave_list(load *own) {
  load **place = &own->manager->refreshing;
  while (*place != own)
    place = &(*place)->next_refreshing;
  *place = own->next_refreshing;
  mesh_signal_notify(&own->manager->refresh_ended);
}

// What another load has found out, or brought, meanwhile is planned with.
static mesh_code await_others(load *own, mesh_error *err) {
  bool waited = false;
  while (is_refreshed_by_another(own)) {
    waited = true;
    load_progress(own, "waits for another load, which asks for bars of the series again");
    mesh_code code = mesh_signal_wait(&own->manager->refresh_ended,
                                      mesh_operation_scope(own->operation), MESH_NEVER, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  if (!waited) return GRPC_STATUS_OK;
  intervals_clear(&own->segments);
  own->vain_count = 0;
  return load_plan(own, err);
}

mesh_code load_look_again(load *own, mesh_error *err) {
  if (own->is_guess) return GRPC_STATUS_OK;
  mesh_code code = await_others(own, err);
  if (code != GRPC_STATUS_OK) return code;
  own->next_refreshing = own->manager->refreshing;
  own->manager->refreshing = own;
  code = load_probe(own, err);
  if (code == GRPC_STATUS_OK) code = refresh(own, err);
  leave_list(own);
  return code;
}

mesh_code load_settle_dispute(load *own, mesh_error *err) {
  count_done(own);
  own->disagrees = false;
  own->probe_now = true;
  own->has_window = true;  // as it was
  mesh_code code = load_plan(own, err);
  if (code == GRPC_STATUS_OK) code = load_look_again(own, err);
  if (code != GRPC_STATUS_OK || !own->probe_failed) return code;
  return mesh_fail(err, GRPC_STATUS_ABORTED,
                   "%s %s: the source has changed stored bars, and cannot be asked for them again: "
                   "nothing new is put beside them",
                   own->series.symbol, own->timeframe->text);
}
