// The plan of a load: its window, what of it is missing, and the segments to fetch.
#include <stdlib.h>
#include <string.h>

#include "backend/data/gaps.h"
#include "backend/data/load_internal.h"
#include "backend/data/segments.h"
#include "backend/data/settled.h"
#include "market/times.h"

enum { DAY_S = 86400, HEAD_DAYS = 7 };

#define MODE(name) MILLRACE__V1__LOAD_REQUEST__MODE__##name

// ---- what the store knows ----

typedef struct knowledge {
  load *own;
  int64_t now_s;
  intervals known;       // settled, or not worth asking again yet
  open_interval *opens;  // owned: what was not confirmed when it was answered
  size_t open_count, open_room;
  interval open;       // the newest of them; empty: there is none
  int64_t first_s;     // and the oldest
  bool has_head;       // the source's first bar is known
  bool is_head_stale;  // since long ago
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

static bool is_head(const store_coverage *coverage) {
  return coverage->from_s == LOAD_BEGINNING && coverage->state == STORE_EMPTY;
}

// Sources add history, and are wrong about where it begins.
static bool is_stale_head(const knowledge *all, const store_coverage *coverage) {
  int64_t age_s = all->now_s - coverage->asked_s;
  return age_s >= HEAD_DAYS * DAY_S || age_s < 0;
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
  if (is_head(coverage)) {  // known is what lies before the head, once that is settled
    all->has_head = true;
    all->head_s = coverage->to_s;
    all->is_head_stale = is_stale_head(all, coverage);
  } else if (is_known(all, coverage)) {
    intervals_add(&all->known, at);
  } else if (coverage->tries > 0) {
    add_vain(all->own, coverage);
  }
}

static void take_series(void *arg, const store_series *series) {
  knowledge *all = arg;
  series_key loaded = load_key(all->own);
  if (!series_key_equal(&series->key, &loaded) || series->bars == 0) return;
  all->own->probed_s = series->probed_s;
  all->has_last = true;
  all->first_s = series->first_s;
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

// Notes where the source begins. What lies between there and where it began before is to be asked
// for.
static mesh_code keep_head(load *own, const knowledge *all, int64_t head_s, mesh_error *err) {
  store_coverage parts[] = {{.from_s = LOAD_BEGINNING,
                             .to_s = head_s,
                             .state = STORE_EMPTY,
                             .reason = "before the source's first bar",
                             .asked_s = all->now_s,
                             .again_s = STORE_NEVER},
                            {.from_s = head_s,
                             .to_s = all->head_s,
                             .state = STORE_FAILED,
                             .reason = "the source's first bar was a later one before"}};
  store_ledger ledger = {parts, all->has_head ? 2 : 1};
  return load_commit(own, &ledger, NULL, NULL, err);
}

static mesh_code ask_head(load *own, int64_t *head_s, mesh_error *err) {
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
  return code;
}

// The source's first bar, from the ledger or from the source; then it is in the ledger. Bars that
// are stored were the source's, whatever it says today.
static mesh_code find_head(load *own, knowledge *all, mesh_error *err) {
  int64_t head_s = 0;
  if (all->has_head && (!all->is_head_stale || own->is_guess)) return GRPC_STATUS_OK;
  if (own->is_guess) {
    return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "no gateway is there to ask for the first bar");
  }
  mesh_code code = ask_head(own, &head_s, err);
  bool says_none = code == GRPC_STATUS_NOT_FOUND || code == GRPC_STATUS_UNIMPLEMENTED;
  if (says_none && all->has_head) return GRPC_STATUS_OK;
  if (code != GRPC_STATUS_OK) return code;
  if (all->has_last && all->first_s < head_s) head_s = all->first_s;
  if (all->has_head && all->head_s < head_s) head_s = all->head_s;
  if (!own->looks_only) code = keep_head(own, all, head_s, err);
  all->head_s = head_s;
  all->has_head = true;
  all->is_head_stale = false;
  return code;
}

// Of what is stored, where the request does not say.
static void find_stored_window(load *own, const knowledge *all) {
  int64_t end_s = timeframe_end(own->timeframe, all->last_s);
  own->window.from_s = own->has_from ? timeframe_floor(own->timeframe, own->from_s) : all->first_s;
  own->window.to_s = own->has_to ? timeframe_floor(own->timeframe, own->to_s) : end_s;
  if (own->window.from_s > own->window.to_s) own->window.from_s = own->window.to_s;
}

static mesh_code find_window(load *own, knowledge *all, mesh_error *err) {
  if (own->mode == MODE(LOCAL)) {
    find_stored_window(own, all);
    return GRPC_STATUS_OK;
  }
  // When the load began, not now: an adopted one has the window that it had.
  int64_t now_s =
      timeframe_floor(own->timeframe, mesh_time_seconds(mesh_operation_created_ns(own->operation)));
  int64_t to_s = timeframe_floor(own->timeframe, own->to_s);  // whole bars alone
  own->window.to_s = own->has_to && to_s < now_s ? to_s : now_s;
  if (own->mode == MODE(TAIL) && all->has_last) {
    // From the newest bar on, itself included while no later one has confirmed it.
    bool open = all->open.from_s <= all->last_s && all->open.to_s > all->last_s;
    own->window.from_s =
        open ? all->open.from_s
             : timeframe_next(own->timeframe, timeframe_floor(own->timeframe, all->last_s));
    if (own->window.from_s > own->window.to_s) own->window.from_s = own->window.to_s;
    return GRPC_STATUS_OK;
  }
  if (own->has_from) {
    own->window.from_s = timeframe_floor(own->timeframe, own->from_s);
  } else {
    mesh_code code = find_head(own, all, err);
    if (code != GRPC_STATUS_OK) return code;
    own->window.from_s = all->head_s;
  }
  if (own->window.from_s < own->window.to_s) return GRPC_STATUS_OK;
  char from[TIMES_TEXT_MAX], to[TIMES_TEXT_MAX];
  times_format(own->window.from_s, from);
  times_format(own->window.to_s, to);
  return mesh_fail(err, GRPC_STATUS_OUT_OF_RANGE, "%s %s: no whole bar lies between %s and %s",
                   own->symbol, own->timeframe->text, from, to);
}

// A window that may begin long before the source's first bar: to ask for that is one request.
// OK too where the source does not say.
static mesh_code skip_before_head(load *own, knowledge *all, mesh_error *err) {
  enum { WORTH_A_QUESTION = 16 };  // segments
  int64_t length_s = own->window.to_s - own->window.from_s;
  bool worth = length_s / segments_limit_s(own->timeframe) >= WORTH_A_QUESTION;
  if (all->has_head) worth = all->is_head_stale && own->window.from_s < all->head_s;
  if (!worth || own->is_guess || own->mode == MODE(LOCAL)) return GRPC_STATUS_OK;
  mesh_code code = find_head(own, all, err);
  bool says_none = code == GRPC_STATUS_NOT_FOUND || code == GRPC_STATUS_UNIMPLEMENTED;
  return says_none ? GRPC_STATUS_OK : code;
}

mesh_code load_plan(load *own, mesh_error *err) {
  knowledge all = {.own = own, .now_s = mesh_time_seconds(mesh_wall_ns())};
  intervals gaps = {0};
  mesh_pool_run(own->manager->pool, own->manager->loop, do_read_knowledge, &all);
  mesh_code code = all.code;
  if (code != GRPC_STATUS_OK) *err = all.err;
  own->had_bars = all.has_last;
  if (code == GRPC_STATUS_OK && !own->has_window) code = find_window(own, &all, err);
  if (code == GRPC_STATUS_OK) code = skip_before_head(own, &all, err);
  if (code == GRPC_STATUS_OK) {
    if (all.has_head) intervals_add(&all.known, (interval){LOAD_BEGINNING, all.head_s});
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
