// Series: a symbol and a timeframe, and what is known of their bars at a glance.
#include <time.h>

#include "backend/store/sqlite/internal.h"
#include "market/timeframe.h"
#include "mesh/runtime/time.h"

mesh_code store_find_series(store *store, store_connection *connection, const char *symbol,
                            const char *timeframe, int64_t *id, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code =
      store_prepare(store, connection, STORE_SQL_FIND_SERIES,
                    "SELECT id FROM series WHERE symbol=? AND timeframe=?", &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_text(statement, 1, symbol, -1, SQLITE_STATIC);
  sqlite3_bind_text(statement, 2, timeframe, -1, SQLITE_STATIC);
  int step = sqlite3_step(statement);
  if (step == SQLITE_ROW) {
    *id = sqlite3_column_int64(statement, 0);
  } else if (step == SQLITE_DONE) {
    code = mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no stored series %s %s", symbol, timeframe);
  } else {
    code = store_fail(store, connection->db, "cannot find a series", err);
  }
  store_release(statement);
  return code;
}

mesh_code store_find_or_add_series(store *store, const char *symbol, const char *timeframe,
                                   int64_t *id, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, STORE_SQL_ADD_SERIES,
                                 "INSERT OR IGNORE INTO series(symbol, timeframe) VALUES(?, ?)",
                                 &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_text(statement, 1, symbol, -1, SQLITE_STATIC);
  sqlite3_bind_text(statement, 2, timeframe, -1, SQLITE_STATIC);
  code = store_step(store, statement, "cannot add a series", err);
  store_release(statement);
  if (code != GRPC_STATUS_OK) return code;
  return store_find_series(store, &store->writer, symbol, timeframe, id, err);
}

static int64_t wall_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return mesh_time_join(now.tv_sec, now.tv_nsec);
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

static mesh_code list_rows(store *store, const char *symbol, const store_series_place *after,
                           void (*each)(void *arg, const store_series *series), void *arg,
                           mesh_error *err) {
  sqlite3_stmt *statement;
  store_connection *reader = &store->reader;
  mesh_code code = store_prepare(store, reader, STORE_SQL_LIST_SERIES,
                                 "SELECT symbol, timeframe, bars, first_s, last_s, updated_ns"
                                 " FROM series WHERE bars>0 AND (?1='' OR symbol=?1)"
                                 " AND symbol>=?2 AND (symbol>?2 OR (timeframe_s(timeframe),"
                                 " timeframe) > (timeframe_s(?3), ?3))"
                                 " ORDER BY symbol, timeframe_s(timeframe), timeframe LIMIT ?4",
                                 &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  store_bind_text(statement, 1, symbol);
  store_bind_text(statement, 2, after != NULL ? after->symbol : "");
  store_bind_text(statement, 3, after != NULL ? after->timeframe : "");
  sqlite3_bind_int(statement, 4, STORE_SERIES_PAGE);
  int step;
  while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
    store_series series = {.symbol = store_text_column(statement, 0),
                           .timeframe = store_text_column(statement, 1),
                           .bars = sqlite3_column_int64(statement, 2),
                           .first_s = sqlite3_column_int64(statement, 3),
                           .last_s = sqlite3_column_int64(statement, 4),
                           .updated_ns = sqlite3_column_int64(statement, 5)};
    each(arg, &series);
  }
  if (step != SQLITE_DONE) code = store_fail(store, reader->db, "cannot list the series", err);
  store_release(statement);
  return code;
}

mesh_code store_list_series(store *store, const char *symbol, const store_series_place *after,
                            void (*each)(void *arg, const store_series *series), void *arg,
                            mesh_error *err) {
  pthread_mutex_lock(&store->read_lock);
  mesh_code code = list_rows(store, symbol, after, each, arg, err);
  pthread_mutex_unlock(&store->read_lock);
  return code;
}
