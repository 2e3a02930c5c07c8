#include "backend/data/source.h"

#include "mesh/runtime/text.h"

enum { NAMES_MAX = 200 };

// Of a kind: sources with bars, or all.
typedef struct candidates {
  int count;
  char first[SERIES_SOURCE_MAX], names[NAMES_MAX];
} candidates;

static void add(candidates *own, const char *name) {
  if (own->count++ == 0) mesh_text_copy(own->first, sizeof own->first, name);
  mesh_text_append(own->names, sizeof own->names, "%s%s", own->count > 1 ? ", " : "", name);
}

typedef struct both {
  candidates filled, all;
} both;

static void take(void *arg, const store_series *series) {
  both *own = arg;
  add(&own->all, series->key.source);
  if (series->bars > 0) add(&own->filled, series->key.source);
}

mesh_code source_choose(store *store, const char *symbol, const char *timeframe, const char *asked,
                        char out[SERIES_SOURCE_MAX], mesh_error *err) {
  mesh_text_copy(out, SERIES_SOURCE_MAX, asked);
  if (asked[0] != '\0') return GRPC_STATUS_OK;
  both found = {0};
  series_key key = {symbol, timeframe, ""};
  mesh_code code = store_list_sources(store, &key, take, &found, err);
  if (code != GRPC_STATUS_OK) return code;
  const candidates *of = found.filled.count > 0 ? &found.filled : &found.all;
  mesh_text_copy(out, SERIES_SOURCE_MAX, of->first);
  if (of->count < 2) return code;
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                   "%s %s is stored of %d sources, which never mix: name one (--source): %s",
                   symbol, timeframe, of->count, of->names);
}
