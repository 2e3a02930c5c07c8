// bars: stored bars as they come from the backend, in columns.
#ifndef MILLRACE_CLI_BARS_H
#define MILLRACE_CLI_BARS_H

#include "cli/client.h"
#include "millrace/v1/data.pb-c.h"

// Columns of equal length, oldest first. Owned; zero it first, release it with bars_clear().
typedef struct bars {
  int64_t *times;
  double *open, *high, *low, *close, *volume;
  size_t count;
} bars;

// One batch of bars, borrowed during the call.
typedef mesh_code (*bars_each)(const Millrace__V1__BarBatch *batch, void *arg, mesh_error *err);

// Streams the bars of a ReadRequest. NOT_FOUND if the series is not stored.
MESH_NODISCARD mesh_code bars_stream(client *own, const Millrace__V1__ReadRequest *request,
                                     bars_each each, void *arg, mesh_error *err);

// Reads them all into `out`.
MESH_NODISCARD mesh_code bars_read(client *own, const Millrace__V1__ReadRequest *request, bars *out,
                                   mesh_error *err);

void bars_clear(bars *own);

// A part of a request: --from and --to. The timestamps lie in the caller's storage.
typedef struct bars_window {
  Google__Protobuf__Timestamp from_time, to_time;
  Google__Protobuf__Timestamp *from, *to;  // NULL where not given
} bars_window;
MESH_NODISCARD mesh_code bars_window_read(const args *given, bars_window *out, mesh_error *err);

#endif
