// series: bars of the backend's DataService, as columns, with the hash of what was read.
#ifndef MILLRACE_HOST_TRAINING_SERVICE_SERIES_H
#define MILLRACE_HOST_TRAINING_SERVICE_SERIES_H

#include "host/training/bars.h"
#include "mesh/program/file.h"
#include "mesh/rpc/call.h"
#include "mesh/rpc/link.h"
#include "millrace/v1/bars.pb-c.h"

// Zero it first.
typedef struct series {
  size_t count, capacity;
  int64_t *times;                              // this and the rest are owned
  double *open, *high, *low, *close, *volume;  // NaN: no volume
} series;

// Which bars: [from, to), INT64_MIN and INT64_MAX where there is no bound; `last` not 0: only the
// last so many of them.
typedef struct series_window {
  int64_t from_s, to_s, last;
} series_window;

// Reads a series through `backend`, below `scope`, waiting for a backend that is being started
// again. FAILED_PRECONDITION: it is not stored; says how to load it. On OK release it with
// series_clear().
MESH_NODISCARD mesh_code series_read(mesh_scope *scope, mesh_link *backend, const char *symbol,
                                     const char *timeframe, const series_window *window,
                                     series *out, mesh_error *err);
void series_clear(series *own);

// What its bars take.
size_t series_bytes(const series *own);

train_bars series_bars(const series *own);

// Puts bars behind those that are there, oldest first; one with the time of the last one takes its
// place, older ones are left out. DATA_LOSS: the batch's columns differ in length.
MESH_NODISCARD mesh_code series_merge(series *own, const Millrace__V1__BarBatch *batch,
                                      mesh_error *err);
void series_join(series *own, const series *newer);

// The SHA-256 of the columns, one after the other.
void series_hash(const series *own, char out[MESH_SHA256_HEX]);

#endif
