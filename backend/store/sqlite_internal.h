// The inside of the SQLite store, for the sqlite_*.c files. Not for others.
#ifndef MILLRACE_BACKEND_STORE_SQLITE_INTERNAL_H
#define MILLRACE_BACKEND_STORE_SQLITE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "backend/store/store.h"

typedef struct store_connection {
  sqlite3 *db;
  pthread_mutex_t lock;
} store_connection;

struct store {
  char *path;
  store_connection writer, reader;
};

// Turns the last error of `db` into ours; names the file and what was being done.
mesh_code store_fail(store *store, sqlite3 *db, const char *doing, mesh_error *err);

// Prepares `sql`; on OK the caller finalizes *out.
MESH_NODISCARD mesh_code store_prepare(store *store, sqlite3 *db, const char *sql,
                                       sqlite3_stmt **out, mesh_error *err);

// Runs a statement that returns no rows, and resets it. OK or why not.
MESH_NODISCARD mesh_code store_step(store *store, sqlite3_stmt *statement, const char *doing,
                                    mesh_error *err);

// Takes the writer and begins a transaction; store_commit() or store_rollback() gives it back.
MESH_NODISCARD mesh_code store_begin(store *store, mesh_error *err);
MESH_NODISCARD mesh_code store_commit(store *store, mesh_error *err);
void store_rollback(store *store);

// Commits if `code` is OK, else rolls back. Returns what came of it.
MESH_NODISCARD mesh_code store_end(store *store, mesh_code code, mesh_error *err);

// Finds the id of a series; NOT_FOUND names it.
MESH_NODISCARD mesh_code store_find_series(store *store, sqlite3 *db, const char *symbol,
                                           const char *timeframe, int64_t *id, mesh_error *err);

// Writes coverage inside a transaction: what the new interval overlaps gives way, equal neighbours
// become one.
MESH_NODISCARD mesh_code store_write_coverage(store *store, int64_t series,
                                              const store_coverage *coverage, mesh_error *err);

// Appends an event inside a transaction.
MESH_NODISCARD mesh_code store_write_event(store *store, const store_event *event, mesh_error *err);

#endif
