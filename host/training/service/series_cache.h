// series_cache: series that were read, for the trainings and predictions that come next. A kept one
// is used again for as long as the backend says that the stored series is what it was. One loop's
// thread.
#ifndef MILLRACE_HOST_TRAINING_SERVICE_SERIES_CACHE_H
#define MILLRACE_HOST_TRAINING_SERVICE_SERIES_CACHE_H

#include "host/training/service/series.h"

// In the caller's storage; zero but for the source and the limit.
typedef struct series_cache {
  series_source source;
  size_t limit_bytes;  // 0: nothing is kept
  size_t bytes;
  int64_t hits, misses;
  struct series_cache_entry *newest;  // used last; the others behind it
  struct series_cache_entry *gone;    // to be freed, once nobody copies them any more
} series_cache;

// Frees all that is kept; nobody copies any more. It can be used again.
void series_cache_clear(series_cache *cache);

// As series_read(), but for what is kept: then only the state of the series is asked for. On OK
// name->source says whose it is, and *out is the caller's own copy.
MESH_NODISCARD mesh_code series_cache_read(series_cache *cache, mesh_scope *scope,
                                           series_name *name, const series_window *window,
                                           bar_columns *out, mesh_error *err);

#endif
