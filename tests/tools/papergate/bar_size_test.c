#include "tools/papergate/bar_size.h"

#include <string.h>

#include "tests/tools/papergate/rows.h"
#include "tools/papergate/times.h"

static const struct start_case {
  const char *name, *size, *time, *start, *next;
} starts[] = {
    {"five minutes", "5 mins", "2024-02-29T10:04:59Z", "20240229-10:00:00", "20240229-10:05:00"},
    {"four hours", "4 hours", "2024-02-29T11:59:59Z", "20240229-08:00:00", "20240229-12:00:00"},
    {"a day", "1 day", "2024-02-29T23:59:59Z", "20240229-00:00:00", "20240301-00:00:00"},
    {"a week starts on Monday", "1W", "2024-03-03T23:59:59Z", "20240226-00:00:00",
     "20240304-00:00:00"},
    {"its Monday belongs to it", "1 week", "2024-02-26", "20240226-00:00:00", "20240304-00:00:00"},
    {"a month", "1M", "2024-02-29T12:00:00Z", "20240201-00:00:00", "20240301-00:00:00"},
    {"a week before 1970", "1W", "1969-12-28", "19691222-00:00:00", "19691229-00:00:00"},
    {"a minute before 1970", "1 min", "1969-12-31T23:59:59Z", "19691231-23:59:00",
     "19700101-00:00:00"},
};

static void check_start(void **state) {
  const struct start_case *c = *state;
  const pg_bar_size *size = pg_bar_size_named(c->size);
  assert_non_null(size);
  int64_t time;
  char text[PG_TIME_TEXT_MAX];
  assert_true(pg_parse_iso(c->time, &time));
  int64_t start = pg_bar_start(size, time);
  assert_string_equal(pg_format_dashed(start, text), c->start);
  assert_string_equal(pg_format_dashed(pg_bar_next(size, start), text), c->next);
}

static void every_name_is_found_and_others_are_not(void **state) {
  (void)state;
  for (int i = 0; i < PG_BAR_SIZES; i++) {
    const pg_bar_size *size = &pg_bar_sizes()[i];
    assert_ptr_equal(pg_bar_size_named(size->name), size);
    assert_ptr_equal(pg_bar_size_of_timeframe(size->timeframe), size);
    if (i > 0) assert_true(size->seconds > size[-1].seconds);
  }
  assert_null(pg_bar_size_named("1 sec"));
  assert_null(pg_bar_size_named("1 minute"));
  assert_null(pg_bar_size_of_timeframe("1H"));
}

static const struct duration_case {
  const char *name, *text;
  const char *refusal;  // a part of it; NULL: the duration is good
  const char *start;    // of a window that ends at 2024-03-31T12:00:00Z
} durations[] = {
    {"seconds", "3600 S", NULL, "20240331-11:00:00"},
    {"a bare number is seconds", "60", NULL, "20240331-11:59:00"},
    {"days", "2 D", NULL, "20240329-12:00:00"},
    {"weeks", "1 W", NULL, "20240324-12:00:00"},
    {"months by the calendar", "1 M", NULL, "20240229-12:00:00"},
    {"years by the calendar", "1 Y", NULL, "20230331-12:00:00"},
    {"small letters", "1 y", NULL, "20230331-12:00:00"},
    {"the most days", "365 D", NULL, "20230401-12:00:00"},
    {"more days", "366 D", "longer than 365 days must be made in years", NULL},
    {"more seconds", "86401 S", "greater than 86400 seconds", NULL},
    {"more weeks", "53 W", "52 weeks must be made in years", NULL},
    {"more months", "13 M", "12 months must be made in years", NULL},
    {"more years", "69 Y", "invalid", NULL},
    {"fewer seconds", "29 S", "invalid", NULL},
    {"none", "0 D", "invalid", NULL},
    {"empty", "", "format is incorrect", NULL},
    {"no space", "1D", "format is incorrect", NULL},
    {"another unit", "1 H", "format is incorrect", NULL},
    {"a word", "1 day", "format is incorrect", NULL},
    {"negative", "-1 D", "format is incorrect", NULL},
};

static void check_duration(void **state) {
  const struct duration_case *c = *state;
  pg_duration duration;
  const char *refusal = pg_duration_parse(c->text, &duration);
  if (c->refusal != NULL) {
    assert_non_null(refusal);
    assert_non_null(strstr(refusal, c->refusal));
    return;
  }
  assert_null(refusal);
  int64_t end;
  char text[PG_TIME_TEXT_MAX];
  assert_true(pg_parse_iso("2024-03-31T12:00:00Z", &end));
  assert_string_equal(pg_format_dashed(pg_duration_before(duration, end), text), c->start);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_name_is_found_and_others_are_not)};
  return cmocka_run_group_tests(tests, NULL, NULL) + RUN_ROWS(starts, check_start) +
         RUN_ROWS(durations, check_duration);
}
