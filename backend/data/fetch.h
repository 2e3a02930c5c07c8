// fetch: one segment through the DataAdapter, with retries.
#ifndef MILLRACE_BACKEND_DATA_FETCH_H
#define MILLRACE_BACKEND_DATA_FETCH_H

#include "backend/data/bar_columns.h"
#include "mesh/link.h"
#include "mesh/retry.h"

typedef struct fetch_request {
  const char *operation;  // names the fetch below: "load-4t7kq2ma/3"
  const char *symbol, *timeframe;
  int64_t from_s, to_s;  // [from, to), seconds since 1970
} fetch_request;

typedef struct fetch_result {
  bar_columns bars;        // owned; bar_columns_clear() it
  char empty_reason[256];  // quotes the source where it says that it has nothing; else ""
  int attempts;            // requests that were made
} fetch_result;

// Called between attempts, so that a person hears why nothing happens. May be NULL.
typedef void (*fetch_waiting)(void *arg, int attempt, const mesh_error *why);

// Fetches the bars of a request, retrying as `backoff` says where the error says that it helps. On
// OK result->bars has what came, as it came: not validated. On an error it has no bars.
// result->attempts counts in both cases.
MESH_NODISCARD mesh_code fetch_bars(mesh_scope *scope, mesh_link *adapter,
                                    const fetch_request *request, const mesh_backoff *backoff,
                                    fetch_waiting on_waiting, void *arg, fetch_result *result,
                                    mesh_error *err);

// The time of the first bar that the source has, in seconds since 1970; retries in the same way.
MESH_NODISCARD mesh_code fetch_head(mesh_scope *scope, mesh_link *adapter, const char *symbol,
                                    const mesh_backoff *backoff, fetch_waiting on_waiting,
                                    void *arg, int64_t *head_s, mesh_error *err);

#endif
