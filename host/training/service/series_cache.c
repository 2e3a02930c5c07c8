#include "host/training/service/series_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/message.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/data.pb-c.h"

enum { SYMBOL_MAX = 64, TIMEFRAME_MAX = 8 };

// What changes whenever something of a series is written.
typedef struct revision {
  int64_t bars, first_s, last_s, updated_ns;
  char source[SERIES_SOURCE_MAX];
} revision;

typedef struct series_cache_entry {
  struct series_cache_entry *next;
  char symbol[SYMBOL_MAX], timeframe[TIMEFRAME_MAX];
  series_window window;
  revision revision;
  bar_columns series;  // owned
  int copying;         // threads of the pool that read it now
} entry;

// ---- revisions ----

static int64_t nanoseconds(const Google__Protobuf__Timestamp *time) {
  return time == NULL ? 0 : mesh_time_join(time->seconds, time->nanos);
}

static void take_revision(const Millrace__V1__Series *stored, revision *out) {
  *out = (revision){stored->bars, stored->first != NULL ? stored->first->seconds : 0,
                    stored->last != NULL ? stored->last->seconds : 0, nanoseconds(stored->updated),
                    ""};
  mesh_text_copy(out->source, sizeof out->source, stored->source);
}

// False where it cannot be found out: then the bars are read, which says why.
static bool ask_revision(mesh_scope *scope, mesh_link *backend, const series_name *name,
                         revision *out) {
  Millrace__V1__DescribeRequest request = MILLRACE__V1__DESCRIBE_REQUEST__INIT;
  request.symbol = (char *)(uintptr_t)name->symbol;
  request.timeframe = (char *)(uintptr_t)name->timeframe;
  request.source = (char *)(uintptr_t)name->source;
  mesh_call *call;
  mesh_frame frame;
  if (mesh_message_open(scope, backend, "/millrace.v1.DataService/Describe", &request.base, NULL,
                        &call, NULL) != GRPC_STATUS_OK)
    return false;
  Millrace__V1__Series *stored = NULL;
  if (mesh_call_receive(call, &frame, NULL) == GRPC_STATUS_OK && !frame.end) {
    stored = mesh_message_unpack(&millrace__v1__series__descriptor, frame.data, frame.size_bytes);
  }
  mesh_call_close(call);
  if (stored == NULL) return false;
  take_revision(stored, out);
  millrace__v1__series__free_unpacked(stored, NULL);
  return true;
}

static bool same_revision(const revision *a, const revision *b) {
  return a->bars == b->bars && a->first_s == b->first_s && a->last_s == b->last_s &&
         a->updated_ns == b->updated_ns && strcmp(a->source, b->source) == 0;
}

// ---- entries ----

static size_t bytes_of(const entry *one) {
  return sizeof *one + series_bytes(&one->series);
}

static void drop(series_cache *cache, entry **at) {
  entry *gone = *at;
  *at = gone->next;
  cache->bytes -= bytes_of(gone);
  gone->next = cache->gone;
  cache->gone = gone;
}

// ---- what takes its time: bars may be many ----

static void free_entries(void *arg) {
  for (entry *at = arg, *next; at != NULL; at = next) {
    next = at->next;
    bar_columns_clear(&at->series);
    free(at);
  }
}

// Those that nobody copies.
static void free_gone(series_cache *cache, mesh_loop *loop) {
  entry *unused = NULL;
  for (entry **at = &cache->gone; *at != NULL;) {
    entry *one = *at;
    if (one->copying > 0) {
      at = &one->next;
      continue;
    }
    *at = one->next;
    one->next = unused;
    unused = one;
  }
  if (unused != NULL) mesh_pool_run(cache->source.pool, loop, free_entries, unused);
}

typedef struct copying {
  bar_columns *to;
  const bar_columns *from;
} copying;

static void do_copy(void *arg) {
  copying *own = arg;
  own->to->count = 0;
  series_join(own->to, own->from);
}

static void copy(const series_cache *cache, mesh_loop *loop, bar_columns *to,
                 const bar_columns *from) {
  copying own = {to, from};
  mesh_pool_run(cache->source.pool, loop, do_copy, &own);
}

// ---- finding and keeping ----

static entry **find(series_cache *cache, const series_name *name, const series_window *window) {
  entry **at = &cache->newest;
  for (; *at != NULL; at = &(*at)->next) {
    const series_window *have = &(*at)->window;
    if (strcmp((*at)->symbol, name->symbol) == 0 &&
        strcmp((*at)->timeframe, name->timeframe) == 0 && have->from_s == window->from_s &&
        have->to_s == window->to_s && have->last == window->last)
      break;
  }
  return at;
}

// Puts a copy in front; what was used longest ago goes.
static void keep(series_cache *cache, mesh_loop *loop, const series_name *name,
                 const series_window *window, const revision *revision, const bar_columns *read) {
  if (sizeof(entry) + series_bytes(read) > cache->limit_bytes) return;
  entry *made = calloc(1, sizeof *made);
  if (made == NULL) abort();
  mesh_text_copy(made->symbol, sizeof made->symbol, name->symbol);
  mesh_text_copy(made->timeframe, sizeof made->timeframe, name->timeframe);
  made->window = *window;
  made->revision = *revision;
  copy(cache, loop, &made->series, read);
  // Another fiber may have kept the same meanwhile.
  entry **same = find(cache, name, window);
  if (*same != NULL) drop(cache, same);
  made->next = cache->newest;
  cache->newest = made;
  cache->bytes += bytes_of(made);
  while (cache->bytes > cache->limit_bytes) {
    entry **last = &cache->newest;
    while ((*last)->next != NULL)
      last = &(*last)->next;
    drop(cache, last);
  }
}

void series_cache_clear(series_cache *cache) {
  while (cache->newest != NULL)
    drop(cache, &cache->newest);
  free_entries(cache->gone);
  cache->gone = NULL;
}

// ---- reading ----

// True if it is kept as it is now: *out is a copy then.
static bool take_kept(series_cache *cache, mesh_loop *loop, const series_name *name,
                      const series_window *window, const revision *now, bar_columns *out) {
  entry **at = find(cache, name, window), *one = *at;
  if (one == NULL) return false;
  if (!same_revision(&one->revision, now)) {
    drop(cache, at);
    return false;
  }
  *at = one->next;
  one->next = cache->newest;
  cache->newest = one;
  one->copying++;
  copy(cache, loop, out, &one->series);
  one->copying--;
  return true;
}

static mesh_code read_cached(series_cache *cache, mesh_scope *scope, series_name *name,
                             const series_window *window, bar_columns *out, mesh_error *err) {
  mesh_link *backend = cache->source.backend;
  revision before = {0}, after = {0};
  bool known = ask_revision(scope, backend, name, &before);
  if (known) memcpy(name->source, before.source, sizeof name->source);
  bool usable = known && cache->limit_bytes > 0 && strlen(name->symbol) < SYMBOL_MAX &&
                strlen(name->timeframe) < TIMEFRAME_MAX;
  if (usable && take_kept(cache, scope->loop, name, window, &before, out)) {
    cache->hits++;
    return GRPC_STATUS_OK;
  }
  cache->misses++;
  mesh_code code = series_read(&cache->source, scope, name, window, out, err);
  // A load may have written while bars were read: then nobody knows what these are.
  if (code == GRPC_STATUS_OK && usable && ask_revision(scope, backend, name, &after) &&
      same_revision(&before, &after) && *find(cache, name, window) == NULL) {
    keep(cache, scope->loop, name, window, &before, out);
  }
  return code;
}

mesh_code series_cache_read(series_cache *cache, mesh_scope *scope, series_name *name,
                            const series_window *window, bar_columns *out, mesh_error *err) {
  mesh_code code = read_cached(cache, scope, name, window, out, err);
  free_gone(cache, scope->loop);
  return code;
}
