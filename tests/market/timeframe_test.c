#include "market/timeframe.h"

#include <stdio.h>
#include <string.h>

#include "market/civil.h"
#include "market/times.h"
#include "tests/unit.h"

enum { HOUR = CIVIL_HOUR, DAY = CIVIL_DAY };

// ---- the bar that holds a moment, and the next one ----

typedef struct row {
  const char *name, *timeframe, *time, *start, *next;
} row;

static const row rows[] = {
    {"five minutes", "5m", "2024-02-29T10:04:59Z", "2024-02-29T10:00:00Z", "2024-02-29T10:05:00Z"},
    {"four hours", "4h", "2024-02-29T11:59:59Z", "2024-02-29T08:00:00Z", "2024-02-29T12:00:00Z"},
    {"a day", "1d", "2024-02-29T23:59:59Z", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"},
    {"a week starts on Monday", "1w", "2024-03-03T23:59:59Z", "2024-02-26T00:00:00Z",
     "2024-03-04T00:00:00Z"},
    {"its Monday belongs to it", "1w", "2024-02-26", "2024-02-26T00:00:00Z",
     "2024-03-04T00:00:00Z"},
    {"a month", "1M", "2024-02-29T12:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"},
    {"a month before 1970", "1M", "1969-12-31T23:59:59Z", "1969-12-01T00:00:00Z",
     "1970-01-01T00:00:00Z"},
    {"a week before 1970", "1w", "1969-12-28", "1969-12-22T00:00:00Z", "1969-12-29T00:00:00Z"},
    {"a minute before 1970", "1m", "1969-12-31T23:59:59Z", "1969-12-31T23:59:00Z",
     "1970-01-01T00:00:00Z"},
};

static void check(void **state) {
  const row *one = *state;
  const timeframe *frame = timeframe_named(one->timeframe);
  int64_t time_s;
  char text[TIMES_TEXT_MAX];
  assert_non_null(frame);
  assert_true(times_read(one->time, &time_s));
  int64_t start_s = timeframe_floor(frame, time_s);
  times_format(start_s, text);
  assert_string_equal(text, one->start);
  times_format(timeframe_next(frame, start_s), text);
  assert_string_equal(text, one->next);
}

static int check_rows(void) {
  RUN_ROWS("timeframe_floor", rows, check);
}

// ---- the table ----

static void the_table_is_sorted_and_each_is_found(void **state) {
  (void)state;
  for (int i = 0; i < TIMEFRAMES; i++) {
    const timeframe *frame = &timeframes()[i];
    assert_ptr_equal(timeframe_named(frame->text), frame);
    if (i > 0) assert_true(frame->seconds > frame[-1].seconds);
    assert_int_equal(timeframe_is_daily(frame), frame->seconds >= DAY);
  }
  assert_null(timeframe_named("1H"));
  assert_null(timeframe_named(""));
}

static void what_the_list_says_is_what_can_be_loaded(void **state) {
  (void)state;
  char list[128] = "";
  for (int i = 0; i < TIMEFRAMES; i++) {
    const timeframe *frame = &timeframes()[i], *found;
    mesh_code code = timeframe_parse(frame->text, &found, NULL);
    assert_int_equal(code == GRPC_STATUS_OK, frame->loadable);
    assert_ptr_equal(found, frame->loadable ? frame : NULL);
    assert_int_equal(timeframe_seconds(frame->text),
                     frame->loadable && !frame->calendar_month ? frame->seconds : 0);
    if (!frame->loadable) continue;
    if (list[0] != '\0') strncat(list, " ", sizeof list - strlen(list) - 1);
    strncat(list, frame->text, sizeof list - strlen(list) - 1);
  }
  assert_string_equal(list, TIMEFRAMES_LOADABLE);
}

static void a_refusal_lists_what_there_is(void **state) {
  (void)state;
  mesh_error err;
  const timeframe *frame;
  assert_int_equal(timeframe_parse("7d", &frame, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_string_equal(err.message,
                      "timeframe '7d' is none of 1s 5s 10s 15s 30s 1m 2m 3m 5m 10m 15m 20m 30m 1h "
                      "2h 3h 4h 8h 1d 1w 1M");
  assert_null(frame);
}

static void the_grid_is_where_bars_may_start(void **state) {
  (void)state;
  assert_true(timeframe_on_grid(timeframe_named("5m"), 300));
  assert_false(timeframe_on_grid(timeframe_named("5m"), 360));
  // A session that opens at 9:30.
  assert_true(timeframe_on_grid(timeframe_named("1h"), 9 * HOUR + 1800));
  assert_true(timeframe_on_grid(timeframe_named("1h"), 9 * HOUR + 900));
  assert_false(timeframe_on_grid(timeframe_named("1h"), 9 * HOUR + 60));
  assert_true(timeframe_on_grid(timeframe_named("30m"), 1800));
  assert_true(timeframe_on_grid(timeframe_named("30m"), 900));  // 22:15
  assert_true(timeframe_on_grid(timeframe_named("1h"), 600));   // 00:10
  assert_false(timeframe_on_grid(timeframe_named("30m"), 60));
  assert_true(timeframe_on_grid(timeframe_named("1d"), -DAY));
  assert_false(timeframe_on_grid(timeframe_named("1d"), HOUR));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_table_is_sorted_and_each_is_found),
      cmocka_unit_test(what_the_list_says_is_what_can_be_loaded),
      cmocka_unit_test(a_refusal_lists_what_there_is),
      cmocka_unit_test(the_grid_is_where_bars_may_start),
  };
  return check_rows() + cmocka_run_group_tests(tests, NULL, NULL);
}
