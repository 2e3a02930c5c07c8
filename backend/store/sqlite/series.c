// Series: a symbol, a timeframe and a source, and what is known of their bars at a glance.
#include <time.h>

#include "backend/store/sqlite/internal.h"
#include "market/timeframe.h"
#include "mesh/runtime/time.h"

static void bind_key(sqlite3_stmt *statement, const series_key *key) {
  store_bind_text(statement, 1, key->symbol);
  store_bind_text(statement, 2, key->timeframe);
  store_bind_text(statement, 3, key->source);
  store_bind_text(statement, 4, key->prices);
  store_bind_text(statement, 5, key->session);
}

mesh_code store_find_series(store *store, store_connection *connection, const series_key *key,
                            int64_t *id, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code =
      store_prepare(store, connection, STORE_SQL_FIND_SERIES,
                    "SELECT id FROM series WHERE symbol=?1 AND timeframe=?2 AND source=?3"
                    " AND prices=?4 AND session=?5",
                    &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  bind_key(statement, key);
  int step = sqlite3_step(statement);
  if (step == SQLITE_ROW) {
    *id = sqlite3_column_int64(statement, 0);
  } else if (step == SQLITE_DONE) {
    code = mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no stored series %s %s%s%s", key->symbol,
                     key->timeframe, key->source[0] != '\0' ? " of " : "", key->source);
  } else {
    code = store_fail(store, connection->db, "cannot find a series", err);
  }
  store_release(statement);
  return code;
}

static int64_t wall_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return mesh_time_join(now.tv_sec, now.tv_nsec);
}

mesh_code store_find_or_add_series(store *store, const series_key *key, int64_t *id,
                                   mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(
      store, &store->writer, STORE_SQL_ADD_SERIES,
      "INSERT OR IGNORE INTO series(symbol, timeframe, source, prices, session, probed_s)"
      " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
      &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  bind_key(statement, key);
  sqlite3_bind_int64(statement, 6, mesh_time_seconds(wall_ns()));  // its bars come now
  code = store_step(store, statement, "cannot add a series", err);
  store_release(statement);
  if (code != GRPC_STATUS_OK) return code;
  return store_find_series(store, &store->writer, key, id, err);
}

mesh_code store_update_series(store *store, int64_t series, const store_bars *bars, int64_t added,
                              mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code =
      store_prepare(store, &store->writer, STORE_SQL_UPDATE_SERIES,
                    "UPDATE series SET bars=bars+?1, updated_ns=?2,"
                    " first_s=min(ifnull(first_s, ?3), ?3), last_s=max(ifnull(last_s, ?4), ?4)"
                    " WHERE id=?5",
                    &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, added);
  sqlite3_bind_int64(statement, 2, wall_ns());
  sqlite3_bind_int64(statement, 3, bars->times[0]);
  sqlite3_bind_int64(statement, 4, bars->times[bars->count - 1]);
  sqlite3_bind_int64(statement, 5, series);
  code = store_step(store, statement, "cannot update a series", err);
  store_release(statement);
  return code;
}

// ---- list ----

// timeframe_s(text): its length, by the mesh's own table. What that does not know comes last.
static void timeframe_s(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  const char *text = (const char *)sqlite3_value_text(values[0]);
  const timeframe *known = text == NULL ? NULL : timeframe_named(text);
  sqlite3_result_int64(context, known == NULL ? INT64_MAX : known->seconds);
}

mesh_code store_add_series_functions(store *store, mesh_error *err) {
  int added = sqlite3_create_function_v2(store->reader.db, "timeframe_s", 1,
                                         SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, timeframe_s,
                                         NULL, NULL, NULL);
  if (added == SQLITE_OK) return GRPC_STATUS_OK;
  return store_fail(store, store->reader.db, "cannot add a function", err);
}

// Passes on the rows of a statement: SERIES_COLUMNS.
static mesh_code pass_rows(store *store, sqlite3_stmt *statement,
                           void (*each)(void *arg, const store_series *series), void *arg,
                           mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  int step;
  while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
    store_series series = {.key = {.symbol = store_text_column(statement, 0),
                                   .timeframe = store_text_column(statement, 1),
                                   .source = store_text_column(statement, 2),
                                   .prices = store_text_column(statement, 3),
                                   .session = store_text_column(statement, 4)},
                           .bars = sqlite3_column_int64(statement, 5),
                           .first_s = sqlite3_column_int64(statement, 6),
                           .last_s = sqlite3_column_int64(statement, 7),
                           .updated_ns = sqlite3_column_int64(statement, 8),
                           .probed_s = sqlite3_column_int64(statement, 9)};
    each(arg, &series);
  }
  if (step != SQLITE_DONE)
    code = store_fail(store, store->reader.db, "cannot list the series", err);
  store_release(statement);
  return code;
}

#define SERIES_COLUMNS \
  "symbol, timeframe, source, prices, session, bars, first_s, last_s, updated_ns, probed_s"
#define IS_NO_SHADOW "substr(source, 1, 1)<>'" STORE_SHADOW "'"

// The names that text ?1 has at any source; and whether `series` is of the one that it has there.
#define NAMES_OF_TEXT "(SELECT ?1 UNION SELECT name FROM aliases WHERE text=?1)"
#define IS_OF_TEXT                                                                           \
  "symbol=ifnull((SELECT name FROM aliases WHERE text=?1 AND aliases.source=series.source)," \
  " ?1)"

static mesh_code list_rows(store *store, const char *symbol, const series_key *after,
                           void (*each)(void *arg, const store_series *series), void *arg,
                           mesh_error *err) {
  static const series_key first = {"", "", "", "", ""};
  sqlite3_stmt *statement;
  mesh_code code =
      store_prepare(store, &store->reader, STORE_SQL_LIST_SERIES,
                    "SELECT " SERIES_COLUMNS " FROM series WHERE bars>0 AND " IS_NO_SHADOW
                    " AND (?6='' OR symbol=?6"
                    "  OR symbol IN (SELECT name FROM aliases WHERE text=?6))"
                    " AND symbol>=?1 AND (symbol>?1 OR"
                    "  (timeframe_s(timeframe), timeframe, source, prices, session)"
                    "  > (timeframe_s(?2), ?2, ?3, ?4, ?5))"
                    " ORDER BY symbol, timeframe_s(timeframe), timeframe, source, prices, session"
                    " LIMIT ?7",
                    &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  bind_key(statement, after != NULL ? after : &first);
  store_bind_text(statement, 6, symbol);
  sqlite3_bind_int(statement, 7, STORE_SERIES_PAGE);
  return pass_rows(store, statement, each, arg, err);
}

mesh_code store_list_series(store *store, const char *symbol, const series_key *after,
                            void (*each)(void *arg, const store_series *series), void *arg,
                            mesh_error *err) {
  pthread_mutex_lock(&store->read_lock);
  mesh_code code = list_rows(store, symbol, after, each, arg, err);
  pthread_mutex_unlock(&store->read_lock);
  return code;
}

mesh_code store_list_sources(store *store, const series_key *key,
                             void (*each)(void *arg, const store_series *series), void *arg,
                             mesh_error *err) {
  sqlite3_stmt *statement;
  pthread_mutex_lock(&store->read_lock);
  mesh_code code = store_prepare(
      store, &store->reader, STORE_SQL_LIST_SOURCES,
      "SELECT " SERIES_COLUMNS " FROM series WHERE symbol IN " NAMES_OF_TEXT
      " AND timeframe=?2 AND " IS_OF_TEXT " AND " IS_NO_SHADOW " ORDER BY source, prices, session",
      &statement, err);
  if (code == GRPC_STATUS_OK) {
    store_bind_text(statement, 1, key->symbol);
    store_bind_text(statement, 2, key->timeframe);
    code = pass_rows(store, statement, each, arg, err);
  }
  pthread_mutex_unlock(&store->read_lock);
  return code;
}
