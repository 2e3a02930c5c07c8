#include "market/times.h"

#include <string.h>
#include <time.h>

#include "tests/unit.h"

typedef struct row {
  const char *name, *text;
  bool right;
  int64_t want;
} row;

static const row rows[] = {
    {"a date", "2017-04-19", true, 1492560000},
    {"a time", "2017-04-19T09:00:00Z", true, 1492592400},
    {"without the Z", "2017-04-19T09:00:00", true, 1492592400},
    {"without seconds", "2017-04-19T09:00Z", true, 1492592400},
    {"with a space", "2017-04-19 09:00", true, 1492592400},
    {"1970", "1970-01-01", true, 0},
    {"before 1970", "1969-12-31T23:59:59Z", true, -1},
    {"a leap day", "2000-02-29", true, 951782400},
    {"a day that 2001 does not have", "2001-02-29", false, 0},
    {"February 30", "2001-02-30", false, 0},
    {"a leap day that 1900 does not have", "1900-02-29", false, 0},
    {"month 13", "2001-13-01", false, 0},
    {"month 0", "2001-00-10", false, 0},
    {"day 0", "2001-01-00", false, 0},
    {"hour 24", "2001-01-01T24:00:00Z", false, 0},
    {"second 60", "2001-01-01T23:59:60Z", false, 0},
    {"another zone", "2001-01-01T00:00:00+02:00", false, 0},
    {"one digit", "2001-1-1", false, 0},
    {"a word", "yesterday", false, 0},
    {"empty", "", false, 0},
    {"a T and nothing", "2001-01-01T", false, 0},
    {"year 1899", "1899-12-31", false, 0},
};

static void check_parse(void **state) {
  const row *one = *state;
  int64_t seconds = 0;
  mesh_error err;
  mesh_code code = times_parse("--from", one->text, &seconds, &err);
  assert_int_equal(code, one->right ? GRPC_STATUS_OK : GRPC_STATUS_INVALID_ARGUMENT);
  if (one->right) assert_int_equal(seconds, one->want);
  if (!one->right) assert_non_null(strstr(err.message, "--from '"));
}

static int check_rows(void) {
  RUN_ROWS("times_parse", rows, check_parse);
}

// The C library's calendar is the specification.
static void check_format(void **state) {
  (void)state;
  for (int64_t seconds = -2208988800; seconds < 4102444800; seconds += 12345677) {
    char text[TIMES_TEXT_MAX], want[TIMES_TEXT_MAX];
    time_t time = seconds;
    struct tm tm;
    strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&time, &tm));
    times_format(seconds, text);
    assert_string_equal(text, want);
    int64_t again;
    assert_int_equal(times_parse("", text, &again, NULL), GRPC_STATUS_OK);
    assert_int_equal(again, seconds);
  }
}

static void check_far_away(void **state) {
  (void)state;
  static const struct {
    int64_t seconds;
    const char *text;
  } far[] = {
      {INT64_C(253402300799), "9999-12-31T23:59:59Z"}, {INT64_C(253402300800), "253402300800 s"},
      {INT64_C(-62167219200), "0000-01-01T00:00:00Z"}, {INT64_C(-62167219201), "-62167219201 s"},
      {INT64_MIN, "-9223372036854775808 s"},           {INT64_MAX, "9223372036854775807 s"},
  };
  for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
    char text[TIMES_TEXT_MAX];
    times_format(far[i].seconds, text);
    assert_string_equal(text, far[i].text);
    times_format_short(far[i].seconds, text);
    assert_int_equal(strchr(text, 's') != NULL, strchr(far[i].text, 's') != NULL);
  }
}

static void check_short(void **state) {
  (void)state;
  char text[TIMES_TEXT_MAX];
  times_format_short(1492560000, text);
  assert_string_equal(text, "2017-04-19");
  times_format_short(1492592400, text);
  assert_string_equal(text, "2017-04-19 09:00");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(check_format), cmocka_unit_test(check_short),
                                     cmocka_unit_test(check_far_away)};
  return check_rows() + cmocka_run_group_tests(tests, NULL, NULL);
}
