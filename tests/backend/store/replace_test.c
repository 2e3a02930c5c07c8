// Series that go, or are replaced by others, and what their sources said since.
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "tests/backend/store/harness.h"
#include "tests/unit.h"

static const series_key shadow = {"SPX", "1m", STORE_SHADOW SERIES_SOURCE_UNKNOWN, "TRADES",
                                  "regular"};

static void put_many(fixture *own, const series_key *key, int pieces, double price) {
  test_bars bars;
  mesh_error err;
  for (int i = 0; i < pieces; i++) {
    int64_t from_s = i * INT64_C(60) * BARS_MAX, to_s = from_s + INT64_C(60) * BARS_MAX;
    make_bars(&bars, from_s, BARS_MAX, price);
    store_coverage part = {.from_s = from_s, .to_s = to_s, .state = STORE_STORED, .reason = ""};
    store_ledger ledger = {&part, 1};
    assert_int_equal(store_put_segment(own->store, key, &ledger, &bars.view, NULL, &err),
                     GRPC_STATUS_OK);
  }
}

static void take_any(void *arg, const store_coverage *coverage) {
  (void)coverage;
  (*(int *)arg)++;
}

// Gone at once, its rows a little later; the store is opened again in the middle of that.
static void a_removed_series_leaves_nothing(fixture *own) {
  mesh_error err;
  int64_t bars = 0;
  int known = 0;
  put_many(own, &spx_1m, 5, 100);
  store_change change = {60, 0, 1, 2};
  assert_int_equal(store_note_probe(own->store, &spx_1m, 7, &change, 1, &err), GRPC_STATUS_OK);
  assert_int_equal(store_remove_series(own->store, &spx_1m, &bars, &err), GRPC_STATUS_OK);
  assert_int_equal(bars, 5 * BARS_MAX);
  assert_int_equal(store_remove_series(own->store, &spx_1m, &bars, &err), GRPC_STATUS_NOT_FOUND);
  assert_int_equal(
      store_read_coverage(own->store, &spx_1m, INT64_MIN, INT64_MAX, take_any, &known, &err),
      GRPC_STATUS_OK);
  assert_int_equal(known, 0);
  put_ok(own, 0, 600, STORE_STORED, "", 10);  // the same key again, while the old rows go
  assert_int_equal(count_bars(own), 10);
  reopen(own);
  while (count_rows(own, "SELECT count(*) FROM series") > 1) {
    put_ok(own, 0, 600, STORE_STORED, "", 10);
  }
  assert_int_equal(count_rows(own, "SELECT count(*) FROM bars"), 10);
  assert_int_equal(count_rows(own, "SELECT count(*) FROM coverage"), 1);
  assert_int_equal(count_rows(own, "SELECT count(*) FROM changes"), 0);
}

static void read_page(fixture *own, int64_t from_s, int64_t *series, mesh_code want, bool dear) {
  int64_t times[10];
  double values[5][10];
  store_columns columns = {10,        times,     values[0], values[1],
                           values[2], values[3], values[4], series};
  size_t count;
  mesh_error err;
  assert_int_equal(store_read_bars(own->store, &spx_1m, from_s, INT64_MAX, &columns, &count, &err),
                   want);
  if (want != GRPC_STATUS_OK) {
    assert_string_equal(err.reason, "REPLACED");
    return;
  }
  assert_int_equal(count, 10);
  assert_int_equal(values[0][0] > 50000, dear);
}

// Who reads page by page gets no page of another series.
static void a_series_takes_the_place_of_another(fixture *own) {
  mesh_error err;
  int64_t series = 0, next = 0;
  put_many(own, &spx_1m, 1, 100);
  put_many(own, &shadow, 1, 100000);
  int listed = 0;
  read_page(own, 0, &series, GRPC_STATUS_OK, false);
  assert_int_equal(store_replace_series(own->store, &shadow, &spx_1m, &err), GRPC_STATUS_OK);
  read_page(own, 600, &series, GRPC_STATUS_ABORTED, false);
  read_page(own, 0, &next, GRPC_STATUS_OK, true);
  read_page(own, 600, &next, GRPC_STATUS_OK, true);
  assert_int_equal(store_replace_series(own->store, &shadow, &spx_1m, &err), GRPC_STATUS_NOT_FOUND);
  read_page(own, 0, &next, GRPC_STATUS_OK, true);
  assert_int_equal(
      store_read_coverage(own->store, &shadow, INT64_MIN, INT64_MAX, take_any, &listed, &err),
      GRPC_STATUS_OK);
  assert_int_equal(listed, 0);
}

// Nor of one that has come since under the same key: its number is new, in a store of before, too.
static void a_removed_series_number_comes_no_more(fixture *own) {
  mesh_error err;
  for (int old = 0; old <= 1; old++) {
    int64_t series = 0;
    put_many(own, &spx_1m, 1, 100);
    if (old) {
      close_store(own);
      sqlite3 *db;
      assert_int_equal(sqlite3_open(own->path, &db), SQLITE_OK);
      assert_int_equal(sqlite3_exec(db, TO_VERSION_7, NULL, NULL, NULL), SQLITE_OK);
      sqlite3_close(db);
      open_store(own);
    }
    read_page(own, 0, &series, GRPC_STATUS_OK, false);
    assert_int_equal(store_remove_series(own->store, &spx_1m, NULL, &err), GRPC_STATUS_OK);
    while (count_rows(own, "SELECT count(*) FROM series") > 0)
      assert_int_equal(store_remove_series(own->store, &spx_1m, NULL, &err), GRPC_STATUS_NOT_FOUND);
    put_many(own, &spx_1m, 1, 100000);
    read_page(own, 600, &series, GRPC_STATUS_ABORTED, false);
    assert_int_equal(store_remove_series(own->store, &spx_1m, NULL, &err), GRPC_STATUS_OK);
  }
}

static void a_place_may_be_empty(fixture *own) {
  mesh_error err;
  put_many(own, &shadow, 1, 100000);
  assert_int_equal(store_replace_series(own->store, &shadow, &spx_1m, &err), GRPC_STATUS_OK);
  assert_int_equal(count_bars(own), BARS_MAX);
}

static void take_name(void *arg, const store_series *series) {
  sprintf((char *)arg + strlen(arg), "%s ", series->key.source);
}

static void no_list_has_a_shadow(fixture *own) {
  char text[256] = "";
  mesh_error err;
  put_many(own, &shadow, 1, 100000);
  assert_int_equal(store_list_series(own->store, "", NULL, take_name, text, &err), GRPC_STATUS_OK);
  assert_int_equal(store_list_sources(own->store, &spx_1m, take_name, text, &err), GRPC_STATUS_OK);
  assert_string_equal(text, "");
}

static void write_change(void *arg, const store_change *one) {
  sprintf((char *)arg + strlen(arg), "%lld at %lld: %g %g, ", (long long)one->time_s,
          (long long)one->noticed_s, one->was, one->is);
}

static void take_probed(void *arg, const store_series *series) {
  *(int64_t *)arg = series->probed_s;
}

static void what_a_source_says_otherwise_is_kept(fixture *own) {
  char text[256] = "";
  mesh_error err;
  int64_t probed_s = -1;
  put_ok(own, 0, 600, STORE_STORED, "", 10);
  assert_int_equal(store_note_probe(own->store, &spx_1m, 50, NULL, 0, &err), GRPC_STATUS_OK);
  store_change changes[] = {{60, 0, 1, 2}, {120, 0, 1, NAN}, {600, 0, 3, 4}};
  assert_int_equal(store_note_probe(own->store, &spx_1m, 70, changes, 3, &err), GRPC_STATUS_OK);
  changes[0].is = 5;
  assert_int_equal(store_note_probe(own->store, &spx_1m, 90, changes, 1, &err), GRPC_STATUS_OK);
  assert_int_equal(store_read_changes(own->store, &spx_1m, 0, 600, write_change, text, &err),
                   GRPC_STATUS_OK);
  assert_string_equal(text, "60 at 90: 1 5, 120 at 70: 1 nan, ");
  assert_int_equal(store_list_sources(own->store, &spx_1m, take_probed, &probed_s, &err),
                   GRPC_STATUS_OK);
  assert_int_equal(probed_s, 90);
  assert_int_equal(store_note_probe(own->store, &shadow, 90, changes, 1, &err),
                   GRPC_STATUS_NOT_FOUND);
  assert_int_equal(store_read_changes(own->store, &shadow, 0, 600, write_change, text, &err),
                   GRPC_STATUS_OK);
}

static const row rows[] = {
    {"a removed series leaves nothing", a_removed_series_leaves_nothing},
    {"a series takes the place of another", a_series_takes_the_place_of_another},
    {"a removed series' number comes no more", a_removed_series_number_comes_no_more},
    {"a place may be empty", a_place_may_be_empty},
    {"no list has a shadow", no_list_has_a_shadow},
    {"what a source says otherwise is kept", what_a_source_says_otherwise_is_kept},
};

int main(void) {
  RUN_ROWS("replace", rows, run_row);
}
