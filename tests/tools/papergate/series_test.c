#include "tools/papergate/series.h"

#include <string.h>

#include "host/ib/bar_size.h"
#include "tests/tools/papergate/files.h"
#include "tools/papergate/catalog.h"
#include "tools/papergate/times.h"

static int64_t at(const char *iso) {
  int64_t time;
  assert_true(pg_parse_iso(iso, &time));
  return time;
}

static const timeframe *named(const char *name) {
  const timeframe *size = ib_timeframe_of(name);
  assert_non_null(size);
  return size;
}

static pg_catalog *catalog_of(const char *directory) {
  pg_market *market;
  mesh_error err;
  assert_int_equal(pg_market_load(directory, &market, &err), GRPC_STATUS_OK);
  pg_catalog *catalog =
      pg_catalog_create(market, (pg_catalog_settings){.seed = 1, .walk_start = at("2000-01-03")});
  assert_non_null(catalog);
  return catalog;
}

// Collects up to `max` bars that start in [from, to).
static size_t collect(const pg_series *series, const char *size, int64_t from, int64_t to,
                      int64_t now, pg_bar *out, size_t max) {
  pg_cursor cursor;
  assert_true(pg_cursor_open(&cursor, series, named(size), from, to, now));
  size_t count = 0;
  while (count < max && pg_cursor_next(&cursor, &out[count])) {
    count++;
  }
  return count;
}

static void same_bar(const pg_bar *a, const pg_bar *b) {
  assert_int_equal(a->time, b->time);
  assert_true(a->open == b->open && a->high == b->high && a->low == b->low);
  assert_true(a->close == b->close && a->volume == b->volume);
}

static void coarse_made_up_bars_are_what_the_fine_ones_add_up_to(void **state) {
  (void)state;
  static const char *const steps[] = {"1 secs", "5 secs",  "30 secs", "1 min", "5 mins",
                                      "1 hour", "4 hours", "1 day",   "1W"};
  pg_catalog *catalog = catalog_of(NULL);
  const pg_series *series = pg_catalog_find(catalog, "SYN1");
  int64_t now = at("2030-01-01"), from = at("2024-02-26");  // a Monday
  static pg_bar fine[4000];
  for (size_t i = 0; i + 1 < COUNT_OF(steps); i++) {
    int64_t to = from + named(steps[i + 1])->seconds;
    size_t count = collect(series, steps[i], from, to, now, fine, COUNT_OF(fine));
    assert_int_equal(count, named(steps[i + 1])->seconds / named(steps[i])->seconds);
    pg_bar whole = fine[0], coarse;
    for (size_t j = 1; j < count; j++) {
      assert_true(fine[j].open == fine[j - 1].close);
      pg_bar_extend(&whole, &fine[j]);
    }
    assert_int_equal(collect(series, steps[i + 1], from, to, now, &coarse, 1), 1);
    same_bar(&whole, &coarse);
  }
  pg_catalog_destroy(catalog);
}

static void made_up_bars_are_plausible(void **state) {
  (void)state;
  pg_catalog *catalog = catalog_of(NULL);
  const pg_series *series = pg_catalog_find(catalog, "SYN2");
  pg_cursor cursor;
  assert_true(pg_cursor_open(&cursor, series, named("1 min"), at("2019-12-01"), at("2020-03-01"),
                             at("2030-01-01")));
  int64_t count = 0;
  for (pg_bar bar; pg_cursor_next(&cursor, &bar); count++) {
    assert_true(bar.low > 0 && bar.low <= bar.open && bar.low <= bar.close);
    assert_true(bar.high >= bar.open && bar.high >= bar.close && bar.high < bar.low * 1.05);
    assert_true(bar.volume > 0);
  }
  assert_int_equal(count, 91 * 1440);
  pg_catalog_destroy(catalog);
}

static void a_made_up_bar_depends_on_symbol_seed_and_time_alone(void **state) {
  (void)state;
  pg_walk *a = pg_walk_create("SYN1", 1), *again = pg_walk_create("SYN1", 1);
  pg_walk *other_symbol = pg_walk_create("SYN2", 1), *other_seed = pg_walk_create("SYN1", 2);
  int64_t time = at("2024-01-05");
  pg_bar before = pg_walk_bar(a, time, time + 60);
  pg_walk_bar(a, time - 400 * CIVIL_DAY, time - 399 * CIVIL_DAY);  // another day in its cache
  pg_bar after = pg_walk_bar(a, time, time + 60), same = pg_walk_bar(again, time, time + 60);
  same_bar(&before, &after);
  same_bar(&before, &same);
  assert_true(pg_walk_bar(other_symbol, time, time + 60).open != before.open);
  assert_true(pg_walk_bar(other_seed, time, time + 60).open != before.open);
  pg_walk_destroy(a);
  pg_walk_destroy(again);
  pg_walk_destroy(other_symbol);
  pg_walk_destroy(other_seed);
}

static void a_made_up_series_begins_and_ends(void **state) {
  (void)state;
  pg_catalog *catalog = catalog_of(NULL);
  const pg_series *series = pg_catalog_find(catalog, "SYN1");
  int64_t head, now = at("2000-01-05T12:00:30Z");
  pg_bar bars[16];
  assert_true(pg_series_head(series, &head));
  assert_int_equal(head, at("2000-01-03"));
  assert_int_equal(pg_series_end(series, now), now);
  size_t count = collect(series, "1 day", at("1999-01-01"), at("2001-01-01"), now, bars, 16);
  assert_int_equal(count, 3);
  assert_int_equal(bars[0].time, head);
  pg_bar forming = pg_walk_bar(series->walk, at("2000-01-05"), now);
  same_bar(&bars[2], &forming);
  pg_catalog_destroy(catalog);
}

static const struct symbol_case {
  const char *name, *symbol;
  bool found;
} symbols[] = {
    {"the shortest", "SYN", true},
    {"with a number", "SYN1", true},
    {"small letters", "syn1", false},
    {"a path", "SYN/../X", false},
    {"too long", "SYNABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", false},
    {"another name", "ABC", false},
};

static void check_symbol(void **state) {
  const struct symbol_case *c = *state;
  pg_catalog *catalog = catalog_of(NULL);
  const pg_series *series = pg_catalog_find(catalog, c->symbol);
  assert_int_equal(series != NULL, c->found);
  assert_ptr_equal(pg_catalog_find(catalog, c->symbol), series);
  assert_int_equal(pg_catalog_count(catalog), c->found ? 1 : 0);
  pg_catalog_destroy(catalog);
}

// Hours over a week end, with a gap.
static const char hours_csv[] = CSV_HEADER
    "2024-03-01T22:00:00Z,10,12,9,11,100\n"
    "2024-03-01T23:00:00Z,11,15,10,14,200\n"
    "2024-03-03T22:00:00Z,14,16,13,15,50\n"
    "2024-03-04T00:00:00Z,15,17,8,9,1.5\n";

static const struct fold_case {
  const char *name, *size, *from, *to, *now;
  pg_hours hours;
  size_t count;
  pg_bar first;  // time 0: not looked at
} folds[] = {
    {"as they are", "1 hour", "2024-03-01", "2024-03-05", "2030-01-01", .count = 4},
    {"a start in the middle", "1 hour", "2024-03-01T22:30:00Z", "2024-03-05", "2030-01-01",
     .count = 3},
    {"the end is not in it", "1 hour", "2024-03-01", "2024-03-04", "2030-01-01", .count = 3},
    {"days", "1 day", "2024-03-01", "2024-03-05", "2030-01-01", .count = 3,
     .first = {1709251200, 10, 15, 9, 14, 300}},
    {"a day that is cut is not in it", "1 day", "2024-03-01T22:30:00Z", "2024-03-05", "2030-01-01",
     .count = 2, .first = {1709424000, 14, 16, 13, 15, 50}},
    {"a day is whole though its end is cut", "1 day", "2024-03-01", "2024-03-01T22:30:00Z",
     "2030-01-01", .count = 1, .first = {1709251200, 10, 15, 9, 14, 300}},
    {"weeks start on Monday", "1W", "2024-02-26", "2024-03-05", "2030-01-01", .count = 2,
     .first = {1708905600, 10, 16, 9, 15, 350}},
    {"months", "1M", "2024-03-01", "2024-04-01", "2030-01-01", .count = 1,
     .first = {1709251200, 10, 17, 8, 9, 351.5}},
    {"what is yet to come", "1 day", "2024-03-01", "2024-03-05", "2024-03-01T23:00:00Z", .count = 1,
     .first = {1709251200, 10, 12, 9, 11, 100}},
    {"regular hours", "1 hour", "2024-03-01", "2024-03-05", "2030-01-01",
     .hours = {22 * CIVIL_HOUR, 23 * CIVIL_HOUR}, .count = 2},
    {"days of regular hours", "1 day", "2024-03-01", "2024-03-05", "2030-01-01",
     .hours = {22 * CIVIL_HOUR, 23 * CIVIL_HOUR}, .count = 2,
     .first = {1709251200, 10, 12, 9, 11, 100}},
    {"outside the series", "1 day", "2023-01-01", "2024-01-01", "2030-01-01", .count = 0},
};

static void check_fold(void **state) {
  const struct fold_case *c = *state;
  char directory[PATH_MAX];
  make_directory(directory);
  write_file(directory, "X-1h.csv", hours_csv);
  pg_catalog *catalog = catalog_of(directory);
  pg_cursor cursor;
  assert_true(pg_cursor_open(&cursor, pg_catalog_find(catalog, "X"), named(c->size), at(c->from),
                             at(c->to), at(c->now)));
  cursor.hours = c->hours;
  size_t count = 0;
  for (pg_bar bar; pg_cursor_next(&cursor, &bar); count++) {
    if (count == 0 && c->first.time != 0) same_bar(&bar, &c->first);
  }
  assert_int_equal(count, c->count);
  pg_catalog_destroy(catalog);
}

static void a_recorded_series_ends_with_its_last_bar(void **state) {
  (void)state;
  char directory[PATH_MAX];
  make_directory(directory);
  write_file(directory, "X-1h.csv", hours_csv);
  write_file(directory, "EMPTY-1h.csv", CSV_HEADER);
  pg_catalog *catalog = catalog_of(directory);
  const pg_series *series = pg_catalog_find(catalog, "X");
  const pg_series *empty = pg_catalog_find(catalog, "EMPTY");
  int64_t head;
  pg_cursor cursor;
  assert_int_equal(pg_series_end(series, at("2030-01-01")), at("2024-03-04T01:00:00Z"));
  assert_int_equal(pg_series_end(series, at("2024-03-02")), at("2024-03-02"));
  assert_false(pg_series_head(empty, &head));
  assert_int_equal(pg_series_end(empty, 77), 77);
  assert_false(pg_cursor_open(&cursor, series, named("1 min"), 0, 1, 2));
  pg_catalog_destroy(catalog);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(coarse_made_up_bars_are_what_the_fine_ones_add_up_to),
      cmocka_unit_test(made_up_bars_are_plausible),
      cmocka_unit_test(a_made_up_bar_depends_on_symbol_seed_and_time_alone),
      cmocka_unit_test(a_made_up_series_begins_and_ends),
      cmocka_unit_test(a_recorded_series_ends_with_its_last_bar),
  };
  return cmocka_run_group_tests(tests, NULL, NULL) + RUN_ROWS(symbols, check_symbol) +
         RUN_ROWS(folds, check_fold);
}
