// The store, in a real file: bars and coverage. What can go wrong with a file is in
// files_test.c.
#include <math.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/backend/store/harness.h"
#include "tests/unit.h"

static size_t read_bars(fixture *own, int64_t from_s, int64_t to_s, test_bars *out) {
  static double low[BARS_MAX], close[BARS_MAX], high[BARS_MAX];
  store_columns columns = {BARS_MAX, out->times, out->price, high, low, close, out->volume, NULL};
  size_t count = 0;
  mesh_error err;
  assert_int_equal(store_read_bars(own->store, &spx_1m, from_s, to_s, &columns, &count, &err),
                   GRPC_STATUS_OK);
  return count;
}

// ---- bars ----

static void bars_come_back_as_they_were(fixture *own) {
  put_ok(own, 0, 60000, STORE_STORED, "", 500);
  reopen(own);
  static test_bars got, want;
  make_bars(&want, 0, 500, 100);
  assert_int_equal(read_bars(own, INT64_MIN, INT64_MAX, &got), 500);
  assert_memory_equal(got.times, want.times, 500 * sizeof(int64_t));
  assert_memory_equal(got.price, want.price, 500 * sizeof(double));
  assert_true(isnan(got.volume[0]));
  assert_true(got.volume[1] == 1);
}

static void a_window_is_half_open(fixture *own) {
  put_ok(own, 0, 60000, STORE_STORED, "", 10);
  static test_bars got;
  assert_int_equal(read_bars(own, 60, 180, &got), 2);
  assert_int_equal(got.times[0], 60);
  int64_t count, first;
  mesh_error err;
  assert_int_equal(store_count_bars(own->store, &spx_1m, 0, 600, 3, &count, &first, &err),
                   GRPC_STATUS_OK);
  assert_int_equal(count, 10);
  assert_int_equal(first, 7 * 60);
}

static void take_count(void *arg, const store_series *series) {
  *(int64_t *)arg = series->bars;
}

static void the_same_bars_again_are_counted_once(fixture *own) {
  put_ok(own, 0, 6000, STORE_STORED, "", 100);
  put_ok(own, 3000, 9000, STORE_STORED, "", 100);  // 50 of them are there
  int64_t bars = 0;
  mesh_error err;
  assert_int_equal(store_list_series(own->store, "SPX", NULL, take_count, &bars, &err),
                   GRPC_STATUS_OK);
  assert_int_equal(bars, 150);
}

static void an_unknown_series_is_named(fixture *own) {
  static double values[6];
  int64_t time;
  store_columns columns = {1, &time, values, values, values, values, values, NULL};
  size_t count;
  mesh_error err;
  const series_key nowhere = {.symbol = "NOPE", .timeframe = "1d", .source = ""},
                   elsewhere = {.symbol = "SPX", .timeframe = "1m", .source = "ib"};
  put_ok(own, 0, 600, STORE_STORED, "", 10);
  assert_int_equal(store_read_bars(own->store, &nowhere, 0, 1, &columns, &count, &err),
                   GRPC_STATUS_NOT_FOUND);
  assert_string_equal(err.message, "no stored series NOPE 1d");
  assert_int_equal(store_read_bars(own->store, &elsewhere, 0, 1, &columns, &count, &err),
                   GRPC_STATUS_NOT_FOUND);
  assert_string_equal(err.message, "no stored series SPX 1m of ib");
}

static void write_name(void *arg, const store_series *series) {
  char *text = arg;
  sprintf(text + strlen(text), "%s %s ", series->key.symbol, series->key.timeframe);
}

static void write_coverage(void *arg, const store_coverage *one) {
  char *text = arg;
  sprintf(text + strlen(text), "[%lld,%lld)%d%s ", (long long)one->from_s, (long long)one->to_s,
          (int)one->state, one->reason);
}

static void write_source(void *arg, const store_series *series) {
  char *text = arg;
  sprintf(text + strlen(text), "%s %lld ", series->key.source, (long long)series->bars);
}

// The same symbol and bars of three sources, one of which has none.
static void sources_never_mix(fixture *own) {
  static const char *const sources[] = {"papergate", "ib", "files"};
  test_bars bars;
  mesh_error err;
  make_bars(&bars, 0, 10, 100);
  store_coverage empty = {.from_s = 0, .to_s = 600, .state = STORE_EMPTY, .reason = "none"};
  store_ledger ledger = {&empty, 1};
  for (size_t i = 0; i < 3; i++) {
    series_key key = {.symbol = "SPX", .timeframe = "1m", .source = sources[i]};
    bars.view.count = i == 2 ? 0 : 10 - 3 * i;
    assert_int_equal(
        store_put_segment(own->store, &key, i == 2 ? &ledger : NULL, &bars.view, NULL, &err),
        GRPC_STATUS_OK);
  }
  char text[256] = "", of_one[256] = "";
  assert_int_equal(store_list_sources(own->store, &spx_1m, write_source, text, &err),
                   GRPC_STATUS_OK);
  assert_string_equal(text, "files 0 ib 7 papergate 10 ");
  text[0] = '\0';
  assert_int_equal(store_list_series(own->store, "", NULL, write_source, text, &err),
                   GRPC_STATUS_OK);
  assert_string_equal(text, "ib 7 papergate 10 ");
  series_key files = {.symbol = "SPX", .timeframe = "1m", .source = "files"},
             ib = {.symbol = "SPX", .timeframe = "1m", .source = "ib"};
  assert_int_equal(
      store_read_coverage(own->store, &files, INT64_MIN, INT64_MAX, write_coverage, of_one, &err),
      GRPC_STATUS_OK);
  assert_string_equal(of_one, "[0,600)2none ");
  assert_int_equal(
      store_read_coverage(own->store, &ib, INT64_MIN, INT64_MAX, write_coverage, of_one, &err),
      GRPC_STATUS_OK);
  assert_string_equal(of_one, "[0,600)2none ");
}

// As market/timeframe knows them; what it does not know comes last.
static void series_are_listed_by_length(fixture *own) {
  static const char *const frames[] = {"1w", "4h",  "1M",  "2h", "15m",
                                       "1h", "new", "30m", "1m", "1d"};
  enum { FRAMES = sizeof frames / sizeof *frames };
  test_bars bars;
  make_bars(&bars, 0, 1, 100);
  mesh_error err;
  for (size_t i = 0; i < 2 * FRAMES; i++) {
    series_key key = {
        .symbol = i < FRAMES ? "B" : "A", .timeframe = frames[i % FRAMES], .source = "ib"};
    assert_int_equal(store_put_segment(own->store, &key, NULL, &bars.view, NULL, &err),
                     GRPC_STATUS_OK);
  }
  char text[256] = "";
  assert_int_equal(store_list_series(own->store, "", NULL, write_name, text, &err), GRPC_STATUS_OK);
  assert_string_equal(text,
                      "A 1m A 15m A 30m A 1h A 2h A 4h A 1d A 1w A 1M A new "
                      "B 1m B 15m B 30m B 1h B 2h B 4h B 1d B 1w B 1M B new ");
}

// Bars are inserted ten at a time, and the rest one by one: each count up to three tens.
static void any_number_of_bars_is_stored(fixture *own) {
  int64_t total = 0;
  for (int64_t count = 0; count <= 30; count++) {
    put_ok(own, count * 6000, count * 6000 + 6000, STORE_STORED, "", (size_t)count);
    total += count;
    assert_int_equal(count_bars(own), total);
  }
}

// ---- threads ----

enum { WRITERS = 4, SEGMENTS_EACH = 20, SEGMENT_BARS = 50 };

typedef struct writer {
  pthread_t thread;
  fixture *own;
  int number, failures;
} writer;

static void *write_segments(void *arg) {
  writer *self = arg;
  for (int i = 0; i < SEGMENTS_EACH; i++) {
    int64_t from_s = (self->number * SEGMENTS_EACH + i) * SEGMENT_BARS * 60;
    mesh_error err;
    if (put(self->own, from_s, from_s + SEGMENT_BARS * 60, STORE_STORED, "", SEGMENT_BARS, &err) !=
        GRPC_STATUS_OK) {
      self->failures++;
    }
  }
  return NULL;
}

// Reads while others write: what is seen is whole segments, and never fewer than before.
static void threads_may_write_and_read_at_once(fixture *own) {
  put_ok(own, -SEGMENT_BARS * 60, 0, STORE_STORED, "", SEGMENT_BARS);
  writer writers[WRITERS];
  for (int i = 0; i < WRITERS; i++) {
    writers[i] = (writer){.own = own, .number = i};
    assert_int_equal(pthread_create(&writers[i].thread, NULL, write_segments, &writers[i]), 0);
  }
  int64_t seen = 0, all = (WRITERS * SEGMENTS_EACH + 1) * SEGMENT_BARS;
  for (int i = 0; i < 200; i++) {
    int64_t now = count_bars(own);
    assert_true(now >= seen && now <= all && now % SEGMENT_BARS == 0);
    seen = now;
  }
  for (int i = 0; i < WRITERS; i++) {
    pthread_join(writers[i].thread, NULL);
    assert_int_equal(writers[i].failures, 0);
  }
  assert_int_equal(count_bars(own), all);
}

// ---- coverage ----

static void write_asked(void *arg, const store_coverage *one) {
  char *text = arg;
  sprintf(text + strlen(text), "[%lld,%lld)%d at %lld again ", (long long)one->from_s,
          (long long)one->to_s, (int)one->state, (long long)one->asked_s);
  if (one->again_s == STORE_NEVER) {
    strcat(text, "never");
  } else {
    sprintf(text + strlen(text), "%lld", (long long)one->again_s);
  }
  sprintf(text + strlen(text), " tries %d ", one->tries);
}

static void expect_coverage(fixture *own, const char *want) {
  char text[512] = "";
  mesh_error err;
  assert_int_equal(
      store_read_coverage(own->store, &spx_1m, INT64_MIN, INT64_MAX, write_coverage, text, &err),
      GRPC_STATUS_OK);
  assert_string_equal(text, want);
}

static void neighbours_of_a_kind_become_one(fixture *own) {
  put_ok(own, 0, 100, STORE_STORED, "", 1);
  put_ok(own, 200, 300, STORE_STORED, "", 1);
  expect_coverage(own, "[0,100)1 [200,300)1 ");
  put_ok(own, 100, 200, STORE_STORED, "", 1);
  expect_coverage(own, "[0,300)1 ");
}

static void what_is_new_replaces_what_it_overlaps(fixture *own) {
  put_ok(own, 0, 300, STORE_FAILED, "gone", 0);
  put_ok(own, 100, 200, STORE_STORED, "", 1);
  expect_coverage(own, "[0,100)3gone [100,200)1 [200,300)3gone ");
  put_ok(own, 50, 250, STORE_EMPTY, "no data", 0);
  expect_coverage(own, "[0,50)3gone [50,250)2no data [250,300)3gone ");
  put_ok(own, -10, 400, STORE_STORED, "", 1);
  expect_coverage(own, "[-10,400)1 ");
}

// Two answers of the same kind that were given at different times, or are worth asking again at
// different ones, stay two.
static void when_it_was_asked_is_kept(fixture *own) {
  mesh_error err;
  store_coverage parts[] = {
      {.from_s = 0, .to_s = 100, .state = STORE_STORED, .reason = ""},
      {.from_s = 100,
       .to_s = 200,
       .state = STORE_EMPTY,
       .reason = "",
       .asked_s = 500,
       .again_s = 900,
       .tries = 2},
      {.from_s = 200,
       .to_s = 300,
       .state = STORE_EMPTY,
       .reason = "",
       .asked_s = 600,
       .again_s = 900,
       .tries = 2},
      {.from_s = 300,
       .to_s = 400,
       .state = STORE_EMPTY,
       .reason = "",
       .asked_s = 600,
       .again_s = STORE_NEVER,
       .tries = 2},
      {.from_s = 400,
       .to_s = 500,
       .state = STORE_EMPTY,
       .reason = "",
       .asked_s = 600,
       .again_s = STORE_NEVER,
       .tries = 3},
      {.from_s = 500,
       .to_s = 600,
       .state = STORE_EMPTY,
       .reason = "",
       .asked_s = 600,
       .again_s = STORE_NEVER,
       .tries = 3},
  };
  store_ledger ledger = {parts, sizeof parts / sizeof *parts};
  store_bars none = {0};
  assert_int_equal(store_put_segment(own->store, &spx_1m, &ledger, &none, NULL, &err),
                   GRPC_STATUS_OK);
  char text[512] = "";
  assert_int_equal(
      store_read_coverage(own->store, &spx_1m, INT64_MIN, INT64_MAX, write_asked, text, &err),
      GRPC_STATUS_OK);
  assert_string_equal(text,
                      "[0,100)1 at 0 again 0 tries 0 [100,200)2 at 500 again 900 tries 2 "
                      "[200,300)2 at 600 again 900 tries 2 [300,400)2 at 600 again never tries 2 "
                      "[400,600)2 at 600 again never tries 3 ");
}

// As the series were before version 6.
#define WITHOUT_SOURCES                                                                \
  "DROP TABLE instruments; DROP TABLE aliases; DROP TABLE changes;"                    \
  "ALTER TABLE series RENAME TO series_6;"                                             \
  "CREATE TABLE series("                                                               \
  " id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, timeframe TEXT NOT NULL,"            \
  " bars INTEGER NOT NULL DEFAULT 0, first_s INTEGER, last_s INTEGER,"                 \
  " updated_ns INTEGER NOT NULL DEFAULT 0, UNIQUE(symbol, timeframe));"                \
  "INSERT INTO series SELECT id, symbol, timeframe, bars, first_s, last_s, updated_ns" \
  " FROM series_6;"                                                                    \
  "DROP TABLE series_6;"

// A version that did not keep whose bars they are: its store is told.
static void version_5_is_brought_up_to_date(fixture *own) {
  put_ok(own, 0, 600, STORE_STORED, "", 10);
  put_ok(own, 600, 1200, STORE_EMPTY, "no data", 0);
  for (int told = 0; told < 2; told++) {
    close_store(own);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(own->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=5;" WITHOUT_SOURCES, NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    store_options options = {.old_source = told ? "it's papergate" : NULL};
    char text[128] = "", covered[128] = "";
    mesh_error err;
    assert_int_equal(store_open(own->path, &options, &own->store, &err), GRPC_STATUS_OK);
    assert_int_equal(store_list_series(own->store, "", NULL, write_source, text, &err),
                     GRPC_STATUS_OK);
    assert_string_equal(text, told ? "it's papergate 10 " : "unknown 10 ");
    series_key key = {"SPX", "1m", told ? "it's papergate" : "unknown", "TRADES", "regular"};
    assert_int_equal(
        store_read_coverage(own->store, &key, INT64_MIN, INT64_MAX, write_coverage, covered, &err),
        GRPC_STATUS_OK);
    assert_string_equal(covered, "[0,600)1 [600,1200)2no data ");
  }
}

// What version 4 took for known is looked at again: its end of each series, and what was said to be
// empty, but for the time before the source's first bar.
static void version_4_is_brought_up_to_date(fixture *own) {
  static const char to_version_4[] =
      "ALTER TABLE coverage DROP COLUMN asked_s; ALTER TABLE coverage DROP COLUMN again_s;"
      "ALTER TABLE coverage DROP COLUMN tries; PRAGMA user_version=4;" WITHOUT_SOURCES
      "UPDATE series SET first_s=100, last_s=540;"
      "INSERT INTO coverage SELECT id, -2208988800, 100, 2, 'before the source''s first bar'"
      " FROM series;"
      "INSERT INTO coverage SELECT id, 100, 300, 1, '' FROM series;"
      "INSERT INTO coverage SELECT id, 300, 400, 2, 'no data' FROM series;"
      "INSERT INTO coverage SELECT id, 400, 900, 1, '' FROM series;"
      "INSERT INTO coverage SELECT id, 900, 950, 3, 'gone' FROM series;";
  put_ok(own, 100, 600, STORE_STORED, "", 8);
  close_store(own);
  sqlite3 *db;
  assert_int_equal(sqlite3_open(own->path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "DELETE FROM coverage", NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, to_version_4, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(db);
  open_store(own);
  char text[512] = "";
  mesh_error err;
  assert_int_equal(
      store_read_coverage(own->store, &spx_1m, INT64_MIN, INT64_MAX, write_asked, text, &err),
      GRPC_STATUS_OK);
  assert_string_equal(text,
                      "[-2208988800,100)2 at 0 again never tries 0 [100,300)1 at 0 again 0 tries 0 "
                      "[300,400)2 at 0 again 0 tries 0 [400,540)1 at 0 again 0 tries 0 "
                      "[540,900)4 at 0 again 0 tries 0 [900,950)3 at 0 again 0 tries 0 ");
}

// Coverage is a function from time to state; a plain array must agree with it, whatever is written.
static void coverage_agrees_with_an_array(fixture *own) {
  enum { SPAN = 200 };
  int state_at[SPAN] = {0};
  uint64_t seed = 7;
  for (int round = 0; round < 300; round++) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    int from = (int)(seed >> 33) % (SPAN - 1), to = from + 1 + (int)(seed >> 45) % (SPAN - from);
    if (to > SPAN) to = SPAN;
    store_coverage_state state = (store_coverage_state)(1 + (seed >> 60) % 5);
    put_ok(own, from, to, state, "", 0);
    for (int i = from; i < to; i++)
      state_at[i] = (int)state;
  }
  char want[4096] = "", got[4096] = "";
  for (int from = 0, to; from < SPAN; from = to) {
    for (to = from; to < SPAN && state_at[to] == state_at[from]; to++) {
    }
    if (state_at[from] != 0) sprintf(want + strlen(want), "[%d,%d)%d ", from, to, state_at[from]);
  }
  mesh_error err;
  assert_int_equal(
      store_read_coverage(own->store, &spx_1m, INT64_MIN, INT64_MAX, write_coverage, got, &err),
      GRPC_STATUS_OK);
  assert_string_equal(got, want);
}

// "é" has two bytes, and 255 are kept at most: a reason that is too long ends before one, not in
// it.
static void a_long_reason_is_cut_between_characters(fixture *own) {
  char reason[402] = "", want[512];
  for (int i = 0; i < 200; i++)
    strcat(reason, "é");
  put_ok(own, 0, 100, STORE_FAILED, reason, 0);
  snprintf(want, sizeof want, "[0,100)3%.*s ", 2 * 127, reason);
  expect_coverage(own, want);
}

// ---- with an event ----

// A refused event takes its bars with it: all or nothing.
static void a_segment_and_its_event_are_one(fixture *own) {
  static test_bars bars;
  mesh_error err;
  make_bars(&bars, 0, 10, 1);
  store_coverage coverage = {.from_s = 0, .to_s = 600, .state = STORE_STORED, .reason = ""};
  store_ledger ledger = {&coverage, 1};
  store_event event = {.operation = "nobody", .sequence = 2, .event = view_of("e")};
  assert_int_equal(store_put_segment(own->store, &spx_1m, &ledger, &bars.view, &event, &err),
                   GRPC_STATUS_NOT_FOUND);
  expect_coverage(own, "");
}

static const row rows[] = {
    {"bars come back as they were", bars_come_back_as_they_were},
    {"a window is half open", a_window_is_half_open},
    {"the same bars again are counted once", the_same_bars_again_are_counted_once},
    {"an unknown series is named", an_unknown_series_is_named},
    {"series are listed by length", series_are_listed_by_length},
    {"any number of bars is stored", any_number_of_bars_is_stored},
    {"threads may write and read at once", threads_may_write_and_read_at_once},
    {"a long reason is cut between characters", a_long_reason_is_cut_between_characters},
    {"when it was asked is kept", when_it_was_asked_is_kept},
    {"version 4 is brought up to date", version_4_is_brought_up_to_date},
    {"version 5 is brought up to date", version_5_is_brought_up_to_date},
    {"sources never mix", sources_never_mix},
    {"neighbours of a kind become one", neighbours_of_a_kind_become_one},
    {"what is new replaces what it overlaps", what_is_new_replaces_what_it_overlaps},
    {"coverage agrees with an array", coverage_agrees_with_an_array},
    {"a segment and its event are one", a_segment_and_its_event_are_one},
};

int main(void) {
  if (getenv("TEST_TMPDIR") != NULL && chdir(getenv("TEST_TMPDIR")) != 0) return 1;
  RUN_ROWS("store", rows, run_row);
}
