// The inside of the SQLite store, for the files of this folder. Not for others.
#ifndef MILLRACE_BACKEND_STORE_SQLITE_INTERNAL_H
#define MILLRACE_BACKEND_STORE_SQLITE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "backend/store/store.h"

// The statements that a connection keeps prepared, one place each.
typedef enum store_sql {
  STORE_SQL_BEGIN,
  STORE_SQL_COMMIT,
  STORE_SQL_OWNER,
  STORE_SQL_FIND_SERIES,
  STORE_SQL_ADD_SERIES,
  STORE_SQL_UPDATE_SERIES,
  STORE_SQL_LIST_SERIES,
  STORE_SQL_COUNT_BARS,
  STORE_SQL_INSERT_ONE_BAR,
  STORE_SQL_INSERT_TEN_BARS,
  STORE_SQL_READ_BARS,
  STORE_SQL_FIND_LAST_BARS,
  STORE_SQL_INSERT_COVERAGE,
  STORE_SQL_DELETE_COVERAGE,
  STORE_SQL_TOUCHING_COVERAGE,
  STORE_SQL_READ_COVERAGE,
  STORE_SQL_INSERT_OPERATION,
  STORE_SQL_LOCATE_OPERATION,
  STORE_SQL_UPDATE_OPERATION,
  STORE_SQL_ENTER_STATE,
  STORE_SQL_DELETE_OPERATION,
  STORE_SQL_PRUNE_OPERATIONS,
  STORE_SQL_INSERT_EVENT,
  STORE_SQL_DELETE_EVENTS,
  STORE_SQL_DELETE_RECENT,
  STORE_SQL_PRUNE_EVENTS,
  STORE_SQL_PRUNE_RECENT,
  STORE_SQL_FIND_BY_NAME,
  STORE_SQL_FIND_BY_REQUEST,
  STORE_SQL_FIND_CREATED,
  STORE_SQL_LIST_OPERATIONS,
  STORE_SQL_LIST_OPERATIONS_IN_STATE,
  STORE_SQL_FIND_ID,
  STORE_SQL_READ_EVENTS,
  STORE_SQL_INSERT_MODEL,
  STORE_SQL_MODEL_OF_OPERATION,
  STORE_SQL_NEXT_VERSION,
  STORE_SQL_LIST_MODELS,
  STORE_SQL_FIND_MODEL,
  STORE_SQL_DELETE_MODEL,
  STORE_SQL_FILE_USES,
  STORE_SQL_COUNT,
} store_sql;

typedef struct store_connection {
  sqlite3 *db;
  sqlite3_stmt *statements[STORE_SQL_COUNT];  // prepared when first used
} store_connection;

struct store {
  char *path;
  int64_t generation;  // which opening of the file this is: the newest one owns it
  store_connection reader;
  pthread_mutex_t read_lock;  // held around every use of `reader`
  store_connection writer;    // the writer thread's, from store_writer_start() to _stop()
  pthread_t thread;
  bool started;
  int recent;  // about how many events were not yet moved; the writer thread's
  pthread_mutex_t queue_lock;
  pthread_cond_t queue_changed;
  store_write *first, **last;  // what waits, in the order in which it came
  bool stopping;
};

// ---- statement.c ----

// Turns the last error of the connection into ours; names the file and what was being done.
mesh_code store_fail(store *store, sqlite3 *db, const char *doing, mesh_error *err);

// The code for a number of the system, such as ENOSPC.
mesh_code store_code_of_errno(int number);

// Runs SQL that returns no rows, unprepared: any number of statements.
MESH_NODISCARD mesh_code store_execute(store *store, sqlite3 *db, const char *sql,
                                       const char *doing, mesh_error *err);

// The statement `id` of a connection, prepared from `sql` when first used; the same id has the same
// text always. Give it back with store_release(), before the next store_prepare() of this id.
MESH_NODISCARD mesh_code store_prepare(store *store, store_connection *connection, store_sql id,
                                       const char *sql, sqlite3_stmt **out, mesh_error *err);
void store_release(sqlite3_stmt *statement);

// Runs a statement that returns no rows, and resets it; its bindings stay. OK or why not.
MESH_NODISCARD mesh_code store_step(store *store, sqlite3_stmt *statement, const char *doing,
                                    mesh_error *err);

// Ends a connection and its statements.
void store_disconnect(store_connection *connection);

// Binding and reading; what is bound must stay until store_release(). NULL text is "", an empty
// view is NULL.
void store_bind_text(sqlite3_stmt *statement, int index, const char *text);
void store_bind_view(sqlite3_stmt *statement, int index, mesh_view view);
const char *store_text_column(sqlite3_stmt *statement, int column);
mesh_view store_view_column(sqlite3_stmt *statement, int column);

// ---- schema.c ----

// Makes the tables of a new file, or brings an older file up to date, and takes the store over: one
// transaction. Before the writer thread starts.
MESH_NODISCARD mesh_code store_take_over(store *store, mesh_error *err);

// ---- operations_read.c ----

// Gives the reader the functions that its statements use.
MESH_NODISCARD mesh_code store_add_functions(store *store, mesh_error *err);

// Reads one number about the operation `name`, with read_lock; NOT_FOUND.
MESH_NODISCARD mesh_code store_find_number(store *store, store_sql id, const char *sql,
                                           const char *name, int64_t *out, mesh_error *err);

// ---- writer.c ----

// Starts the writer thread; stops it after all that waits was written.
void store_writer_start(store *store);
void store_writer_stop(store *store);

// Queues a write whose `run` and arguments are set.
void store_submit(store *store, store_write *write);

// Queues a write and waits for it: its on_done and arg are set here.
MESH_NODISCARD mesh_code store_submit_and_wait(store *store, store_write *write, mesh_error *err);

// ---- for the writes, inside a transaction of the writer thread ----
// A write refuses with ABORTED, ALREADY_EXISTS, NOT_FOUND or FAILED_PRECONDITION before it changes
// anything: then the others of its transaction go on.

// What the store has about an operation that a write is for.
typedef struct store_located {
  int64_t id, last_sequence, epoch;
  int32_t state;
} store_located;

enum { STORE_FIRST_ENDED_STATE = 3 };  // OperationState: SUCCEEDED, FAILED and CANCELLED come last

// Finds an operation by name; NOT_FOUND.
MESH_NODISCARD mesh_code store_locate(store *store, const char *name, store_located *out,
                                      mesh_error *err);

// Finds the id of a series; NOT_FOUND names it.
MESH_NODISCARD mesh_code store_find_series(store *store, store_connection *connection,
                                           const char *symbol, const char *timeframe, int64_t *id,
                                           mesh_error *err);

// The same on the writer; one that is not there is added.
MESH_NODISCARD mesh_code store_find_or_add_series(store *store, const char *symbol,
                                                  const char *timeframe, int64_t *id,
                                                  mesh_error *err);

// Notes in the series that `bars` (at least one) came, `added` of them new.
MESH_NODISCARD mesh_code store_update_series(store *store, int64_t series, const store_bars *bars,
                                             int64_t added, mesh_error *err);

// Writes bars, and what the series says of them. NULL and none are fine.
MESH_NODISCARD mesh_code store_write_bars(store *store, int64_t series, const store_bars *bars,
                                          mesh_error *err);

// Writes coverage: what the new interval overlaps gives way, equal neighbours become one.
MESH_NODISCARD mesh_code store_write_coverage(store *store, int64_t series,
                                              const store_coverage *coverage, mesh_error *err);

// Adds event number `sequence` of the operation `id`.
MESH_NODISCARD mesh_code store_insert_event(store *store, int64_t id, int64_t sequence,
                                            mesh_view event, mesh_error *err);

// True when it is time to move the recent events to the others.
bool store_has_many_recent(const store *store);
MESH_NODISCARD mesh_code store_move_recent(store *store, mesh_error *err);

// Appends an event, or refuses.
MESH_NODISCARD mesh_code store_write_event(store *store, const store_event *event, mesh_error *err);

#endif
