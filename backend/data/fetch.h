// fetch: one segment through the DataAdapter, with retries.
#ifndef MILLRACE_BACKEND_DATA_FETCH_H
#define MILLRACE_BACKEND_DATA_FETCH_H

#include "market/bar_columns.h"
#include "market/instrument.h"
#include "market/series_key.h"
#include "mesh/rpc/link.h"
#include "mesh/runtime/scope.h"

// Of which instrument, and what its bars are made of; as in FetchBarsRequest. Borrowed.
typedef struct fetch_series {
  const char *symbol;
  int64_t con_id;
  const char *prices, *session;
} fetch_series;

typedef struct fetch_request {
  const char *operation;  // names the fetch below: "load-4t7kq2ma/3"
  fetch_series series;
  const char *timeframe;
  int64_t from_s, to_s;  // [from, to), seconds since 1970
  // May be NULL: what the host waits for, for people; called meanwhile, in the caller's fiber.
  void (*on_note)(void *arg, const char *note);
  void *note_arg;
} fetch_request;

typedef struct fetch_result {
  bar_columns bars;                // owned; bar_columns_clear() it
  char empty_reason[256];          // quotes the source where it says that it has nothing; else ""
  char source[SERIES_SOURCE_MAX];  // whose they are, or SERIES_SOURCE_UNKNOWN
  int64_t clock_s;  // the source's when it answered, or shortly before; 0: it has none
  int attempts;     // requests that were made
} fetch_result;

// Asked after attempt number `attempt` (1 is the first) at `piece` failed with `err`: waits and
// returns OK where another one makes sense, else the code to give up with.
typedef mesh_code (*fetch_again)(void *arg, mesh_scope *scope, const char *piece, int attempt,
                                 mesh_error *err);

// Fetches the bars of a request, again and again while again(arg) says so. On OK result->bars has
// what came, as it came and as many as the host says: not validated. DATA_LOSS if the host's events
// contradict themselves. On an error it has no bars. result->attempts counts in both
// cases.
MESH_NODISCARD mesh_code fetch_bars(mesh_scope *scope, mesh_link *adapter,
                                    const fetch_request *request, fetch_again again, void *arg,
                                    fetch_result *result, mesh_error *err);

// Whose bars the host answers with (FetchResult.source): its name as it says, or
// SERIES_SOURCE_UNKNOWN where it does not. UNAVAILABLE while no gateway has said hello to it. Once.
MESH_NODISCARD mesh_code fetch_source(mesh_scope *scope, mesh_link *adapter,
                                      char out[SERIES_SOURCE_MAX], mesh_error *err);

// How often the source may be asked for bars (Pace); zero where the host does not say, or is not
// there. Once. Fails as the scope does, and else not.
typedef struct fetch_pace {
  int requests, in_s, bar_s;
} fetch_pace;
MESH_NODISCARD mesh_code fetch_pace_of(mesh_scope *scope, mesh_link *adapter, fetch_pace *out,
                                       mesh_error *err);

// The time of the first bar that the source has, in seconds since 1970; tries in the same way.
typedef struct fetch_first {
  int64_t head_s;
  char source[SERIES_SOURCE_MAX];  // as in fetch_result
} fetch_first;
MESH_NODISCARD mesh_code fetch_head(mesh_scope *scope, mesh_link *adapter,
                                    const fetch_series *series, fetch_again again, void *arg,
                                    fetch_first *out, mesh_error *err);

// What a text is at the source: every contract that fits it; tries in the same way.
enum { FETCH_CONTRACTS_MAX = 16, FETCH_LONG_NAME_MAX = 64 };
typedef struct fetch_contract {
  instrument what;
  char long_name[FETCH_LONG_NAME_MAX];
} fetch_contract;
typedef struct fetch_contracts {
  bool told;                                  // false: the host does not answer such questions
  fetch_contract items[FETCH_CONTRACTS_MAX];  // of different numbers; the first ones
  int count, others;                          // how many, and how many did not fit in
} fetch_contracts;
MESH_NODISCARD mesh_code fetch_contracts_of(mesh_scope *scope, mesh_link *adapter,
                                            const char *symbol, fetch_again again, void *arg,
                                            fetch_contracts *out, mesh_error *err);

#endif
