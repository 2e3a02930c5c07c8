// series: bars of the backend's DataService, as columns, with the hash of what was read.
#ifndef MILLRACE_HOST_TRAINING_SERVICE_SERIES_H
#define MILLRACE_HOST_TRAINING_SERVICE_SERIES_H

#include "host/training/bars.h"
#include "market/bar_columns.h"
#include "market/series_key.h"
#include "mesh/program/file.h"
#include "mesh/rpc/call.h"
#include "mesh/rpc/link.h"
#include "mesh/runtime/pool.h"

// Which bars: [from, to), INT64_MIN and INT64_MAX where there is no bound; `last` not 0: only the
// last so many of them.
typedef struct series_window {
  int64_t from_s, to_s, last;
} series_window;

// Which series. Strings are borrowed; `source` is asked for, "" for any, and found by
// series_cache_read().
typedef struct series_name {
  const char *symbol, *timeframe;
  char source[SERIES_SOURCE_MAX];
} series_name;

// Where a series comes from, and how much of it there may be.
typedef struct series_source {
  mesh_pool *pool;  // where bars are decoded and put together
  mesh_link *backend;
  int64_t bytes_most;  // of one series; 0: any number
} series_source;

// Reads a series, below `scope`, waiting for a backend that is being started again.
// FAILED_PRECONDITION: it is not stored, and how to load it; or several sources have it.
// RESOURCE_EXHAUSTED: it is too large. On OK release it with bar_columns_clear().
MESH_NODISCARD mesh_code series_read(const series_source *source, mesh_scope *scope,
                                     const series_name *name, const series_window *window,
                                     bar_columns *out, mesh_error *err);

// What its bars take, in bytes.
size_t series_bytes(const bar_columns *own);

// The same columns as indicators read them; borrowed for as long as `own` does not grow.
train_bars series_bars(const bar_columns *own);

// Puts bars behind those that are there, oldest first; one with the time of the last one takes its
// place, older ones are left out.
void series_join(bar_columns *own, const bar_columns *newer);

// The SHA-256 of the columns, one after the other.
void series_hash(const bar_columns *own, char out[MESH_SHA256_HEX]);

#endif
