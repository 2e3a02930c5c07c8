#include "tools/papergate/duration.h"

#include <string.h>

#include "tests/tools/papergate/rows.h"
#include "tools/papergate/times.h"

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
  return RUN_ROWS(durations, check_duration);
}
