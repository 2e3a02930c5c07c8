// Bars a second into the store, in segments of 10,000 with their coverage, one transaction each;
// against a plain loop over one prepared statement of sqlite3, with SQLite's own defaults and with
// the store's settings. The peers keep bars alone: no coverage, no series.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/store/store.h"
#include "tests/bench/child.h"
#include "tests/bench/measure.h"

enum { ROUNDS = 3, SEGMENT_BARS = 10000, SEGMENTS = 100 };

static const int64_t start_s = 1420070400, minute_s = 60;  // 2015-01-01

static int rounds(void) {
  return bench_size(ROUNDS, 1);
}

static int segments(void) {
  return bench_size(SEGMENTS, 2);
}

typedef struct segment {
  int64_t times[SEGMENT_BARS];
  double open[SEGMENT_BARS], high[SEGMENT_BARS], low[SEGMENT_BARS], close[SEGMENT_BARS];
  double volume[SEGMENT_BARS];
} segment;

static void fill(segment *out, int number) {
  for (int i = 0; i < SEGMENT_BARS; i++) {
    int bar = number * SEGMENT_BARS + i;
    out->times[i] = start_s + bar * minute_s;
    out->open[i] = 100 + (double)(bar % 977) / 7;
    out->high[i] = out->open[i] + 0.25;
    out->low[i] = out->open[i] - 0.25;
    out->close[i] = out->open[i] + 0.125;
    out->volume[i] = bar % 5000;
  }
}

static void remove_database(const char *path) {
  static const char *const endings[] = {"", "-wal", "-shm", "-journal", ".id"};
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    char *file = bench_text("%s%s", path, endings[i]);
    unlink(file);
    free(file);
  }
}

// ---- The store ----

static void check(mesh_code code, const mesh_error *err) {
  if (code != GRPC_STATUS_OK) bench_die("%s", err->message);
}

static void fill_store(const char *path, segment *bars) {
  store *store;
  mesh_error err;
  check(store_open(path, NULL, &store, &err), &err);
  const series_key series = {.symbol = "SYNA", .timeframe = "1m", .source = SERIES_SOURCE_UNKNOWN};
  for (int i = 0; i < segments(); i++) {
    fill(bars, i);
    store_bars view = {SEGMENT_BARS, bars->times, bars->open,  bars->high,
                       bars->low,    bars->close, bars->volume};
    store_coverage coverage = {.from_s = bars->times[0],
                               .to_s = bars->times[SEGMENT_BARS - 1] + minute_s,
                               .state = STORE_STORED,
                               .reason = ""};
    store_ledger ledger = {&coverage, 1};
    check(store_put_segment(store, &series, &ledger, &view, NULL, &err), &err);
  }
  store_close(store);
}

// ---- The peers ----

static void run_sql(sqlite3 *db, const char *sql) {
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) bench_die("%s", sqlite3_errmsg(db));
}

static void insert_segment(sqlite3 *db, sqlite3_stmt *insert, const segment *bars) {
  run_sql(db, "BEGIN");
  for (int i = 0; i < SEGMENT_BARS; i++) {
    sqlite3_bind_int64(insert, 1, bars->times[i]);
    sqlite3_bind_double(insert, 2, bars->open[i]);
    sqlite3_bind_double(insert, 3, bars->high[i]);
    sqlite3_bind_double(insert, 4, bars->low[i]);
    sqlite3_bind_double(insert, 5, bars->close[i]);
    sqlite3_bind_double(insert, 6, bars->volume[i]);
    if (sqlite3_step(insert) != SQLITE_DONE) bench_die("%s", sqlite3_errmsg(db));
    sqlite3_reset(insert);
  }
  run_sql(db, "COMMIT");
}

static void fill_peer(const char *path, const char *settings, segment *bars) {
  sqlite3 *db;
  sqlite3_stmt *insert;
  if (sqlite3_open(path, &db) != SQLITE_OK) bench_die("%s", sqlite3_errmsg(db));
  run_sql(db, settings);
  run_sql(db,
          "CREATE TABLE bars(series INTEGER, time_s INTEGER, open REAL, high REAL, low REAL,"
          " close REAL, volume REAL, PRIMARY KEY(series, time_s)) WITHOUT ROWID");
  if (sqlite3_prepare_v2(db, "INSERT INTO bars VALUES(1, ?, ?, ?, ?, ?, ?)", -1, &insert, NULL) !=
      SQLITE_OK) {
    bench_die("%s", sqlite3_errmsg(db));
  }
  for (int i = 0; i < segments(); i++) {
    fill(bars, i);
    insert_segment(db, insert, bars);
  }
  sqlite3_finalize(insert);
  sqlite3_close(db);
}

// ---- All of it ----

static const struct writer {
  const char *name;
  const char *settings;  // NULL: the store itself
} writers[] = {
    {"millrace store", NULL},
    {"sqlite3, its defaults", ""},
    {"sqlite3, the store's settings",
     "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
     "PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=8000"},
};

enum { WRITERS = sizeof writers / sizeof *writers };

// Bars a second from an empty file to a closed one.
static double measure(const struct writer *writer, const char *path, segment *bars) {
  remove_database(path);
  int64_t start_ns = bench_now_ns();
  if (writer->settings == NULL) {
    fill_store(path, bars);
  } else {
    fill_peer(path, writer->settings, bars);
  }
  return segments() * SEGMENT_BARS / ((double)(bench_now_ns() - start_ns) / 1e9);
}

int main(void) {
  char *home = bench_make_directory();
  char *path = bench_text("%s/store.db", home);
  segment *bars = malloc(sizeof *bars);
  if (bars == NULL) abort();

  printf("%d bars into a file, %d a transaction, median of %d\n", segments() * SEGMENT_BARS,
         SEGMENT_BARS, rounds());
  double rates[WRITERS][ROUNDS], median[WRITERS];
  for (int round = 0; round < rounds(); round++) {
    for (int i = 0; i < WRITERS; i++)
      rates[i][round] = measure(&writers[i], path, bars);
  }
  for (int i = 0; i < WRITERS; i++) {
    median[i] = bench_median(rates[i], (size_t)rounds());
    printf("  %-30s %8.0f bars/s", writers[i].name, median[i]);
    if (i > 0) printf("; the store is %.2f x as fast", median[0] / median[i]);
    puts("");
  }
  bench_remove_directory(home);
  free(bars);
  free(path);
  free(home);
  return bench_target("bars into the store", median[0], BENCH_AT_LEAST, 800000, "bars/s") ? 0 : 1;
}
