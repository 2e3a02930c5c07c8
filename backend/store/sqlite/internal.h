// The inside of the SQLite store, for the files of this folder. Not for others.
#ifndef MILLRACE_BACKEND_STORE_SQLITE_INTERNAL_H
#define MILLRACE_BACKEND_STORE_SQLITE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "backend/store/store.h"

enum {
  STORE_APPLICATION_ID = 0x4d494c52,  // "MILR"
  STORE_SCHEMA_VERSION = 8,
  STORE_PAGE_BYTES = 8192,
  STORE_ID_MAX = 33,  // 32 hexadecimal digits and the NUL
};

// The statements that a connection keeps prepared, one place each.
typedef enum store_sql {
  STORE_SQL_BEGIN,
  STORE_SQL_BEGIN_READ,
  STORE_SQL_COMMIT,
  STORE_SQL_OWNER,
  STORE_SQL_RAISE,
  STORE_SQL_FIND_SERIES,
  STORE_SQL_ADD_SERIES,
  STORE_SQL_UPDATE_SERIES,
  STORE_SQL_LIST_SERIES,
  STORE_SQL_LIST_SOURCES,
  STORE_SQL_HIDE_SERIES,
  STORE_SQL_COUNT_OF_SERIES,
  STORE_SQL_RENAME_SERIES,
  STORE_SQL_FIND_REMOVED_SERIES,
  STORE_SQL_DELETE_BARS,
  STORE_SQL_CLEAR_COVERAGE,
  STORE_SQL_CLEAR_CHANGES,
  STORE_SQL_DELETE_SERIES,
  STORE_SQL_NOTE_PROBE,
  STORE_SQL_NOTE_CHANGE,
  STORE_SQL_READ_CHANGES,
  STORE_SQL_FIND_INSTRUMENT,
  STORE_SQL_FIND_BY_NUMBER,
  STORE_SQL_FIND_NAME,
  STORE_SQL_ADD_INSTRUMENT,
  STORE_SQL_ADD_ALIAS,
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
  STORE_SQL_REMOVE_OPERATION,
  STORE_SQL_FIND_KEPT,
  STORE_SQL_PRUNE_OPERATIONS,
  STORE_SQL_FIND_REMOVED,
  STORE_SQL_INSERT_EVENT,
  STORE_SQL_DELETE_EVENTS,
  STORE_SQL_DELETE_RECENT,
  STORE_SQL_FIND_BY_NAME,
  STORE_SQL_FIND_BY_REQUEST,
  STORE_SQL_FIND_CREATED,
  STORE_SQL_LIST_OPERATIONS,
  STORE_SQL_LIST_OPERATIONS_IN_STATE,
  STORE_SQL_LIST_WHOLE_OPERATIONS,
  STORE_SQL_LIST_WHOLE_OPERATIONS_IN_STATE,
  STORE_SQL_FIND_ID,
  STORE_SQL_READ_EVENTS,
  STORE_SQL_INSERT_MODEL,
  STORE_SQL_MODEL_OF_OPERATION,
  STORE_SQL_NEXT_VERSION,
  STORE_SQL_LIST_MODELS,
  STORE_SQL_FIND_MODEL,
  STORE_SQL_DELETE_MODEL,
  STORE_SQL_FILE_USES,
  STORE_SQL_LIST_UNFINISHED,
  STORE_SQL_TEXTS_OF_NAME,
  STORE_SQL_COUNT,
} store_sql;

typedef struct store_connection {
  sqlite3 *db;
  sqlite3_stmt *statements[STORE_SQL_COUNT];  // prepared when first used
  store *store;                               // for busy.c, and its:
  int64_t busy_since_ns;
  bool busy_told;
} store_connection;

// Which file a path leads to.
typedef struct store_file {
  bool there;
  dev_t device;
  ino_t number;
} store_file;

struct store {
  char *path, *identity_path;
  char id[STORE_ID_MAX];  // of the store, in the file and beside it
  char created[32];
  int64_t generation;     // rises with each opening: the newest one owns the file
  int64_t busy_limit_ms;  // how long another process is waited for
  atomic_bool leaving;
  void (*read_moment)(store_moment *out);
  const char *old_source;  // of series that do not say; only while it is opened
  store_moment seen;       // when it was opened
  int64_t age_s;           // the store's own clock then; see age.c
  store_connection reader;
  pthread_mutex_t read_lock;  // held around every use of `reader`
  store_connection writer;    // the writer thread's, from store_writer_start() to _stop()
  pthread_t thread;
  bool started;
  // The writer thread's:
  bool synchronous_full;
  int recent;         // about how many events were not yet moved
  bool removed_left;  // operations or series that are removed, but not gone yet
  int long_pages;     // a write-ahead log that has so many is folded into the file
  int log_pages;      // that it has, as of the last commit
  int fold_at_pages, folded_pages;
  int64_t fold_at_ns;
  bool fold_failed, log_told;
  store_file file, log_file;  // what was opened
  int64_t looked_ns;          // when they were last looked for
  pthread_mutex_t queue_lock;
  pthread_cond_t queue_changed;
  store_write *first, **last;  // what waits, in the order in which it came
  bool stopping;
};

// ---- busy.c ----

// How long an opening with these options waits for another process.
int64_t store_busy_limit_ms(const store_options *options);

// What a connection does where another process is in its way.
void store_wait_while_busy(store *store, store_connection *connection);
void store_never_wait(store_connection *connection);

// After a wait that was told of: tells that it is over.
void store_tell_free(store_connection *connection);

// ---- age.c ----

// The system's clocks.
void store_read_moment(store_moment *out);

// How much time that is believed to have passed between two moments, in seconds; never below 0.
int64_t store_age_between(const store_moment *from, const store_moment *to);

// The store's own clock: the seconds that it has seen pass in its life. Never goes back.
int64_t store_age_now(store *store);

// ---- identity.c ----

typedef struct store_identity store_identity;

// Makes the id of a new store.
void store_make_id(char out[STORE_ID_MAX]);

// Reads the identity file, and refuses a database that is missing or empty where there was one:
// before SQLite opens anything. The caller frees *out, whatever this returns.
MESH_NODISCARD mesh_code store_check_files(store *store, store_identity **out, mesh_error *err);

// Compares it with what the database says of itself: store->id ("" in an older file) and its
// generation. DATA_LOSS: its log is lost; FAILED_PRECONDITION: it is another store.
MESH_NODISCARD mesh_code store_check_identity(store *store, const store_identity *file,
                                              int64_t generation, mesh_error *err);

// Writes the file, once what it says is committed.
MESH_NODISCARD mesh_code store_write_identity(store *store, bool closed, mesh_error *err);

// Notes which files were opened; DATA_LOSS where the paths lead elsewhere now.
void store_note_files(store *store);
MESH_NODISCARD mesh_code store_check_still_there(store *store, mesh_error *err);

// ---- transaction.c: on the writer's connection ----

// Begins one, with the lock for writing. DATA_LOSS: the files are not those that were opened;
// ABORTED (STORE_TAKEN): a newer process owns the store. Nothing is begun then.
MESH_NODISCARD mesh_code store_begin(store *store, mesh_error *err);

// Makes it durable. After a failure, as after any other, store_roll_back() ends it.
MESH_NODISCARD mesh_code store_commit(store *store, mesh_error *err);
void store_roll_back(store *store);

// Starts a new generation, of the same owner, as the first commit after a checkpoint; see
// identity.c. What fails is logged.
void store_raise_generation(store *store);

// ---- fold.c: the writer thread's ----

void store_watch_log(store *store);

// True while the log is long enough to be folded.
bool store_log_waits(const store *store);

// Folds a long log into the file, as far as nobody is in the way.
void store_fold_log(store *store);

// Folds all of it; false if something is left in it.
bool store_empty_log(store *store);

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

// Begins and ends what the reader must see as one state; with read_lock.
MESH_NODISCARD mesh_code store_begin_read(store *store, mesh_error *err);
void store_end_read(store *store);

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
// transaction. `file` is the identity file. Before the writer thread starts.
MESH_NODISCARD mesh_code store_take_over(store *store, const store_identity *file, mesh_error *err);

// ---- upgrade.c: on the writer's connection, before its thread starts ----

// Copies a store of an older version to "PATH.vN", N being *copied; 0: it is none.
// RESOURCE_EXHAUSTED: there is no room for the copy and for what changes.
MESH_NODISCARD mesh_code store_copy_old(store *store, int64_t *copied, mesh_error *err);

// Once it is up to date: looks at its pages, and removes the copy. DATA_LOSS names the copy.
MESH_NODISCARD mesh_code store_drop_copy(store *store, int64_t copied, mesh_error *err);

// ---- operations_read.c, series.c, instruments.c ----

// Give the reader the functions that their statements use; the writer, those of the schema.
MESH_NODISCARD mesh_code store_add_series_functions(store *store, mesh_error *err);
MESH_NODISCARD mesh_code store_add_instrument_functions(store *store, mesh_error *err);
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

enum {
  STORE_FIRST_ENDED_STATE = 3,  // OperationState: SUCCEEDED, FAILED and CANCELLED come last
  STORE_REMOVED_STATE = -1,     // nobody sees it any more; its events go piece by piece
};

// Finds an operation by name; NOT_FOUND.
MESH_NODISCARD mesh_code store_locate(store *store, const char *name, store_located *out,
                                      mesh_error *err);

// Finds the id of a series; NOT_FOUND names it.
MESH_NODISCARD mesh_code store_find_series(store *store, store_connection *connection,
                                           const series_key *key, int64_t *id, mesh_error *err);

// The same on the writer; one that is not there is added.
MESH_NODISCARD mesh_code store_find_or_add_series(store *store, const series_key *key, int64_t *id,
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

// users.c: FAILED_PRECONDITION names an operation that has not ended and uses the series.
MESH_NODISCARD mesh_code store_check_unused(store *store, const series_key *key, store_uses uses,
                                            void *arg, mesh_error *err);

// Adds event number `sequence` of the operation `id`.
MESH_NODISCARD mesh_code store_insert_event(store *store, int64_t id, int64_t sequence,
                                            mesh_view event, mesh_error *err);

// True when it is time to move the recent events to the others.
bool store_has_many_recent(const store *store);
MESH_NODISCARD mesh_code store_move_recent(store *store, mesh_error *err);

// Removes a piece of what removed operations and series have left; store->removed_left says whether
// there is more.
MESH_NODISCARD mesh_code store_clear_removed(store *store, mesh_error *err);

// The id that a statement finds; 0: there is none.
MESH_NODISCARD mesh_code store_find_removed(store *store, store_sql sql_id, const char *sql,
                                            int64_t *id, mesh_error *err);

// The same of series alone: *left loses the rows that went, and is not 0 where nothing is left.
MESH_NODISCARD mesh_code store_clear_removed_series(store *store, int *left, mesh_error *err);

// Appends an event, or refuses.
MESH_NODISCARD mesh_code store_write_event(store *store, const store_event *event, mesh_error *err);

#endif
