// Bars of a series.
#include <math.h>

#include "backend/store/sqlite/internal.h"

// ---- write ----

static mesh_code count_between(store *store, store_connection *connection, int64_t series,
                               int64_t from_s, int64_t to_s, int64_t *count, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(
      store, connection, STORE_SQL_COUNT_BARS,
      "SELECT count(*) FROM bars WHERE series=? AND time_s>=? AND time_s<?", &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, series);
  sqlite3_bind_int64(statement, 2, from_s);
  sqlite3_bind_int64(statement, 3, to_s);
  if (sqlite3_step(statement) == SQLITE_ROW) {
    *count = sqlite3_column_int64(statement, 0);
  } else {
    code = store_fail(store, connection->db, "cannot count bars", err);
  }
  store_release(statement);
  return code;
}

#define ROW "(?1, ?, ?, ?, ?, ?, ?)"

// Ten rows a statement take three quarters of the time of ten statements.
enum { ROW_VALUES = 6, ROWS_AT_ONCE = 10 };
static const char insert_one_bar[] = "INSERT OR REPLACE INTO bars VALUES" ROW;
static const char insert_ten_bars[] = "INSERT OR REPLACE INTO bars VALUES" ROW "," ROW "," ROW
                                      "," ROW "," ROW "," ROW "," ROW "," ROW "," ROW "," ROW;

static void bind_bar(sqlite3_stmt *statement, int index, const store_bars *bars, size_t i) {
  sqlite3_bind_int64(statement, index, bars->times[i]);
  sqlite3_bind_double(statement, index + 1, bars->open[i]);
  sqlite3_bind_double(statement, index + 2, bars->high[i]);
  sqlite3_bind_double(statement, index + 3, bars->low[i]);
  sqlite3_bind_double(statement, index + 4, bars->close[i]);
  sqlite3_bind_double(statement, index + 5, bars->volume[i]);  // NaN is stored as NULL
}

// Inserts bars from *next on, `rows` a statement, while there are so many; moves *next on.
static mesh_code insert_rows(store *store, int64_t series, const store_bars *bars, store_sql id,
                             const char *sql, size_t rows, size_t *next, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, id, sql, &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, series);
  while (bars->count - *next >= rows && code == GRPC_STATUS_OK) {
    for (size_t i = 0; i < rows; i++)
      bind_bar(statement, 2 + (int)i * ROW_VALUES, bars, (*next)++);
    code = store_step(store, statement, "cannot store bars", err);
  }
  store_release(statement);
  return code;
}

static mesh_code insert_bars(store *store, int64_t series, const store_bars *bars,
                             mesh_error *err) {
  size_t next = 0;
  mesh_code code = insert_rows(store, series, bars, STORE_SQL_INSERT_TEN_BARS, insert_ten_bars,
                               ROWS_AT_ONCE, &next, err);
  if (code != GRPC_STATUS_OK) return code;
  return insert_rows(store, series, bars, STORE_SQL_INSERT_ONE_BAR, insert_one_bar, 1, &next, err);
}

mesh_code store_write_bars(store *store, int64_t series, const store_bars *bars, mesh_error *err) {
  if (bars == NULL || bars->count == 0) return GRPC_STATUS_OK;
  int64_t from_s = bars->times[0], to_s = bars->times[bars->count - 1] + 1;
  int64_t before = 0, after = 0;
  mesh_code code = count_between(store, &store->writer, series, from_s, to_s, &before, err);
  if (code == GRPC_STATUS_OK) code = insert_bars(store, series, bars, err);
  if (code == GRPC_STATUS_OK && before > 0) {
    code = count_between(store, &store->writer, series, from_s, to_s, &after, err);
  } else {
    after = (int64_t)bars->count;
  }
  if (code != GRPC_STATUS_OK) return code;
  return store_update_series(store, series, bars, after - before, err);
}

// ---- read ----

static void take_row(sqlite3_stmt *statement, const store_columns *columns, size_t i) {
  columns->times[i] = sqlite3_column_int64(statement, 0);
  columns->open[i] = sqlite3_column_double(statement, 1);
  columns->high[i] = sqlite3_column_double(statement, 2);
  columns->low[i] = sqlite3_column_double(statement, 3);
  columns->close[i] = sqlite3_column_double(statement, 4);
  bool known = sqlite3_column_type(statement, 5) != SQLITE_NULL;
  columns->volume[i] = known ? sqlite3_column_double(statement, 5) : NAN;
}

static mesh_code read_rows(store *store, int64_t series, int64_t from_s, int64_t to_s,
                           const store_columns *columns, size_t *count, mesh_error *err) {
  sqlite3_stmt *statement;
  store_connection *reader = &store->reader;
  mesh_code code =
      store_prepare(store, reader, STORE_SQL_READ_BARS,
                    "SELECT time_s, open, high, low, close, volume FROM bars"
                    " WHERE series=? AND time_s>=? AND time_s<? ORDER BY time_s LIMIT ?",
                    &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, series);
  sqlite3_bind_int64(statement, 2, from_s);
  sqlite3_bind_int64(statement, 3, to_s);
  sqlite3_bind_int64(statement, 4, (sqlite3_int64)columns->capacity);
  int step;
  while ((step = sqlite3_step(statement)) == SQLITE_ROW)
    take_row(statement, columns, (*count)++);
  if (step != SQLITE_DONE) code = store_fail(store, reader->db, "cannot read bars", err);
  store_release(statement);
  return code;
}

enum { READ_AGAIN_MS = 50 };

static mesh_code check_same(const store_columns *columns, int64_t series, const series_key *key,
                            mesh_error *err) {
  if (columns->series == NULL || *columns->series == series) return GRPC_STATUS_OK;
  if (*columns->series == 0) {
    *columns->series = series;
    return GRPC_STATUS_OK;
  }
  mesh_fail(err, GRPC_STATUS_ABORTED,
            "%s %s was replaced while it was read: the source had changed its bars; read it again",
            key->symbol, key->timeframe);
  mesh_error_set_reason(err, "REPLACED", "store.millrace");
  mesh_error_set_retry(err, READ_AGAIN_MS);
  return err->code;
}

mesh_code store_read_bars(store *store, const series_key *key, int64_t from_s, int64_t to_s,
                          const store_columns *columns, size_t *count, mesh_error *err) {
  int64_t series = 0;
  *count = 0;
  pthread_mutex_lock(&store->read_lock);
  mesh_code code = store_find_series(store, &store->reader, key, &series, err);
  if (code == GRPC_STATUS_OK) code = check_same(columns, series, key, err);
  if (code == GRPC_STATUS_OK) code = read_rows(store, series, from_s, to_s, columns, count, err);
  pthread_mutex_unlock(&store->read_lock);
  return code;
}

// The time of bar number `last` from the end of the window.
static mesh_code find_start(store *store, int64_t series, int64_t from_s, int64_t to_s,
                            int64_t last, int64_t *first_s, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->reader, STORE_SQL_FIND_LAST_BARS,
                                 "SELECT time_s FROM bars WHERE series=? AND time_s>=? AND"
                                 " time_s<? ORDER BY time_s DESC LIMIT 1 OFFSET ?",
                                 &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, series);
  sqlite3_bind_int64(statement, 2, from_s);
  sqlite3_bind_int64(statement, 3, to_s);
  sqlite3_bind_int64(statement, 4, last - 1);
  int step = sqlite3_step(statement);
  if (step == SQLITE_ROW) {
    *first_s = sqlite3_column_int64(statement, 0);
  } else if (step != SQLITE_DONE) {
    code = store_fail(store, store->reader.db, "cannot find the last bars", err);
  }
  store_release(statement);
  return code;
}

mesh_code store_count_bars(store *store, const series_key *key, int64_t from_s, int64_t to_s,
                           int64_t last, int64_t *count, int64_t *first_s, mesh_error *err) {
  int64_t series = 0;
  *count = 0;
  *first_s = from_s;
  pthread_mutex_lock(&store->read_lock);
  store_connection *reader = &store->reader;
  mesh_code code = store_find_series(store, reader, key, &series, err);
  if (code == GRPC_STATUS_OK) code = count_between(store, reader, series, from_s, to_s, count, err);
  if (code == GRPC_STATUS_OK && last > 0 && *count > last) {
    code = find_start(store, series, from_s, to_s, last, first_s, err);
  }
  pthread_mutex_unlock(&store->read_lock);
  return code;
}
