// What removed operations and series left: the writer clears it piece by piece, between other
// writes.
#include "backend/store/sqlite/internal.h"

enum { CLEARED_AT_ONCE = 1000 };  // rows a transaction: other writes need not wait for all

mesh_code store_find_removed(store *store, store_sql sql_id, const char *sql, int64_t *id,
                             mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, sql_id, sql, &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  int step = sqlite3_step(statement);
  *id = step == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
  if (step != SQLITE_ROW && step != SQLITE_DONE) {
    code = store_fail(store, store->writer.db, "cannot find what was removed", err);
  }
  store_release(statement);
  return code;
}

// Runs a statement whose parameters are an operation and a limit; *left loses the rows it changed.
static mesh_code delete_rows(store *store, store_sql sql_id, const char *sql, int64_t id, int *left,
                             mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, sql_id, sql, &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, id);
  sqlite3_bind_int(statement, 2, *left);
  code = store_step(store, statement, "cannot remove what an operation left", err);
  *left -= (int)sqlite3_changes64(store->writer.db);
  store_release(statement);
  return code;
}

// As many of its events as *left; then, if that were not all, the operation itself.
static mesh_code clear_one(store *store, int64_t id, int *left, mesh_error *err) {
  mesh_code code = delete_rows(store, STORE_SQL_DELETE_EVENTS,
                               "DELETE FROM events WHERE operation=?1 AND sequence IN"
                               " (SELECT sequence FROM events WHERE operation=?1 LIMIT ?2)",
                               id, left, err);
  if (code == GRPC_STATUS_OK && *left > 0) {
    code = delete_rows(store, STORE_SQL_DELETE_RECENT,
                       "DELETE FROM recent WHERE id IN"
                       " (SELECT id FROM recent WHERE operation=?1 LIMIT ?2)",
                       id, left, err);
  }
  if (code != GRPC_STATUS_OK || *left <= 0) return code;
  return delete_rows(store, STORE_SQL_DELETE_OPERATION,
                     "DELETE FROM operations WHERE id=?1 AND ?2>0", id, left, err);
}

mesh_code store_clear_removed(store *store, mesh_error *err) {
  int left = CLEARED_AT_ONCE;
  int64_t id = 0;
  mesh_code code;
  do {
    code = store_find_removed(store, STORE_SQL_FIND_REMOVED,
                              "SELECT id FROM operations WHERE state=-1 LIMIT 1", &id, err);
    if (code == GRPC_STATUS_OK && id != 0) code = clear_one(store, id, &left, err);
  } while (code == GRPC_STATUS_OK && id != 0 && left > 0);
  if (code == GRPC_STATUS_OK && left > 0) code = store_clear_removed_series(store, &left, err);
  if (code == GRPC_STATUS_OK) store->removed_left = left <= 0;
  return code;
}
