// Opening, the schema and its version, errors and transactions.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/store/sqlite_internal.h"

enum {
  APPLICATION_ID = 0x4d494c52,  // "MILR"
  SCHEMA_VERSION = 1,
  BUSY_TIMEOUT_MS = 5000,
};

static const char schema[] =
    "CREATE TABLE series("
    " id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, timeframe TEXT NOT NULL,"
    " bars INTEGER NOT NULL DEFAULT 0, first_s INTEGER, last_s INTEGER,"
    " updated_ns INTEGER NOT NULL DEFAULT 0, UNIQUE(symbol, timeframe));"
    "CREATE TABLE bars("
    " series INTEGER NOT NULL, time_s INTEGER NOT NULL,"
    " open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL,"
    " volume REAL, PRIMARY KEY(series, time_s)) WITHOUT ROWID;"
    "CREATE TABLE coverage("
    " series INTEGER NOT NULL, from_s INTEGER NOT NULL, to_s INTEGER NOT NULL,"
    " state INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY(series, from_s)) WITHOUT ROWID;"
    "CREATE TABLE operations("
    " name TEXT PRIMARY KEY, kind TEXT NOT NULL, title TEXT NOT NULL, request_id TEXT UNIQUE,"
    " work_key TEXT NOT NULL, state INTEGER NOT NULL, detached INTEGER NOT NULL,"
    " epoch INTEGER NOT NULL, last_sequence INTEGER NOT NULL, created_ns INTEGER NOT NULL,"
    " updated_ns INTEGER NOT NULL, outcome BLOB);"
    "CREATE INDEX operations_by_time ON operations(created_ns);"
    "CREATE INDEX operations_by_state ON operations(state);"
    "CREATE TABLE events("
    " operation TEXT NOT NULL, sequence INTEGER NOT NULL, event BLOB NOT NULL,"
    " PRIMARY KEY(operation, sequence)) WITHOUT ROWID;";

// ---- errors ----

// What the system said, where the last error of `db` came from it; else 0.
static int system_error(sqlite3 *db) {
  int primary = sqlite3_errcode(db) & 0xff;
  if (primary != SQLITE_IOERR && primary != SQLITE_CANTOPEN) return 0;  // what is kept is older
  int number = sqlite3_system_errno(db);
  return number != 0 ? number : errno;  // SQLite keeps no number of a failed COMMIT
}

static mesh_code code_of_number(int number) {
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
  return code_of_number(system_number);
}

mesh_code store_fail(store *store, sqlite3 *db, const char *doing, mesh_error *err) {
  int number = system_error(db);  // first: it may be errno
  mesh_code code = code_of(db, number);
  const char *text = sqlite3_errmsg(db);
  if (code == GRPC_STATUS_RESOURCE_EXHAUSTED) {
    text = "the disk is full; nothing of this was stored, what was stored before is safe";
  } else if (code == GRPC_STATUS_DATA_LOSS) {
    text = "the file is damaged or no database; move it away to start with an empty one";
  } else if (number != 0) {
    text = strerror(number);
  }
  return mesh_fail(err, code, "store %s: %s: %s", store->path, doing, text);
}

mesh_code store_prepare(store *store, sqlite3 *db, const char *sql, sqlite3_stmt **out,
                        mesh_error *err) {
  if (sqlite3_prepare_v2(db, sql, -1, out, NULL) == SQLITE_OK) return GRPC_STATUS_OK;
  return store_fail(store, db, "cannot prepare a statement", err);
}

mesh_code store_step(store *store, sqlite3_stmt *statement, const char *doing, mesh_error *err) {
  int done = sqlite3_step(statement);
  mesh_code code = done == SQLITE_DONE
                       ? GRPC_STATUS_OK
                       : store_fail(store, sqlite3_db_handle(statement), doing, err);
  sqlite3_reset(statement);
  return code;
}

static mesh_code execute(store *store, sqlite3 *db, const char *sql, const char *doing,
                         mesh_error *err) {
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK) return GRPC_STATUS_OK;
  return store_fail(store, db, doing, err);
}

// ---- transactions ----

mesh_code store_begin(store *store, mesh_error *err) {
  pthread_mutex_lock(&store->writer.lock);
  mesh_code code =
      execute(store, store->writer.db, "BEGIN IMMEDIATE", "cannot begin a transaction", err);
  if (code != GRPC_STATUS_OK) pthread_mutex_unlock(&store->writer.lock);
  return code;
}

mesh_code store_commit(store *store, mesh_error *err) {
  mesh_code code = execute(store, store->writer.db, "COMMIT", "cannot commit", err);
  if (code != GRPC_STATUS_OK) {
    store_rollback(store);
    return code;
  }
  pthread_mutex_unlock(&store->writer.lock);
  return GRPC_STATUS_OK;
}

void store_rollback(store *store) {
  // Fails where SQLite has rolled back by itself (a full disk): that is what is wanted.
  sqlite3_exec(store->writer.db, "ROLLBACK", NULL, NULL, NULL);
  pthread_mutex_unlock(&store->writer.lock);
}

mesh_code store_end(store *store, mesh_code code, mesh_error *err) {
  if (code == GRPC_STATUS_OK) return store_commit(store, err);
  store_rollback(store);
  return code;
}

// ---- open ----

static mesh_code read_pragma(store *store, const char *sql, int64_t *out, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, store->writer.db, sql, &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  if (sqlite3_step(statement) == SQLITE_ROW) {
    *out = sqlite3_column_int64(statement, 0);
  } else {
    code = store_fail(store, store->writer.db, "cannot read the header", err);
  }
  sqlite3_finalize(statement);
  return code;
}

static mesh_code create_schema(store *store, mesh_error *err) {
  char versions[96];
  snprintf(versions, sizeof versions, "PRAGMA application_id=%d; PRAGMA user_version=%d",
           APPLICATION_ID, SCHEMA_VERSION);
  mesh_code code = store_begin(store, err);
  if (code != GRPC_STATUS_OK) return code;
  code = execute(store, store->writer.db, schema, "cannot make the tables", err);
  if (code == GRPC_STATUS_OK) {
    code = execute(store, store->writer.db, versions, "cannot write the version", err);
  }
  return store_end(store, code, err);
}

static mesh_code check_schema(store *store, mesh_error *err) {
  int64_t application = 0, version = 0, tables = 0;
  mesh_code code = read_pragma(store, "PRAGMA application_id", &application, err);
  if (code == GRPC_STATUS_OK) code = read_pragma(store, "PRAGMA user_version", &version, err);
  if (code == GRPC_STATUS_OK) {
    code = read_pragma(store, "SELECT count(*) FROM sqlite_master", &tables, err);
  }
  if (code != GRPC_STATUS_OK) return code;
  if (application == 0 && version == 0 && tables == 0) return create_schema(store, err);
  if (application != APPLICATION_ID) {
    return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                     "store %s: it is a database of another program (application id %08llx)",
                     store->path, (unsigned long long)application);
  }
  if (version > SCHEMA_VERSION) {
    return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                     "store %s: its schema is version %lld, this program knows up to %d: "
                     "use a newer millrace",
                     store->path, (long long)version, SCHEMA_VERSION);
  }
  return GRPC_STATUS_OK;
}

// Where SQLite may not make the file it tries to read it, and then says that there is none: the
// directory knows better.
static mesh_code refuse_open(store *store, sqlite3 *db, mesh_error *err) {
  mesh_code code = store_fail(store, db, "cannot open", err);
  const char *slash = strrchr(store->path, '/');
  char *directory =
      slash == NULL ? strdup(".") : strndup(store->path, (size_t)(slash - store->path) + 1);
  if (directory == NULL) abort();
  if (code == GRPC_STATUS_NOT_FOUND && faccessat(AT_FDCWD, directory, W_OK, AT_EACCESS) != 0) {
    int number = errno;
    code = mesh_fail(err, code_of_number(number), "store %s: cannot write to its directory: %s",
                     store->path, strerror(number));
  }
  free(directory);
  return code;
}

static mesh_code open_connection(store *store, store_connection *connection, int flags,
                                 const store_options *options, mesh_error *err) {
  int opened = sqlite3_open_v2(store->path, &connection->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
  if (opened != SQLITE_OK) return refuse_open(store, connection->db, err);
  bool chosen = options != NULL && options->busy_timeout_ms > 0;
  sqlite3_busy_timeout(connection->db, chosen ? options->busy_timeout_ms : BUSY_TIMEOUT_MS);
  sqlite3_extended_result_codes(connection->db, 0);
  return GRPC_STATUS_OK;
}

// SQLite opens what it may not write as well, and says so at the first write only.
static mesh_code check_writable(store *store, mesh_error *err) {
  if (sqlite3_db_readonly(store->writer.db, "main") != 1) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_PERMISSION_DENIED,
                   "store %s: the file may be read but not written", store->path);
}

static mesh_code configure(store *store, const store_options *options, mesh_error *err) {
  char sql[256];
  bool full = options != NULL && options->synchronous_full;
  snprintf(sql, sizeof sql,
           "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=%s;"
           "PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=4000; PRAGMA temp_store=MEMORY",
           full ? "FULL" : "NORMAL");
  mesh_code code = execute(store, store->writer.db, sql, "cannot configure", err);
  if (code != GRPC_STATUS_OK || options == NULL || options->max_bytes == 0) return code;
  snprintf(sql, sizeof sql, "PRAGMA max_page_count=%lld",
           (long long)(options->max_bytes / 8192 + 1));
  return execute(store, store->writer.db, sql, "cannot limit the size", err);
}

mesh_code store_open(const char *path, const store_options *options, store **out, mesh_error *err) {
  store *opened = calloc(1, sizeof *opened);
  if (opened == NULL) abort();
  opened->path = strdup(path);
  if (opened->path == NULL) abort();
  pthread_mutex_init(&opened->writer.lock, NULL);
  pthread_mutex_init(&opened->reader.lock, NULL);
  mesh_code code = open_connection(opened, &opened->writer,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, options, err);
  if (code == GRPC_STATUS_OK) code = check_writable(opened, err);
  if (code == GRPC_STATUS_OK) code = configure(opened, options, err);
  if (code == GRPC_STATUS_OK) code = check_schema(opened, err);
  if (code == GRPC_STATUS_OK) {
    code = open_connection(opened, &opened->reader, SQLITE_OPEN_READONLY, options, err);
  }
  *out = code == GRPC_STATUS_OK ? opened : NULL;
  if (code != GRPC_STATUS_OK) store_close(opened);
  return code;
}

void store_close(store *store) {
  if (store == NULL) return;
  sqlite3_close(store->reader.db);
  sqlite3_close(store->writer.db);  // last: it folds the write-ahead log into the file
  pthread_mutex_destroy(&store->reader.lock);
  pthread_mutex_destroy(&store->writer.lock);
  free(store->path);
  free(store);
}
