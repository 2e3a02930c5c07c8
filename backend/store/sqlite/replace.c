// Series that go, or make room for another; and what their sources said of stored bars since.
#include <math.h>

#include "backend/store/sqlite/internal.h"
#include "mesh/runtime/text.h"

// Runs a statement whose parameters are a series and a number.
static mesh_code run_on(store *store, store_sql id, const char *sql, int64_t series, int64_t number,
                        const char *doing, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, id, sql, &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, series);
  sqlite3_bind_int64(statement, 2, number);
  code = store_step(store, statement, doing, err);
  store_release(statement);
  return code;
}

// ---- going: hidden in one short write, then cleared piece by piece ----

// No normal form of a symbol has small letters: nobody's name is that.
static mesh_code hide(store *store, int64_t series, mesh_error *err) {
  store->removed_left = true;
  return run_on(store, STORE_SQL_HIDE_SERIES,
                "UPDATE series SET symbol='removed/' || id, bars=?2 WHERE id=?1", series, 0,
                "cannot remove a series", err);
}

typedef struct removal {
  store_write write;  // first: run() gets its address
  const series_key *key, *by;
  store_uses uses;  // NULL: whoever uses it
  void *arg;
  int64_t bars;
} removal;

static mesh_code count_all(store *store, int64_t series, int64_t *bars, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, STORE_SQL_COUNT_OF_SERIES,
                                 "SELECT bars FROM series WHERE id=?1", &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, series);
  if (sqlite3_step(statement) == SQLITE_ROW) {
    *bars = sqlite3_column_int64(statement, 0);
  } else {
    code = store_fail(store, store->writer.db, "cannot count the bars of a series", err);
  }
  store_release(statement);
  return code;
}

static mesh_code run_remove(store *store, store_write *write, mesh_error *err) {
  removal *own = (removal *)write;
  int64_t series = 0;
  mesh_code code = store_find_series(store, &store->writer, own->key, &series, err);
  if (code == GRPC_STATUS_OK) code = count_all(store, series, &own->bars, err);
  return code == GRPC_STATUS_OK ? hide(store, series, err) : code;
}

// What was gathered to take its place, of this prefix.
static mesh_code hide_shadow(store *store, const series_key *key, const char *prefix,
                             mesh_error *err) {
  char source[SERIES_SOURCE_MAX + 1];
  int64_t series = 0;
  mesh_error none;
  series_key shadow = *key;
  mesh_text_format(source, sizeof source, "%s%s", prefix, key->source);
  shadow.source = source;
  mesh_code code = store_find_series(store, &store->writer, &shadow, &series, &none);
  if (code == GRPC_STATUS_OK) return hide(store, series, err);
  if (code == GRPC_STATUS_NOT_FOUND) return GRPC_STATUS_OK;
  *err = none;
  return code;
}

static mesh_code run_remove_unused(store *store, store_write *write, mesh_error *err) {
  const removal *own = (removal *)write;
  mesh_code code = store_check_unused(store, own->key, own->uses, own->arg, err);
  if (code == GRPC_STATUS_OK) code = run_remove(store, write, err);
  if (code == GRPC_STATUS_OK) code = hide_shadow(store, own->key, STORE_SHADOW, err);
  if (code != GRPC_STATUS_OK) return code;
  return hide_shadow(store, own->key, STORE_SHADOW STORE_SHADOW, err);  // one that began again
}

mesh_code store_remove_unused_series(store *store, const series_key *key, store_uses uses,
                                     void *arg, int64_t *bars, mesh_error *err) {
  removal own = {.write.run = run_remove_unused, .key = key, .uses = uses, .arg = arg};
  mesh_code code = store_submit_and_wait(store, &own.write, err);
  if (code == GRPC_STATUS_OK && bars != NULL) *bars = own.bars;
  return code;
}

mesh_code store_remove_series(store *store, const series_key *key, int64_t *bars, mesh_error *err) {
  removal own = {.write.run = run_remove, .key = key};
  mesh_code code = store_submit_and_wait(store, &own.write, err);
  if (code == GRPC_STATUS_OK && bars != NULL) *bars = own.bars;
  return code;
}

static mesh_code give_key(store *store, int64_t series, const series_key *key, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, STORE_SQL_RENAME_SERIES,
                                 "UPDATE series SET symbol=?2, timeframe=?3, source=?4, prices=?5,"
                                 " session=?6 WHERE id=?1",
                                 &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, series);
  store_bind_text(statement, 2, key->symbol);
  store_bind_text(statement, 3, key->timeframe);
  store_bind_text(statement, 4, key->source);
  store_bind_text(statement, 5, key->prices);
  store_bind_text(statement, 6, key->session);
  code = store_step(store, statement, "cannot replace a series", err);
  store_release(statement);
  return code;
}

static mesh_code run_replace(store *store, store_write *write, mesh_error *err) {
  const removal *own = (removal *)write;
  int64_t series = 0, by = 0;
  mesh_code code = store_find_series(store, &store->writer, own->by, &by, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_error none;
  code = store_find_series(store, &store->writer, own->key, &series, &none);
  if (code == GRPC_STATUS_NOT_FOUND) return give_key(store, by, own->key, err);
  if (code == GRPC_STATUS_OK) code = hide(store, series, &none);
  if (code == GRPC_STATUS_OK) return give_key(store, by, own->key, err);
  *err = none;
  return code;
}

mesh_code store_replace_series(store *store, const series_key *by, const series_key *key,
                               mesh_error *err) {
  removal own = {.write.run = run_replace, .key = key, .by = by};
  return store_submit_and_wait(store, &own.write, err);
}

// ---- clearing ----

mesh_code store_clear_removed_series(store *store, int *left, mesh_error *err) {
  static const struct {
    store_sql id;
    const char *sql;
  } steps[] = {
      {STORE_SQL_DELETE_BARS,
       "DELETE FROM bars WHERE series=?1 AND time_s IN"
       " (SELECT time_s FROM bars WHERE series=?1 LIMIT ?2)"},
      {STORE_SQL_CLEAR_COVERAGE,
       "DELETE FROM coverage WHERE series=?1 AND from_s IN"
       " (SELECT from_s FROM coverage WHERE series=?1 LIMIT ?2)"},
      {STORE_SQL_CLEAR_CHANGES,
       "DELETE FROM changes WHERE series=?1 AND time_s IN"
       " (SELECT time_s FROM changes WHERE series=?1 LIMIT ?2)"},
      {STORE_SQL_DELETE_SERIES, "DELETE FROM series WHERE id=?1 AND ?2>0"},
  };
  int64_t series = 0;
  mesh_code code;
  do {
    code = store_find_removed(store, STORE_SQL_FIND_REMOVED_SERIES,
                              "SELECT id FROM series WHERE symbol>='removed/' AND"
                              " symbol<'removed0' LIMIT 1",
                              &series, err);
    for (size_t i = 0; series != 0 && i < 4 && *left > 0 && code == GRPC_STATUS_OK; i++) {
      code = run_on(store, steps[i].id, steps[i].sql, series, *left,
                    "cannot remove what a series left", err);
      *left -= (int)sqlite3_changes64(store->writer.db);
    }
  } while (code == GRPC_STATUS_OK && series != 0 && *left > 0);
  return code;
}

// ---- probes ----

typedef struct probe_write {
  store_write write;  // first
  const series_key *key;
  int64_t now_s;
  const store_change *changes;
  size_t count;
} probe_write;

static mesh_code note_change(store *store, int64_t series, int64_t now_s,
                             const store_change *change, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code =
      store_prepare(store, &store->writer, STORE_SQL_NOTE_CHANGE,
                    "INSERT OR REPLACE INTO changes VALUES(?1, ?2, ?3, ?4, ?5)", &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, series);
  sqlite3_bind_int64(statement, 2, change->time_s);
  sqlite3_bind_int64(statement, 3, now_s);
  sqlite3_bind_double(statement, 4, change->was);
  sqlite3_bind_double(statement, 5, change->is);  // NaN is stored as NULL
  code = store_step(store, statement, "cannot note a change", err);
  store_release(statement);
  return code;
}

static mesh_code run_note(store *store, store_write *write, mesh_error *err) {
  const probe_write *own = (probe_write *)write;
  int64_t series = 0;
  mesh_code code = store_find_series(store, &store->writer, own->key, &series, err);
  if (code == GRPC_STATUS_OK) {
    code = run_on(store, STORE_SQL_NOTE_PROBE, "UPDATE series SET probed_s=?2 WHERE id=?1", series,
                  own->now_s, "cannot note a probe", err);
  }
  for (size_t i = 0; i < own->count && code == GRPC_STATUS_OK; i++)
    code = note_change(store, series, own->now_s, &own->changes[i], err);
  return code;
}

mesh_code store_note_probe(store *store, const series_key *key, int64_t now_s,
                           const store_change *changes, size_t count, mesh_error *err) {
  probe_write own = {
      .write.run = run_note, .key = key, .now_s = now_s, .changes = changes, .count = count};
  return store_submit_and_wait(store, &own.write, err);
}

static mesh_code pass_changes(store *store, int64_t series, int64_t from_s, int64_t to_s,
                              void (*each)(void *arg, const store_change *change), void *arg,
                              mesh_error *err) {
  sqlite3_stmt *statement;
  int step;
  mesh_code code = store_prepare(store, &store->reader, STORE_SQL_READ_CHANGES,
                                 "SELECT time_s, noticed_s, was, now FROM changes"
                                 " WHERE series=?1 AND time_s>=?2 AND time_s<?3 ORDER BY time_s",
                                 &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, series);
  sqlite3_bind_int64(statement, 2, from_s);
  sqlite3_bind_int64(statement, 3, to_s);
  while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
    bool gone = sqlite3_column_type(statement, 3) == SQLITE_NULL;
    store_change change = {sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1),
                           sqlite3_column_double(statement, 2),
                           gone ? NAN : sqlite3_column_double(statement, 3)};
    each(arg, &change);
  }
  if (step != SQLITE_DONE) {
    code = store_fail(store, store->reader.db, "cannot read what has changed", err);
  }
  store_release(statement);
  return code;
}

mesh_code store_read_changes(store *store, const series_key *key, int64_t from_s, int64_t to_s,
                             void (*each)(void *arg, const store_change *change), void *arg,
                             mesh_error *err) {
  int64_t series = 0;
  pthread_mutex_lock(&store->read_lock);
  mesh_code code = store_find_series(store, &store->reader, key, &series, err);
  if (code == GRPC_STATUS_OK) {
    code = pass_changes(store, series, from_s, to_s, each, arg, err);
  } else if (code == GRPC_STATUS_NOT_FOUND) {
    code = GRPC_STATUS_OK;
  }
  pthread_mutex_unlock(&store->read_lock);
  return code;
}
