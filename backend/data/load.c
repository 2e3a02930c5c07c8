// The plan of a load: its window, what of it is missing, and the segments to fetch.
#include "backend/data/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/data/fetch.h"
#include "backend/data/gaps.h"
#include "backend/data/load_internal.h"
#include "backend/data/segments.h"
#include "backend/data/settled.h"
#include "market/times.h"
#include "mesh/operation/orchestrate.h"
#include "mesh/runtime/text.h"
#include "requests/data.h"

#define MODE(name) MILLRACE__V1__LOAD_REQUEST__MODE__##name

// ---- what the store knows ----

typedef struct knowledge {
  load *own;
  int64_t now_s;
  intervals known;       // settled, or not worth asking again yet
  open_interval *opens;  // owned: what was not confirmed when it was answered
  size_t open_count, open_room;
  interval open;  // the newest of them; empty: there is none
  bool has_head;  // the source's first bar is known
  int64_t head_s;
  int64_t last_s;  // the newest stored bar; 0 bars: unset
  bool has_last;
  mesh_error err;
  mesh_code code;
} knowledge;

static void add_vain(load *own, const store_coverage *coverage) {
  if (own->vain_count == own->vain_room) {
    own->vain_room = 2 * own->vain_room + 4;
    own->vain = realloc(own->vain, own->vain_room * sizeof *own->vain);
    if (own->vain == NULL) abort();
  }
  own->vain[own->vain_count++] = (load_vain){{coverage->from_s, coverage->to_s}, coverage->tries};
}

static void add_open(knowledge *all, interval at, int64_t asked_s) {
  if (all->open_count == all->open_room) {
    all->open_room = 2 * all->open_room + 4;
    all->opens = realloc(all->opens, all->open_room * sizeof *all->opens);
    if (all->opens == NULL) abort();
  }
  all->opens[all->open_count++] = (open_interval){at, asked_s};
}

static bool is_known(const knowledge *all, const store_coverage *coverage) {
  switch (coverage->state) {
    case STORE_STORED:
      return true;
    case STORE_EMPTY:
    case STORE_REFUSED:
      return coverage->again_s > all->now_s;
    default:
      return false;
  }
}

static void take_coverage(void *arg, const store_coverage *coverage) {
  knowledge *all = arg;
  interval at = {coverage->from_s, coverage->to_s};
  if (coverage->state == STORE_OPEN) add_open(all, at, coverage->asked_s);
  if (is_known(all, coverage)) {
    intervals_add(&all->known, at);
  } else if (coverage->tries > 0) {
    add_vain(all->own, coverage);
  }
  if (coverage->from_s == LOAD_BEGINNING && coverage->state == STORE_EMPTY) {
    all->has_head = true;
    all->head_s = coverage->to_s;
  }
}

static void take_series(void *arg, const store_series *series) {
  knowledge *all = arg;
  series_key loaded = load_key(all->own);
  if (!series_key_equal(&series->key, &loaded) || series->bars == 0) return;
  all->has_last = true;
  all->last_s = series->last_s;
}

// What a later bar has confirmed since is known.
static void settle_opens(knowledge *all) {
  load *own = all->own;
  series_key key = load_key(own);
  for (size_t i = 0; i < all->open_count; i++) {
    open_interval *one = &all->opens[i];
    if (settled_by_later_bar(own->manager->store, &key, own->timeframe, one)) {
      intervals_add(&all->known, one->at);
    } else {
      all->open = one->at;
    }
  }
}

static void do_read_knowledge(void *arg) {
  knowledge *all = arg;
  load *own = all->own;
  series_key key = load_key(own);
  all->code = store_read_coverage(own->manager->store, &key, INT64_MIN, INT64_MAX, take_coverage,
                                  all, &all->err);
  if (all->code != GRPC_STATUS_OK) return;
  settle_opens(all);
  all->code = store_list_sources(own->manager->store, &key, take_series, all, &all->err);
}

// ---- the window ----

// The source's first bar, from the ledger or from the source; then it is in the ledger.
static mesh_code find_head(load *own, knowledge *all, int64_t *head_s, mesh_error *err) {
  if (all->has_head) {
    *head_s = all->head_s;
    return GRPC_STATUS_OK;
  }
  if (own->is_guess) {
    return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "no gateway is there to ask for the first bar");
  }
  own->requests++;
  load_piece piece = {.own = own};
  fetch_first first;
  fetch_series series = load_fetches(own);
  mesh_code code = fetch_head(mesh_operation_scope(own->operation), own->manager->adapter, &series,
                              load_again, &piece, &first, err);
  if (code == GRPC_STATUS_OK) code = load_check_source(own, first.source, err);
  if (code != GRPC_STATUS_OK) return code;
  patience_end(&own->patience);
  *head_s = timeframe_floor(own->timeframe, first.head_s);
  store_coverage before = {.from_s = LOAD_BEGINNING,
                           .to_s = *head_s,
                           .state = STORE_EMPTY,
                           .reason = "before the source's first bar",
                           .again_s = STORE_NEVER};
  store_ledger ledger = {&before, 1};
  return load_commit(own, &ledger, NULL, NULL, err);
}

static mesh_code find_window(load *own, knowledge *all, mesh_error *err) {
  // When the load began, not now: an adopted one has the window that it had.
  int64_t now_s =
      timeframe_floor(own->timeframe, mesh_time_seconds(mesh_operation_created_ns(own->operation)));
  int64_t to_s = timeframe_floor(own->timeframe, own->to_s);  // whole bars alone
  own->window.to_s = own->has_to && to_s < now_s ? to_s : now_s;
  if (own->mode == MODE(TAIL) && all->has_last) {
    // From the newest bar on, itself included while no later one has confirmed it.
    bool open = all->open.from_s <= all->last_s && all->open.to_s > all->last_s;
    own->window.from_s = open ? all->open.from_s : all->last_s + own->timeframe->seconds;
    if (own->window.from_s > own->window.to_s) own->window.from_s = own->window.to_s;
    return GRPC_STATUS_OK;
  }
  if (own->mode != MODE(FULL) && own->has_from) {
    own->window.from_s = timeframe_floor(own->timeframe, own->from_s);
  } else {
    mesh_code code = find_head(own, all, &own->window.from_s, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  if (own->window.from_s < own->window.to_s) return GRPC_STATUS_OK;
  char from[TIMES_TEXT_MAX], to[TIMES_TEXT_MAX];
  times_format(own->window.from_s, from);
  times_format(own->window.to_s, to);
  return mesh_fail(err, GRPC_STATUS_OUT_OF_RANGE, "%s %s: no whole bar lies between %s and %s",
                   own->symbol, own->timeframe->text, from, to);
}

static mesh_code plan(load *own, mesh_error *err) {
  knowledge all = {.own = own, .now_s = mesh_time_seconds(mesh_wall_ns())};
  intervals gaps = {0};
  mesh_pool_run(own->manager->pool, own->manager->loop, do_read_knowledge, &all);
  mesh_code code = all.code;
  if (code != GRPC_STATUS_OK) *err = all.err;
  own->had_bars = all.has_last;
  if (code == GRPC_STATUS_OK && !own->has_window) code = find_window(own, &all, err);
  if (code == GRPC_STATUS_OK) {
    for (size_t i = 0; i < own->answered.count; i++)
      intervals_add(&all.known, own->answered.items[i]);
    intervals_normalize(&all.known);
    gaps_find(own->window, &all.known, &gaps);
    gaps_drop_closed(calendar_of(own->series.symbol), own->timeframe, &gaps);
    code = segments_plan(own->timeframe, &gaps, &own->segments, err);
  }
  intervals_clear(&gaps);
  intervals_clear(&all.known);
  free(all.opens);
  return code;
}

// Without a gateway the only source that is stored may have all that is asked for. Where it has
// not, the load is of the gateway that comes.
static mesh_code plan_of_source(load *own, mesh_error *err) {
  mesh_code code = load_find_source(own, err);
  if (code == GRPC_STATUS_OK) code = load_find_instrument(own, err);
  if (code == GRPC_STATUS_OK) code = plan(own, err);
  bool lacks = code == GRPC_STATUS_UNAVAILABLE || own->segments.count > 0;
  if (!own->is_guess || !lacks) return code;
  intervals_clear(&own->segments);
  own->vain_count = 0;
  code = load_await_source(own, err);
  if (code == GRPC_STATUS_OK) code = load_find_instrument(own, err);
  return code == GRPC_STATUS_OK ? plan(own, err) : code;
}

// ---- run ----

typedef struct count_job {
  load *own;
  mesh_code code;
  mesh_error err;
} count_job;

static void do_count(void *arg) {
  count_job *job = arg;
  load *own = job->own;
  int64_t first_s;
  series_key key = load_key(own);
  job->code = store_count_bars(own->manager->store, &key, own->window.from_s, own->window.to_s, 0,
                               &own->bars_in_window, &first_s, &job->err);
  if (job->code != GRPC_STATUS_NOT_FOUND) return;
  job->code = GRPC_STATUS_OK;  // nothing is stored yet
  own->bars_in_window = 0;
}

// What a load that ran to its end comes to.
static mesh_code conclude(load *own, mesh_error *err) {
  count_job job = {.own = own};
  mesh_pool_run(own->manager->pool, own->manager->loop, do_count, &job);
  if (job.code != GRPC_STATUS_OK) {
    *err = job.err;
    return job.code;
  }
  load_fill_result(own);
  if (own->missing.count > 0 && own->stored + own->empty == 0) {
    *err = own->last_failure;
    return err->code;
  }
  if (own->bars_in_window == 0 && own->missing.count == 0 && own->mode != MODE(TAIL)) {
    char from[TIMES_TEXT_MAX], to[TIMES_TEXT_MAX];
    times_format(own->window.from_s, from);
    times_format(own->window.to_s, to);
    return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "%s %s: the source has no bars from %s to %s",
                     own->symbol, own->timeframe->text, from, to);
  }
  return GRPC_STATUS_OK;
}

static void on_outage(void *owner, const char *note) {
  load_progress(owner, note);
}

static void set_patience(load *own) {
  int64_t asked_ms = own->request->patience_ms;
  own->patience =
      (patience){.operation = own->operation,
                 .adapter = own->manager->adapter,
                 .limit_ms = asked_ms > 0 ? asked_ms : own->manager->options.patience_ms,
                 .on_change = on_outage,
                 .owner = own};
}

// Segments whose answer is not believed are asked for again after all others, one at a time.
static mesh_code fetch_all(load *own, mesh_scope *scope, mesh_error *err) {
  own->doubted = calloc(own->segments.count + 1, sizeof *own->doubted);
  if (own->doubted == NULL) abort();
  mesh_code code = mesh_orchestrate(scope, own->segments.count, own->manager->options.parallel,
                                    load_segment, own, err);
  if (code != GRPC_STATUS_OK || own->doubted_count == 0) return code;
  return mesh_orchestrate(scope, own->doubted_count, 1, load_doubted, own, err);
}

static mesh_code run(mesh_operation *operation, void *arg, Millrace__V1__Succeeded *succeeded,
                     Millrace__V1__Cancelled *cancelled, mesh_error *err) {
  load *own = arg;
  own->operation = operation;
  own->started_ns = mesh_now_ns();
  set_patience(own);
  mesh_scope *scope = mesh_operation_scope(operation);
  mesh_code code = load_recall(own, err);
  if (code == GRPC_STATUS_OK) code = plan_of_source(own, err);
  if (code == GRPC_STATUS_OK) code = load_keep_window(own, err);
  if (code == GRPC_STATUS_OK) {
    load_progress(own, NULL);
    code = fetch_all(own, scope, err);
  }
  if (code == GRPC_STATUS_OK) code = conclude(own, err);
  if (code == GRPC_STATUS_OK) {
    succeeded->summary = own->summary;
    succeeded->result_case = MILLRACE__V1__SUCCEEDED__RESULT_LOAD;
    succeeded->load = &own->result;
  }
  if (code == GRPC_STATUS_CANCELLED) {
    load_await_stopped(own);
    load_fill_result(own);
    cancelled->summary = own->summary;
    cancelled->load = &own->result;
    cancelled->n_stops = own->stop_count;
    cancelled->stops = own->stops;
  }
  return code;
}

static void free_load(void *arg) {
  load *own = arg;
  intervals_clear(&own->segments);
  intervals_clear(&own->answered);
  free(own->vain);
  free(own->doubted);
  intervals_clear(&own->missing);
  free(own->missing_messages);
  free(own->missing_pointers);
  free(own->missing_times);
  for (size_t i = 0; i < own->stop_message_count; i++) {
    millrace__v1__stopped__free_unpacked(own->stop_messages[i], NULL);
  }
  free(own->stop_messages);
  free(own->stops);
  millrace__v1__load_request__free_unpacked(own->request, NULL);
  free(own);
}

// ---- prepare ----

static void fill_texts(load *own) {
  char from[TIMES_TEXT_MAX] = "first bar", to[TIMES_TEXT_MAX] = "now";
  if (own->has_from) times_format(own->from_s, from);
  if (own->has_to) times_format(own->to_s, to);
  mesh_text_format(own->title, sizeof own->title, "%s %s %s..%s", own->symbol, own->timeframe->text,
                   from, to);
  mesh_text_format(own->work_key, sizeof own->work_key, "load/%s/%s/%s/%s/%s/%d/%s/%s",
                   own->request->source, own->symbol, own->timeframe->text, own->request->prices,
                   own->request->session, (int)own->mode, from, to);
}

static mesh_code take_request(load *own, mesh_error *err) {
  const Millrace__V1__LoadRequest *request = own->request;
  mesh_code code = timeframe_parse(request->timeframe, &own->timeframe, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_text_copy(own->symbol, sizeof own->symbol, request->symbol);
  own->has_from = request->from != NULL;
  own->has_to = request->to != NULL;
  if (own->has_from) own->from_s = request->from->seconds;
  if (own->has_to) own->to_s = request->to->seconds;
  own->mode = request->mode;
  if (own->mode == MODE(MODE_UNSPECIFIED)) {
    own->mode = own->has_from ? MODE(BACKFILL) : MODE(FULL);
  }
  fill_texts(own);
  return GRPC_STATUS_OK;
}

mesh_code load_prepare(void *data_manager, mesh_view request, mesh_start *start, mesh_work *work,
                       mesh_error *err) {
  load *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->manager = data_manager;
  own->request = data_request_take(&millrace__v1__load_request__descriptor,
                                   (mesh_frame){request.data, request.size_bytes, false}, err);
  mesh_code code = own->request != NULL ? take_request(own, err) : GRPC_STATUS_INVALID_ARGUMENT;
  if (code != GRPC_STATUS_OK) {
    free_load(own);
    return code;
  }
  *start = (mesh_start){.kind = "load",
                        .title = own->title,
                        .work_key = own->work_key,
                        .request = request,
                        .request_type = &millrace__v1__load_request__descriptor,
                        .options = own->request->start};
  *work = (mesh_work){.run = run, .on_end = free_load, .arg = own};
  return GRPC_STATUS_OK;
}
