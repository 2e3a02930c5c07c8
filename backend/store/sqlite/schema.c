// The schema, its version, and who owns the file.
#include <stdio.h>
#include <stdlib.h>

#include "backend/store/sqlite/internal.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/text.h"

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
    " requested_by TEXT NOT NULL, outcome BLOB, checkpoint BLOB, request BLOB,"
    " ended_age_s INTEGER);"
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

// ended_age_s: when it ended, by the store's own clock (age.c), which began at 0 with this version.
// meta: whose store it is, and what its clock said when.
static const char identity_and_age[] =
    "ALTER TABLE meta ADD COLUMN id TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE meta ADD COLUMN age_s INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE meta ADD COLUMN wall_s INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE meta ADD COLUMN boot_s INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE meta ADD COLUMN boot TEXT NOT NULL DEFAULT '';"
    "UPDATE operations SET ended_age_s=0 WHERE state IN (3, 4, 5);"
    "CREATE INDEX models_by_time ON models(created_ns DESC, name, version DESC);"
    "CREATE INDEX operations_by_end ON operations(ended_age_s) WHERE ended_age_s IS NOT NULL;";

static const char add_ends[] = "ALTER TABLE operations ADD COLUMN ended_age_s INTEGER;";

// What was answered, by whose clock, and when it is worth asking again. Until then one bar in the
// answer made all that was asked known, and "no data" was for ever: what was said to be empty is
// asked again (but what lies before the source's first bar), and so is the end of each series.
static const char add_ledger[] =
    "ALTER TABLE coverage ADD COLUMN asked_s INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE coverage ADD COLUMN again_s INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE coverage ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;"
    "UPDATE coverage SET again_s=9223372036854775807 WHERE state=2 AND from_s=-2208988800;"
    "INSERT INTO coverage SELECT coverage.series, last_s, to_s, 4, 'stored by an older version', "
    "0, 0, 0"
    " FROM coverage JOIN series ON series.id=coverage.series"
    " WHERE state=1 AND from_s<last_s AND to_s>last_s;"
    "UPDATE coverage SET to_s=(SELECT last_s FROM series WHERE id=coverage.series)"
    " WHERE state=1 AND from_s<(SELECT last_s FROM series WHERE id=coverage.series)"
    " AND to_s>(SELECT last_s FROM series WHERE id=coverage.series);"
    "UPDATE coverage SET state=4, reason='stored by an older version'"
    " WHERE state=1 AND from_s=(SELECT last_s FROM series WHERE id=coverage.series);";

// Until then series did not say whose they are.
static const char add_source[] =
    "ALTER TABLE series RENAME TO series_5;"
    "CREATE TABLE series("
    " id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, timeframe TEXT NOT NULL, source TEXT NOT NULL,"
    " bars INTEGER NOT NULL DEFAULT 0, first_s INTEGER, last_s INTEGER,"
    " updated_ns INTEGER NOT NULL DEFAULT 0, UNIQUE(symbol, timeframe, source));"
    "INSERT INTO series SELECT id, symbol, timeframe, %Q, bars, first_s, last_s, updated_ns"
    " FROM series_5;"
    "DROP TABLE series_5;";

// Until then a series was called by the text that it was asked for with, and said neither what its
// bars are made of nor which hours they cover: what the host asked for by itself. What was stored
// under two texts of one instrument becomes one series, whose ledger is asked again where they met.
static const char add_instruments[] =
    "CREATE TABLE instruments("
    " source TEXT NOT NULL, name TEXT NOT NULL, con_id INTEGER NOT NULL, resolved_s INTEGER NOT "
    "NULL, about BLOB, PRIMARY KEY(source, name)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX instruments_by_number ON instruments(source, con_id) WHERE con_id<>0;"
    "CREATE TABLE aliases("
    " text TEXT NOT NULL, source TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY(text, source))"
    " WITHOUT ROWID;"
    "ALTER TABLE series RENAME TO series_6;"
    "CREATE TABLE series("
    " id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, timeframe TEXT NOT NULL, source TEXT NOT NULL,"
    " prices TEXT NOT NULL, session TEXT NOT NULL, bars INTEGER NOT NULL DEFAULT 0,"
    " first_s INTEGER, last_s INTEGER, updated_ns INTEGER NOT NULL DEFAULT 0,"
    " probed_s INTEGER NOT NULL DEFAULT 0, UNIQUE(symbol, timeframe, source, prices, session));"
    "CREATE TABLE changes("
    " series INTEGER NOT NULL, time_s INTEGER NOT NULL, noticed_s INTEGER NOT NULL, was REAL,"
    " now REAL, PRIMARY KEY(series, time_s)) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO series SELECT id, instrument_name(symbol), timeframe, source,"
    "  old_prices(symbol), old_session(symbol), bars, first_s, last_s, updated_ns, 0"
    " FROM series_6 ORDER BY bars DESC, id;"
    "CREATE TABLE moved(old INTEGER PRIMARY KEY, new INTEGER NOT NULL);"
    "INSERT INTO moved SELECT series_6.id, series.id FROM series_6 JOIN series"
    " ON series.symbol=instrument_name(series_6.symbol) AND series.timeframe=series_6.timeframe"
    "  AND series.source=series_6.source WHERE series.id<>series_6.id;"
    "INSERT OR IGNORE INTO bars SELECT new, time_s, open, high, low, close, volume"
    " FROM bars JOIN moved ON series=old;"
    "DELETE FROM bars WHERE series IN (SELECT old FROM moved);"
    "DELETE FROM coverage WHERE series IN (SELECT old FROM moved);"
    "UPDATE series SET (bars, first_s, last_s)="
    "  (SELECT count(*), min(time_s), max(time_s) FROM bars WHERE bars.series=series.id)"
    " WHERE id IN (SELECT new FROM moved);"
    "DROP TABLE moved;"
    "DROP TABLE series_6;";

// Until then the number of a removed series could become another one's, of which somebody who read
// the first one page by page then got the rest.
static const char number_for_good[] =
    "ALTER TABLE series RENAME TO series_7;"
    "CREATE TABLE series("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, symbol TEXT NOT NULL, timeframe TEXT NOT NULL,"
    " source TEXT NOT NULL, prices TEXT NOT NULL, session TEXT NOT NULL,"
    " bars INTEGER NOT NULL DEFAULT 0, first_s INTEGER, last_s INTEGER,"
    " updated_ns INTEGER NOT NULL DEFAULT 0, probed_s INTEGER NOT NULL DEFAULT 0,"
    " UNIQUE(symbol, timeframe, source, prices, session));"
    "INSERT INTO series SELECT id, symbol, timeframe, source, prices, session, bars, first_s,"
    " last_s, updated_ns, probed_s FROM series_7;"
    "DROP TABLE series_7;";

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
           STORE_APPLICATION_ID, STORE_SCHEMA_VERSION);
  return store_execute(store, store->writer.db, versions, "cannot write the version", err);
}

static mesh_code name_sources(store *store, const char *doing, mesh_error *err) {
  char *sql = sqlite3_mprintf(add_source, store->old_source);
  if (sql == NULL) abort();
  mesh_code code = store_execute(store, store->writer.db, sql, doing, err);
  sqlite3_free(sql);
  return code;
}

static mesh_code name_instruments(store *store, const char *doing, mesh_error *err) {
  return store_execute(store, store->writer.db, add_instruments, doing, err);
}

static mesh_code number_series(store *store, const char *doing, mesh_error *err) {
  return store_execute(store, store->writer.db, number_for_good, doing, err);
}

static mesh_code create_tables(store *store, mesh_error *err) {
  static const char doing[] = "cannot make the tables";
  const char *const scripts[] = {series_tables, operation_tables, model_tables, identity_and_age,
                                 add_ledger};
  mesh_code code = run_all(store, scripts, 5, doing, err);
  if (code == GRPC_STATUS_OK) code = name_sources(store, doing, err);
  if (code == GRPC_STATUS_OK) code = name_instruments(store, doing, err);
  if (code == GRPC_STATUS_OK) code = number_series(store, doing, err);
  return code == GRPC_STATUS_OK ? write_version(store, err) : code;
}

static mesh_code migrate(store *store, int64_t version, mesh_error *err) {
  const char *const from_1[] = {set_old_tables_aside, operation_tables, take_over_old_rows,
                                model_tables,         identity_and_age, add_ledger};
  const char *const from_2[] = {model_tables, add_ends, identity_and_age, add_ledger};
  mesh_code code = GRPC_STATUS_OK;
  char doing[64];
  if (version == STORE_SCHEMA_VERSION) return code;
  snprintf(doing, sizeof doing, "cannot bring version %d up to date", (int)version);
  if (version == 1) code = run_all(store, from_1, 6, doing, err);
  if (version == 2) code = run_all(store, from_2, 4, doing, err);
  if (version == 3) code = run_all(store, from_2 + 1, 3, doing, err);
  if (version == 4) code = run_all(store, from_2 + 3, 1, doing, err);
  if (code == GRPC_STATUS_OK && version <= 5) code = name_sources(store, doing, err);
  if (code == GRPC_STATUS_OK && version <= 6) code = name_instruments(store, doing, err);
  if (code == GRPC_STATUS_OK) code = number_series(store, doing, err);
  if (code == GRPC_STATUS_OK && version <= 5) {
    mesh_log(MESH_LOG_INFO, "store",
             "%s: brought up to date from version %d; its series are taken for those of %s",
             store->path, (int)version, store->old_source);
  } else if (code == GRPC_STATUS_OK) {
    mesh_log(MESH_LOG_INFO, "store", "%s: brought up to date from version %d", store->path,
             (int)version);
  }
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
  if (application != STORE_APPLICATION_ID) {
    return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                     "store %s: it is a database of another program (application id %08llx)",
                     store->path, (unsigned long long)application);
  }
  if (version > STORE_SCHEMA_VERSION) {
    return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                     "store %s: its schema is version %lld, this program knows up to %d: "
                     "use a newer millrace",
                     store->path, (long long)version, STORE_SCHEMA_VERSION);
  }
  if (version < 1) {
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS,
                     "store %s: its schema is version %lld, which never was: put a backup in its "
                     "place",
                     store->path, (long long)version);
  }
  return migrate(store, version, err);
}

// ---- taking over ----

static void copy_text(char *out, size_t capacity, sqlite3_stmt *statement, int column) {
  mesh_text_copy(out, capacity, store_text_column(statement, column));
}

// What the file says of itself: its id, its generation, its clock.
static mesh_code read_meta(store *store, int64_t *generation, store_moment *seen, mesh_error *err) {
  sqlite3_stmt *statement;
  sqlite3 *db = store->writer.db;
  *seen = (store_moment){0};
  if (sqlite3_prepare_v2(db, "SELECT generation, id, age_s, wall_s, boot_s, boot FROM meta", -1,
                         &statement, NULL) != SQLITE_OK) {
    return store_fail(store, db, "cannot read whose it is", err);
  }
  mesh_code code = GRPC_STATUS_OK;
  int step = sqlite3_step(statement);
  if (step == SQLITE_ROW) {
    *generation = sqlite3_column_int64(statement, 0);
    copy_text(store->id, sizeof store->id, statement, 1);
    store->age_s = sqlite3_column_int64(statement, 2);
    seen->wall_s = sqlite3_column_int64(statement, 3);
    seen->boot_s = sqlite3_column_int64(statement, 4);
    copy_text(seen->boot, sizeof seen->boot, statement, 5);
  } else if (step == SQLITE_DONE) {
    code = mesh_fail(err, GRPC_STATUS_DATA_LOSS,
                     "store %s: the file is damaged: it does not say whose it is", store->path);
  } else {
    code = store_fail(store, db, "cannot read whose it is", err);
  }
  sqlite3_finalize(statement);
  return code;
}

static mesh_code write_meta(store *store, mesh_error *err) {
  char sql[320];
  snprintf(sql, sizeof sql,
           "UPDATE meta SET generation=%lld, id='%s', age_s=%lld, wall_s=%lld, boot_s=%lld,"
           " boot='%s'",
           (long long)store->generation, store->id, (long long)store->age_s,
           (long long)store->seen.wall_s, (long long)store->seen.boot_s, store->seen.boot);
  return store_execute(store, store->writer.db, sql, "cannot take the store over", err);
}

// The clock goes on from where it was last written down. Its first time is 0.
static void start_clock(store *store, const store_moment *last) {
  store->read_moment(&store->seen);
  if (last->wall_s != 0) store->age_s += store_age_between(last, &store->seen);
}

static mesh_code claim(store *store, const store_identity *file, mesh_error *err) {
  int64_t recent = 0, removed = 0;
  store_moment last;
  mesh_code code = read_meta(store, &store->generation, &last, err);
  if (code == GRPC_STATUS_OK) code = store_check_identity(store, file, store->generation, err);
  if (code != GRPC_STATUS_OK) return code;
  if (store->id[0] == '\0') store_make_id(store->id);
  start_clock(store, &last);
  store->generation++;
  code = write_meta(store, err);
  if (code == GRPC_STATUS_OK)
    code = read_number(store, "SELECT count(*) FROM recent", &recent, err);
  if (code == GRPC_STATUS_OK) {
    code = read_number(store,
                       "SELECT (SELECT count(*) FROM operations WHERE state=-1) +"
                       " (SELECT count(*) FROM series WHERE symbol LIKE 'removed/%')",
                       &removed, err);
  }
  store->recent = (int)recent;
  store->removed_left = removed > 0;
  return code;
}

static mesh_code take_over(store *store, const store_identity *file, mesh_error *err) {
  sqlite3 *db = store->writer.db;
  mesh_code code = store_execute(store, db, "BEGIN IMMEDIATE", "cannot begin a transaction", err);
  if (code != GRPC_STATUS_OK) return code;
  code = check_schema(store, err);
  if (code == GRPC_STATUS_OK) code = claim(store, file, err);
  if (code == GRPC_STATUS_OK) code = store_execute(store, db, "COMMIT", "cannot commit", err);
  // Fails where SQLite has rolled back by itself (a full disk): that is what is wanted.
  if (code != GRPC_STATUS_OK) sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
  return code;
}

mesh_code store_take_over(store *store, const store_identity *file, mesh_error *err) {
  mesh_error ignored;
  int64_t copied = 0;
  sqlite3_exec(store->writer.db, "PRAGMA synchronous=FULL", NULL, NULL, NULL);
  mesh_code code = store_copy_old(store, &copied, err);
  if (code == GRPC_STATUS_OK) code = take_over(store, file, err);
  if (code == GRPC_STATUS_OK) code = store_drop_copy(store, copied, err);
  if (!store->synchronous_full) {
    sqlite3_exec(store->writer.db, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL);
  }
  if (code != GRPC_STATUS_OK) return code;
  store_note_files(store);
  if (store_write_identity(store, false, &ignored) != GRPC_STATUS_OK) {
    mesh_log(MESH_LOG_WARN, "store", "%s; a lost database would not be noticed", ignored.message);
  }
  return GRPC_STATUS_OK;
}
