// Errors, and the prepared statements of a connection.
#include <errno.h>
#include <string.h>

#include "backend/store/sqlite/internal.h"

// ---- errors ----

// What the system said, where the last error of `db` came from it; else 0.
static int system_error(sqlite3 *db) {
  int primary = sqlite3_errcode(db) & 0xff;
  if (primary != SQLITE_IOERR && primary != SQLITE_CANTOPEN) return 0;  // what is kept is older
  int number = sqlite3_system_errno(db);
  return number != 0 ? number : errno;  // SQLite keeps no number of a failed COMMIT
}

mesh_code store_code_of_errno(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return GRPC_STATUS_RESOURCE_EXHAUSTED;
    case EACCES:
    case EPERM:
    case EROFS:
      return GRPC_STATUS_PERMISSION_DENIED;
    case ENOENT:
    case ENOTDIR:
      return GRPC_STATUS_NOT_FOUND;
    case EISDIR:
      return GRPC_STATUS_FAILED_PRECONDITION;
    default:
      return GRPC_STATUS_INTERNAL;
  }
}

static mesh_code code_of(sqlite3 *db, int system_number) {
  switch (sqlite3_extended_errcode(db)) {
    case SQLITE_IOERR_SHORT_READ:
    case SQLITE_IOERR_DATA:
    case SQLITE_IOERR_CORRUPTFS:
      return GRPC_STATUS_DATA_LOSS;
    default:
      break;
  }
  switch (sqlite3_errcode(db) & 0xff) {
    case SQLITE_FULL:
      return GRPC_STATUS_RESOURCE_EXHAUSTED;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return GRPC_STATUS_DATA_LOSS;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return GRPC_STATUS_PERMISSION_DENIED;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return GRPC_STATUS_UNAVAILABLE;
    default:
      break;
  }
  return system_number == EIO ? GRPC_STATUS_DATA_LOSS : store_code_of_errno(system_number);
}

// What happened, and what a person can do.
static const char *advice(mesh_code code, sqlite3 *db) {
  switch (code) {
    case GRPC_STATUS_RESOURCE_EXHAUSTED:
      return "the disk is full; nothing of this was stored, what was stored before is safe";
    case GRPC_STATUS_DATA_LOSS:
      return "the file is damaged or no database: `PRAGMA integrity_check` in sqlite3 says where; "
             "put a backup in its place, or move it away with its .id file to start with an empty "
             "one";
    case GRPC_STATUS_PERMISSION_DENIED:
      return "the file, its directory or its file system may not be written; nothing of this was "
             "stored, what was stored before is safe";
    case GRPC_STATUS_UNAVAILABLE:
      return "another process has locked the database (a backup?), for longer than is waited for";
    default:
      return sqlite3_errmsg(db);
  }
}

mesh_code store_fail(store *store, sqlite3 *db, const char *doing, mesh_error *err) {
  int number = system_error(db);  // first: it may be errno
  mesh_code code = code_of(db, number);
  const char *text = advice(code, db);
  bool told = code != GRPC_STATUS_RESOURCE_EXHAUSTED && code != GRPC_STATUS_DATA_LOSS;
  if (number == 0 || !(told || number == EIO)) {
    return mesh_fail(err, code, "store %s: %s: %s", store->path, doing, text);
  }
  if (code == GRPC_STATUS_PERMISSION_DENIED || code == GRPC_STATUS_DATA_LOSS) {
    return mesh_fail(err, code, "store %s: %s: %s: %s", store->path, doing, strerror(number), text);
  }
  return mesh_fail(err, code, "store %s: %s: %s", store->path, doing, strerror(number));
}

mesh_code store_execute(store *store, sqlite3 *db, const char *sql, const char *doing,
                        mesh_error *err) {
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK) return GRPC_STATUS_OK;
  return store_fail(store, db, doing, err);
}

// ---- statements ----

mesh_code store_prepare(store *store, store_connection *connection, store_sql id, const char *sql,
                        sqlite3_stmt **out, mesh_error *err) {
  sqlite3_stmt **kept = &connection->statements[id];
  *out = NULL;
  if (*kept == NULL && sqlite3_prepare_v3(connection->db, sql, -1, SQLITE_PREPARE_PERSISTENT, kept,
                                          NULL) != SQLITE_OK) {
    return store_fail(store, connection->db, "cannot prepare a statement", err);
  }
  *out = *kept;
  return GRPC_STATUS_OK;
}

void store_release(sqlite3_stmt *statement) {
  sqlite3_reset(statement);  // what it returns was told by the step
  sqlite3_clear_bindings(statement);
}

mesh_code store_step(store *store, sqlite3_stmt *statement, const char *doing, mesh_error *err) {
  int done = sqlite3_step(statement);
  mesh_code code = done == SQLITE_DONE
                       ? GRPC_STATUS_OK
                       : store_fail(store, sqlite3_db_handle(statement), doing, err);
  sqlite3_reset(statement);
  return code;
}

mesh_code store_begin_read(store *store, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code =
      store_prepare(store, &store->reader, STORE_SQL_BEGIN_READ, "BEGIN", &statement, err);
  return code == GRPC_STATUS_OK ? store_step(store, statement, "cannot begin to read", err) : code;
}

void store_end_read(store *store) {
  sqlite3_stmt *statement;
  if (store_prepare(store, &store->reader, STORE_SQL_COMMIT, "COMMIT", &statement, NULL) !=
      GRPC_STATUS_OK) {
    return;
  }
  sqlite3_step(statement);  // nothing was written: nothing can be lost
  sqlite3_reset(statement);
}

void store_disconnect(store_connection *connection) {
  for (int i = 0; i < STORE_SQL_COUNT; i++)
    sqlite3_finalize(connection->statements[i]);
  sqlite3_close(connection->db);
}

// ---- values ----

void store_bind_text(sqlite3_stmt *statement, int index, const char *text) {
  sqlite3_bind_text(statement, index, text != NULL ? text : "", -1, SQLITE_STATIC);
}

void store_bind_view(sqlite3_stmt *statement, int index, mesh_view view) {
  if (view.size_bytes == 0) {
    sqlite3_bind_null(statement, index);
  } else {
    sqlite3_bind_blob64(statement, index, view.data, view.size_bytes, SQLITE_STATIC);
  }
}

const char *store_text_column(sqlite3_stmt *statement, int column) {
  const unsigned char *text = sqlite3_column_text(statement, column);
  return text != NULL ? (const char *)text : "";  // NULL: a damaged row, or one of an older file
}

mesh_view store_view_column(sqlite3_stmt *statement, int column) {
  const void *data = sqlite3_column_blob(statement, column);
  return (mesh_view){data, (size_t)sqlite3_column_bytes(statement, column)};
}
