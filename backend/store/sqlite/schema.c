// The schema, its version, and who owns the file.
#include <stdio.h>

#include "backend/store/sqlite/internal.h"

enum {
  APPLICATION_ID = 0x4d494c52,  // "MILR"
  SCHEMA_VERSION = 3,
};

static const char series_tables[] =
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
    " state INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY(series, from_s)) WITHOUT ROWID;";

// What each event changes comes first, what may be large last. The indexes have the order of a
// list, backwards: what is new comes at their end; no event touches them but one that changes the
// state.
static const char operation_tables[] =
    "CREATE TABLE operations("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, state INTEGER NOT NULL,"
    " detached INTEGER NOT NULL, epoch INTEGER NOT NULL, last_sequence INTEGER NOT NULL,"
    " source_epoch INTEGER NOT NULL, source_sequence INTEGER NOT NULL,"
    " created_ns INTEGER NOT NULL, updated_ns INTEGER NOT NULL, kind TEXT NOT NULL,"
    " title TEXT NOT NULL, request_id TEXT UNIQUE, work_key TEXT NOT NULL, labels TEXT NOT NULL,"
    " requested_by TEXT NOT NULL, outcome BLOB, checkpoint BLOB, request BLOB);"
    "CREATE INDEX operations_by_time ON operations(created_ns, name DESC);"
    "CREATE INDEX operations_by_state ON operations(state, created_ns, name DESC);"
    "CREATE TABLE events("
    " operation INTEGER NOT NULL, sequence INTEGER NOT NULL, event BLOB NOT NULL,"
    " PRIMARY KEY(operation, sequence)) WITHOUT ROWID;"
    "CREATE TABLE recent("
    " id INTEGER PRIMARY KEY, operation INTEGER NOT NULL, sequence INTEGER NOT NULL,"
    " event BLOB NOT NULL);"
    "CREATE UNIQUE INDEX recent_by_operation ON recent(operation, sequence);"
    "CREATE TABLE meta(generation INTEGER NOT NULL);"
    "INSERT INTO meta VALUES(0);";

static const char model_tables[] =
    "CREATE TABLE models("
    " name TEXT NOT NULL, version INTEGER NOT NULL, created_ns INTEGER NOT NULL,"
    " operation TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL, about BLOB NOT NULL,"
    " PRIMARY KEY(name, version)) WITHOUT ROWID;";

static const char set_old_tables_aside[] =
    "ALTER TABLE operations RENAME TO operations_1;"
    "ALTER TABLE events RENAME TO events_1;"
    "DROP INDEX operations_by_time;"
    "DROP INDEX operations_by_state;";

static const char take_over_old_rows[] =
    "INSERT INTO operations(name, state, detached, epoch, last_sequence, source_epoch,"
    "  source_sequence, created_ns, updated_ns, kind, title, request_id, work_key, labels,"
    "  requested_by, outcome)"
    " SELECT name, state, detached, epoch, last_sequence, 0, 0, created_ns, updated_ns, kind,"
    "  title, request_id, work_key, '', '', outcome FROM operations_1 ORDER BY rowid;"
    "INSERT INTO events SELECT id, sequence, event FROM operations"
    " JOIN events_1 ON events_1.operation=operations.name ORDER BY id, sequence;"
    "DROP TABLE events_1;"
    "DROP TABLE operations_1;";

static mesh_code read_number(store *store, const char *sql, int64_t *out, mesh_error *err) {
  sqlite3_stmt *statement;
  sqlite3 *db = store->writer.db;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
    return store_fail(store, db, "cannot read the header", err);
  }
  mesh_code code = GRPC_STATUS_OK;
  if (sqlite3_step(statement) == SQLITE_ROW) {
    *out = sqlite3_column_int64(statement, 0);
  } else {
    code = store_fail(store, db, "cannot read the header", err);
  }
  sqlite3_finalize(statement);
  return code;
}

static mesh_code run_all(store *store, const char *const *scripts, size_t count, const char *doing,
                         mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  for (size_t i = 0; i < count && code == GRPC_STATUS_OK; i++)
    code = store_execute(store, store->writer.db, scripts[i], doing, err);
  return code;
}

static mesh_code write_version(store *store, mesh_error *err) {
  char versions[96];
  snprintf(versions, sizeof versions, "PRAGMA application_id=%d; PRAGMA user_version=%d",
           APPLICATION_ID, SCHEMA_VERSION);
  return store_execute(store, store->writer.db, versions, "cannot write the version", err);
}

static mesh_code create_tables(store *store, mesh_error *err) {
  const char *const scripts[] = {series_tables, operation_tables, model_tables};
  mesh_code code = run_all(store, scripts, 3, "cannot make the tables", err);
  return code == GRPC_STATUS_OK ? write_version(store, err) : code;
}

static mesh_code migrate_from_1(store *store, mesh_error *err) {
  const char *const scripts[] = {set_old_tables_aside, operation_tables, take_over_old_rows,
                                 model_tables};
  mesh_code code = run_all(store, scripts, 4, "cannot bring version 1 up to date", err);
  return code == GRPC_STATUS_OK ? write_version(store, err) : code;
}

static mesh_code migrate_from_2(store *store, mesh_error *err) {
  const char *const scripts[] = {model_tables};
  mesh_code code = run_all(store, scripts, 1, "cannot bring version 2 up to date", err);
  return code == GRPC_STATUS_OK ? write_version(store, err) : code;
}

static mesh_code check_schema(store *store, mesh_error *err) {
  int64_t application = 0, version = 0, tables = 0;
  mesh_code code = read_number(store, "PRAGMA application_id", &application, err);
  if (code == GRPC_STATUS_OK) code = read_number(store, "PRAGMA user_version", &version, err);
  if (code == GRPC_STATUS_OK) {
    code = read_number(store, "SELECT count(*) FROM sqlite_master", &tables, err);
  }
  if (code != GRPC_STATUS_OK) return code;
  if (application == 0 && version == 0 && tables == 0) return create_tables(store, err);
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
  if (version == 1) return migrate_from_1(store, err);
  return version == 2 ? migrate_from_2(store, err) : GRPC_STATUS_OK;
}

static mesh_code claim(store *store, mesh_error *err) {
  mesh_code code = store_execute(store, store->writer.db, "UPDATE meta SET generation=generation+1",
                                 "cannot take the store over", err);
  if (code != GRPC_STATUS_OK) return code;
  int64_t recent = 0;
  code = read_number(store, "SELECT count(*) FROM recent", &recent, err);
  if (code != GRPC_STATUS_OK) return code;
  store->recent = (int)recent;
  return read_number(store, "SELECT generation FROM meta", &store->generation, err);
}

mesh_code store_take_over(store *store, mesh_error *err) {
  sqlite3 *db = store->writer.db;
  mesh_code code = store_execute(store, db, "BEGIN IMMEDIATE", "cannot begin a transaction", err);
  if (code != GRPC_STATUS_OK) return code;
  code = check_schema(store, err);
  if (code == GRPC_STATUS_OK) code = claim(store, err);
  if (code == GRPC_STATUS_OK) code = store_execute(store, db, "COMMIT", "cannot commit", err);
  // Fails where SQLite has rolled back by itself (a full disk): that is what is wanted.
  if (code != GRPC_STATUS_OK) sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
  return code;
}
