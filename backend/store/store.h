// store: where bars, coverage, operations and their events are kept. One interface; SQLite behind
// it. Its functions block: call them on a pool thread. Writers are serialized inside; readers have
// a connection of their own, so that reading does not wait for a load. Any thread.
#ifndef MILLRACE_BACKEND_STORE_STORE_H
#define MILLRACE_BACKEND_STORE_STORE_H

#include "mesh/status.h"
#include "mesh/view.h"

typedef struct store store;

typedef struct store_options {
  bool synchronous_full;  // each commit survives a power loss, not only a crash of the program
  int64_t max_bytes;      // refuse to grow beyond this; 0: no limit but the disk
  int busy_timeout_ms;    // how long to wait for another process that writes; 0: 5,000
} store_options;

// Opens the database file at `path`, making it if it is not there. `options` may be NULL.
// FAILED_PRECONDITION: it is not a millrace database, or a newer one (names both versions).
// DATA_LOSS: it is damaged. NOT_FOUND: no such directory. PERMISSION_DENIED, UNAVAILABLE (somebody
// else holds it), RESOURCE_EXHAUSTED (the disk is full). On OK the caller owns *out.
MESH_NODISCARD mesh_code store_open(const char *path, const store_options *options, store **out,
                                    mesh_error *err);
void store_close(store *store);

// ---- series ----

// Columns of `count` bars, oldest first. Times are bar starts in seconds since 1970. A volume may
// be NaN: unknown.
typedef struct store_bars {
  size_t count;
  const int64_t *times;
  const double *open, *high, *low, *close, *volume;
} store_bars;

typedef enum store_coverage_state {
  STORE_STORED = 1,  // asked, answered, stored
  STORE_EMPTY = 2,   // asked, and the source has nothing there
  STORE_FAILED = 3,  // asked in vain
} store_coverage_state;

typedef struct store_coverage {
  int64_t from_s, to_s;  // [from, to)
  store_coverage_state state;
  const char *reason;  // "" where there is none; valid during the callback
} store_coverage;

typedef struct store_series {
  const char *symbol, *timeframe;  // valid during the callback
  int64_t bars, first_s, last_s;   // the times of the first and last bar
  int64_t updated_ns;
} store_series;

// An event for the journal, with the operation's new state. Strings and bytes are borrowed.
typedef struct store_event {
  const char *operation;
  int64_t epoch, sequence;  // sequence must be the last one + 1
  int32_t state;            // OperationState
  int64_t updated_ns;
  bool detached;
  mesh_view event;    // an encoded OperationEvent
  mesh_view outcome;  // an encoded Outcome; empty until the end
} store_event;

// Stores the bars of one answered interval, its coverage and (may be NULL) the event that reports
// it: all or nothing. Bars that are there already are replaced. RESOURCE_EXHAUSTED: the disk is
// full. ABORTED: as store_append_event().
MESH_NODISCARD mesh_code store_put_segment(store *store, const char *symbol, const char *timeframe,
                                           const store_coverage *coverage, const store_bars *bars,
                                           const store_event *event, mesh_error *err);

// Calls each() for the known intervals that overlap [from, to), oldest first; they do not overlap
// each other.
MESH_NODISCARD mesh_code store_read_coverage(
    store *store, const char *symbol, const char *timeframe, int64_t from_s, int64_t to_s,
    void (*each)(void *arg, const store_coverage *coverage), void *arg, mesh_error *err);

// Reads up to `capacity` bars with from <= time < to, oldest first, into the columns; *count says
// how many. To go on, ask again from the last time + 1. NOT_FOUND if there is no such series.
typedef struct store_columns {
  size_t capacity;
  int64_t *times;
  double *open, *high, *low, *close, *volume;
} store_columns;
MESH_NODISCARD mesh_code store_read_bars(store *store, const char *symbol, const char *timeframe,
                                         int64_t from_s, int64_t to_s, const store_columns *columns,
                                         size_t *count, mesh_error *err);

// How many bars lie in [from, to), and the time of the first of the last `last` of them (from_s if
// there are fewer). NOT_FOUND if there is no such series.
MESH_NODISCARD mesh_code store_count_bars(store *store, const char *symbol, const char *timeframe,
                                          int64_t from_s, int64_t to_s, int64_t last,
                                          int64_t *count, int64_t *first_s, mesh_error *err);

// Calls each() for every stored series of `symbol` ("" all), by symbol and length of the timeframe.
MESH_NODISCARD mesh_code store_list_series(store *store, const char *symbol,
                                           void (*each)(void *arg, const store_series *series),
                                           void *arg, mesh_error *err);

// ---- operations ----

// Strings and bytes are borrowed, or valid during the callback.
typedef struct store_operation {
  const char *name, *kind, *title;
  const char *request_id;  // "" if none; unique otherwise
  const char *work_key;
  int32_t state;
  bool detached;
  int64_t epoch, last_sequence, created_ns, updated_ns;
  mesh_view outcome;
} store_operation;

// Adds an operation with its first event. ALREADY_EXISTS: the name or the request id is taken.
MESH_NODISCARD mesh_code store_create_operation(store *store, const store_operation *operation,
                                                mesh_view event, mesh_error *err);

// Appends an event and changes the operation's state with it. ABORTED: the sequence is not the next
// one, or a newer epoch owns the operation. NOT_FOUND: there is no such operation.
MESH_NODISCARD mesh_code store_append_event(store *store, const store_event *event,
                                            mesh_error *err);

// Calls each() for the events after `after_sequence`, oldest first, at most `limit`. NOT_FOUND: no
// such operation.
MESH_NODISCARD mesh_code store_read_events(
    store *store, const char *name, int64_t after_sequence, int limit,
    void (*each)(void *arg, int64_t sequence, mesh_view event), void *arg, mesh_error *err);

// Finds an operation by name, or by request id where `name` is NULL. NOT_FOUND.
MESH_NODISCARD mesh_code store_find_operation(
    store *store, const char *name, const char *request_id,
    void (*each)(void *arg, const store_operation *operation), void *arg, mesh_error *err);

// Calls each() for operations of `kind` ("" all) in `state` (0 all), newest first, at most `limit`.
MESH_NODISCARD mesh_code store_list_operations(
    store *store, const char *kind, int32_t state, int limit,
    void (*each)(void *arg, const store_operation *operation), void *arg, mesh_error *err);

#endif
