#include "tools/papergate/times.h"

#include <time.h>

#include "tests/tools/papergate/rows.h"

// The C library's calendar is the specification.
static void days_agree_with_the_library_for_four_centuries(void **state) {
  (void)state;
  for (int64_t day = -100000; day <= 100000; day++) {
    time_t time = day * CIVIL_DAY;
    struct tm tm;
    gmtime_r(&time, &tm);
    civil date = civil_of(day);
    assert_int_equal(date.year, tm.tm_year + 1900);
    assert_int_equal(date.month, tm.tm_mon + 1);
    assert_int_equal(date.day, tm.tm_mday);
    assert_int_equal(civil_days(date), day);
  }
}

static const struct iso_case {
  const char *name, *text;
  bool valid;
  int64_t time;
} iso[] = {
    {"with a time", "2017-04-19T09:00:00Z", true, 1492592400},
    {"a day alone", "2000-01-03", true, 946857600},
    {"before 1970", "1969-12-31T23:59:59Z", true, -1},
    {"a leap day", "2020-02-29", true, 1582934400},
    {"no leap day", "2019-02-29", false, 0},
    {"month 13", "2019-13-01", false, 0},
    {"hour 24", "2019-01-01T24:00:00Z", false, 0},
    {"no zone", "2019-01-01T10:00:00", false, 0},
    {"another zone", "2019-01-01T10:00:00+01", false, 0},
    {"text behind it", "2019-01-01T10:00:00Z ", false, 0},
    {"empty", "", false, 0},
};

static void check_iso(void **state) {
  const struct iso_case *c = *state;
  int64_t time = 0;
  assert_int_equal(pg_parse_iso(c->text, &time), c->valid);
  if (c->valid) assert_int_equal(time, c->time);
}

static const int64_t now = 1742580000;  // 2025-03-21T18:00:00Z

static const struct end_case {
  const char *name, *text;
  pg_end_time kind;
  int64_t time;
} ends[] = {
    {"empty is now", "", PG_END_NOW, now},
    {"UTC with a dash", "20250321-20:00:00", PG_END_EXACT, 1742587200},
    {"UTC with a zone", "20250321 20:00:00 UTC", PG_END_EXACT, 1742587200},
    {"summer time in New York", "20250321 16:00:00 US/Eastern", PG_END_EXACT, 1742587200},
    {"winter time in New York", "20250121 16:00:00 US/Eastern", PG_END_EXACT, 1737493200},
    {"no zone", "20250321 20:00:00", PG_END_NO_ZONE, 1742587200},
    {"a time of today", "20:00:00 UTC", PG_END_EXACT, 1742587200},
    {"a zone that does not exist", "20250321 20:00:00 US/Estern", PG_END_BAD, 0},
    {"a zone that is a path", "20250321 20:00:00 ../../etc/passwd", PG_END_BAD, 0},
    {"dash and zone", "20250321-20:00:00 UTC", PG_END_BAD, 0},
    {"a date alone", "20250321", PG_END_BAD, 0},
    {"30 February", "20250230-20:00:00", PG_END_BAD, 0},
    {"a word", "yesterday", PG_END_BAD, 0},
    {"one digit", "2", PG_END_BAD, 0},
};

static void check_end(void **state) {
  const struct end_case *c = *state;
  int64_t time = 0;
  assert_int_equal(pg_parse_end_time(c->text, now, &time), c->kind);
  if (c->kind != PG_END_BAD) assert_int_equal(time, c->time);
}

static const struct month_case {
  const char *name, *from;
  int64_t months;
  const char *want;
} months[] = {
    {"a month on", "2019-01-15T10:00:00Z", 1, "20190215-10:00:00"},
    {"over the year", "2019-11-30", 3, "20200229-00:00:00"},
    {"back into a short month", "2019-03-31", -1, "20190228-00:00:00"},
    {"back a year", "2020-02-29", -12, "20190228-00:00:00"},
    {"before 1970", "1970-01-31", -11, "19690228-00:00:00"},
};

static void check_months(void **state) {
  const struct month_case *c = *state;
  int64_t from;
  char text[PG_TIME_TEXT_MAX];
  assert_true(pg_parse_iso(c->from, &from));
  assert_string_equal(pg_format_dashed(civil_add_months(from, c->months), text), c->want);
}

static void texts_are_those_of_tws(void **state) {
  (void)state;
  char text[PG_TIME_TEXT_MAX];
  assert_string_equal(pg_format_day(now, text), "20250321");
  assert_string_equal(pg_format_zoned(now, text), "20250321 18:00:00 UTC");
  assert_string_equal(pg_format_dashed(now, text), "20250321-18:00:00");
  assert_string_equal(pg_format_dashed(-1, text), "19691231-23:59:59");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(days_agree_with_the_library_for_four_centuries),
      cmocka_unit_test(texts_are_those_of_tws),
  };
  return cmocka_run_group_tests(tests, NULL, NULL) + RUN_ROWS(iso, check_iso) +
         RUN_ROWS(ends, check_end) + RUN_ROWS(months, check_months);
}
