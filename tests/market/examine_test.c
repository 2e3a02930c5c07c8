#include "market/examine.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "market/civil.h"
#include "tests/unit.h"

enum { BARS = 400 };

static const timeframe *frame_of(const char *text) {
  const timeframe *frame;
  assert_int_equal(timeframe_parse(text, &frame, NULL), GRPC_STATUS_OK);
  return frame;
}

// Hourly bars of a quiet market from a Monday on: closes go up and down by a thousandth.
static void make(bar_columns *out, size_t count, int64_t step_s) {
  bar_columns_reserve(out, count);
  for (size_t i = 0; i < count; i++) {
    double close = 100 * (1 + 0.001 * (double)(i * 7919 % 13) / 13);
    out->times[i] = 4 * CIVIL_DAY + (int64_t)i * step_s;
    out->open[i] = out->close[i] = close;
    out->high[i] = close + 0.05;
    out->low[i] = close - 0.05;
    out->volume[i] = 1000;
  }
  out->count = count;
}

static void write_finding(void *arg, const bar_finding *one) {
  char text[EXAMINE_TEXT_MAX];
  bar_finding_text(one, text);
  sprintf((char *)arg + strlen(arg), "%lld+%zu %s\n",
          (long long)(one->from_s - 4 * CIVIL_DAY) / CIVIL_HOUR, one->bars, text);
}

static void expect(const char *name, const bar_columns *bars, const char *want) {
  char text[4096] = "";
  bar_examiner examiner = bar_examiner_for(name, frame_of("1h"));
  for (size_t i = 0; i < bars->count; i++)
    bar_examine(&examiner, bars, i, write_finding, text);
  bar_examine_end(&examiner, write_finding, text);
  assert_string_equal(text, want);
}

typedef struct row {
  const char *name, *instrument;
  void (*spoil)(bar_columns *bars);
  const char *want;
} row;

static void nothing(bar_columns *bars) {
  (void)bars;
}

static void set_all(bar_columns *bars, size_t i, double price) {
  bars->open[i] = bars->high[i] = bars->low[i] = bars->close[i] = price;
}

static void not_a_number(bar_columns *bars) {
  bars->open[100] = NAN;
}

static void high_below_low(bar_columns *bars) {
  bars->high[100] = bars->low[100] - 1;
}

static void close_outside(bar_columns *bars) {
  bars->close[100] = bars->high[100] + 1;
}

static void twice(bar_columns *bars) {
  bars->times[100] = bars->times[99];
}

static void volume_below_0(bar_columns *bars) {
  bars->volume[100] = -5;
}

static void price_0(bar_columns *bars) {
  set_all(bars, 100, 0);
}

static void price_negative(bar_columns *bars) {
  bars->low[100] = -37.63;
}

static void ten_times(bar_columns *bars) {
  set_all(bars, 100, 1000);
}

static void spike(bar_columns *bars) {
  bars->high[100] *= 1.5;
}

static void crash_of_5_percent(bar_columns *bars) {
  for (size_t i = 100; i < BARS; i++) {
    bars->open[i] *= 0.95, bars->high[i] *= 0.95, bars->low[i] *= 0.95, bars->close[i] *= 0.95;
  }
}

static void early_half(bar_columns *bars) {
  set_all(bars, 10, 55);
}

static void frozen(bar_columns *bars) {
  for (size_t i = 100; i < 112; i++)
    set_all(bars, i, 100.2);
}

// Somebody trades off the price that does not move, and back: one bar of the run has a range.
static void frozen_with_a_range_at_the_end(bar_columns *bars) {
  frozen(bars);
  bars->high[111] = 100.4;
}

static void frozen_with_a_range_in_the_middle(bar_columns *bars) {
  frozen(bars);
  bars->low[105] = 100;
}

static void frozen_for_9(bar_columns *bars) {
  for (size_t i = 100; i < 109; i++)
    set_all(bars, i, 100.2);
}

static void same_close(bar_columns *bars) {
  for (size_t i = BARS - 25; i < BARS; i++)
    bars->close[i] = bars->open[i] = 100.02;
  for (size_t i = BARS - 25; i < BARS; i++) {
    bars->high[i] = 100.2;
    bars->low[i] = 99.9;
  }
}

static void no_volume(bar_columns *bars) {
  for (size_t i = 100; i < 105; i++)
    bars->volume[i] = 0;
}

static void no_volume_at_the_end(bar_columns *bars) {
  for (size_t i = BARS - 3; i < BARS; i++)
    bars->volume[i] = 0;
}

static void two_without(bar_columns *bars) {
  bars->volume[100] = bars->volume[101] = 0;
}

static void seldom_a_volume(bar_columns *bars) {
  for (size_t i = 0; i < BARS; i++)
    bars->volume[i] = i % 10 == 0 ? 5 : 0;
}

static void unknown_volume(bar_columns *bars) {
  for (size_t i = 0; i < BARS; i++)
    bars->volume[i] = NAN;
}

static void later(bar_columns *bars, int days) {
  for (size_t i = 100; i < BARS; i++)
    bars->times[i] += days * CIVIL_DAY;
}

static void no_three_weekdays(bar_columns *bars) {
  later(bars, 6);
}

static void eight_days_later(bar_columns *bars) {
  later(bars, 8);
}

static const row rows[] = {
    {"a quiet market", "AAPL", nothing, ""},
    {"not a number", "AAPL", not_a_number, "100+1 no bar can be so (close 100.0384615)\n"},
    {"high below low", "AAPL", high_below_low, "100+1 no bar can be so (close 100.0384615)\n"},
    {"a close outside", "AAPL", close_outside, "100+1 no bar can be so (close 101.0884615)\n"},
    {"a bar that is there twice", "AAPL", twice, "99+1 no bar can be so (close 100.0384615)\n"},
    {"a volume below 0", "AAPL", volume_below_0, "100+1 no bar can be so (close 100.0384615)\n"},
    {"a price of 0", "AAPL", price_0, "100+1 a price of 0\n"},
    {"a negative price", "AAPL", price_negative, "100+1 a price of -37.63\n"},
    {"a negative price of a future", "CL:FUT:NYMEX:USD:202005", price_negative, ""},
    {"a price with a digit too many", "AAPL", ten_times,
     "100+1 9.998 times the close before; up to 1.105 times is usual here\n"
     "101+1 0.1 times the close before; up to 0.9048 times is usual here\n"},
    {"a spike within a bar", "AAPL", spike,
     "100+1 1.501 times the close before; up to 1.105 times is usual here\n"},
    {"a crash", "AAPL", crash_of_5_percent, ""},
    {"a half before anything is usual", "AAPL", early_half,
     "10+1 0.5498 times the close before; up to 0.6065 times is usual here\n"
     "11+1 1.82 times the close before; up to 1.649 times is usual here\n"},
    {"a frozen price", "AAPL", frozen, "100+12 12 bars close at 100.2\n"},
    {"a frozen price that ends with a range", "AAPL", frozen_with_a_range_at_the_end,
     "100+12 12 bars close at 100.2\n"},
    {"a frozen price with a range in the middle", "AAPL", frozen_with_a_range_in_the_middle, ""},
    {"a price that is frozen for a while", "AAPL", frozen_for_9, ""},
    {"a close that repeats, to the end", "AAPL", same_close, "375+25 25 bars close at 100.02\n"},
    {"no volume", "AAPL", no_volume, "100+5 5 bars without volume\n"},
    {"no volume at the end", "AAPL", no_volume_at_the_end, "397+3 3 bars without volume\n"},
    {"two bars without", "AAPL", two_without, ""},
    {"seldom a volume", "AAPL", seldom_a_volume, ""},
    {"unknown volumes", "AAPL", unknown_volume, ""},
    {"three weekdays of a stock", "AAPL", no_three_weekdays, ""},
    {"three weekdays of a pair", "EURUSD", no_three_weekdays,
     "100+0 3 days without a bar; up to 2 are usual\n"},
    {"eight days of a stock", "AAPL", eight_days_later,
     "100+0 5 days without a bar; up to 4 are usual\n"},
    {"eight days of a crypto currency", "BTC:CRYPTO:PAXOS:USD", eight_days_later,
     "100+0 7 days without a bar; up to 1 are usual\n"},
};

static void check(void **state) {
  const row *one = *state;
  bar_columns bars = {0};
  make(&bars, BARS, CIVIL_HOUR);
  one->spoil(&bars);
  expect(one->instrument, &bars, one->want);
  bar_columns_clear(&bars);
}

static int check_rows(void) {
  RUN_ROWS("examine", rows, check);
}

static void a_series_is_summed_up(void **state) {
  (void)state;
  bar_columns bars = {0};
  bar_findings found = {0};
  char text[2 * EXAMINE_TEXT_MAX];
  bar_findings_text(&found, text);
  assert_string_equal(text, "0 to be looked at");
  make(&bars, BARS, CIVIL_HOUR);
  ten_times(&bars);
  no_volume_at_the_end(&bars);
  bar_examiner examiner = bar_examiner_for("AAPL", frame_of("1h"));
  for (size_t i = 0; i < bars.count; i++)
    bar_examine(&examiner, &bars, i, bar_findings_add, &found);
  bar_examine_end(&examiner, bar_findings_add, &found);
  bar_findings_text(&found, text);
  assert_string_equal(text,
                      "3 to be looked at: 2 jumps, 1 without volume; the first is of "
                      "1970-01-09T04:00:00Z: 9.998 times the close before; up to 1.105 times "
                      "is usual here");
  bar_columns_clear(&bars);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_series_is_summed_up)};
  return check_rows() + cmocka_run_group_tests_name("findings", tests, NULL, NULL);
}
