#include "backend/data/validate.h"

#include <math.h>
#include <string.h>

#include "tests/unit.h"

enum { DAY = 86400 };

// One bar between two good ones (days 1 and 3), and what is said of it; NULL: it is right.
typedef struct row {
  const char *name;
  int64_t time_s;
  double open, high, low, close, volume;
  const char *said;
} row;

static const row rows[] = {
    {"a good bar", 2 * DAY, 2, 3, 1, 2, 10, NULL},
    {"no volume is known", 2 * DAY, 2, 3, 1, 2, NAN, NULL},
    {"a flat bar", 2 * DAY, 2, 2, 2, 2, 0, NULL},
    {"negative prices", 2 * DAY, -37, -10, -40, -37.63, 1, NULL},
    {"before the request", -DAY, 2, 3, 1, 2, 1, "1969-12-31T00:00:00Z: outside the request"},
    {"at its end", 10 * DAY, 2, 3, 1, 2, 1, "1970-01-11T00:00:00Z: outside the request"},
    {"off the grid", 2 * DAY + 1, 2, 3, 1, 2, 1,
     "1970-01-03T00:00:01Z: off the grid of its timeframe"},
    {"twice", DAY, 2, 3, 1, 2, 1, "1970-01-02T00:00:00Z: the same time as the bar before"},
    {"going back", 0, 2, 3, 1, 2, 1, "1970-01-01T00:00:00Z: earlier than the bar before"},
    {"high below open", 2 * DAY, 4, 3, 1, 2, 1, "1970-01-03T00:00:00Z: high 3 < open 4"},
    {"high below close", 2 * DAY, 2, 3, 1, 4, 1, "1970-01-03T00:00:00Z: high 3 < close 4"},
    {"high below low", 2 * DAY, 2, 1, 3, 2, 1, "1970-01-03T00:00:00Z: high 1 < low 3"},
    {"low above open", 2 * DAY, 0.5, 3, 1, 2, 1, "1970-01-03T00:00:00Z: low 1 > open 0.5"},
    {"low above close", 2 * DAY, 2, 3, 1, 0.5, 1, "1970-01-03T00:00:00Z: low 1 > close 0.5"},
    {"not a number", 2 * DAY, NAN, 3, 1, 2, 1, "1970-01-03T00:00:00Z: a price is not finite"},
    {"infinite", 2 * DAY, 2, INFINITY, 1, 2, 1, "1970-01-03T00:00:00Z: a price is not finite"},
    {"endless volume", 2 * DAY, 2, 3, 1, 2, INFINITY, "1970-01-03T00:00:00Z: volume inf"},
    {"negative volume", 2 * DAY, 2, 3, 1, 2, -5, "1970-01-03T00:00:00Z: volume -5"},
};

static void check(void **state) {
  const row *one = *state;
  int64_t times[] = {DAY, one->time_s, 3 * DAY};
  double open[] = {2, one->open, 2}, high[] = {3, one->high, 3}, low[] = {1, one->low, 1};
  double close[] = {2, one->close, 2}, volume[] = {7, one->volume, 7};
  bar_columns bars = {3, 3, times, open, high, low, close, volume};
  const timeframe *frame;
  assert_int_equal(timeframe_parse("1d", &frame, NULL), GRPC_STATUS_OK);
  char said[VALIDATE_TEXT_MAX] = "";
  size_t refused = bars_validate(&bars, frame, (interval){0, 10 * DAY}, said);
  assert_int_equal(refused, one->said == NULL ? 0 : 1);
  assert_int_equal(bars.count, 3 - refused);
  assert_string_equal(said, one->said == NULL ? "" : one->said);
  assert_int_equal(times[0], DAY);  // the good ones stay, in order
  assert_int_equal(times[bars.count - 1], 3 * DAY);
}

int main(void) {
  RUN_ROWS("validate", rows, check);
}
