// What an answer says: bars one by one, order, and what is known of the interval afterwards.
#include "backend/data/judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit.h"

enum { DAY = 86400, HOUR = 3600, MINUTE = 60, LATE = 1000000000, BARS_MAX = 300 };

// ---- one bar ----

// One bar between two good ones (days 1 and 3), and what is said of it; NULL: it is right.
typedef struct bar_row {
  const char *name;
  int64_t time_s;
  double open, high, low, close, volume;
  const char *said;
} bar_row;

static const bar_row bar_rows[] = {
    {"a good bar", 2 * DAY, 2, 3, 1, 2, 10, NULL},
    {"no volume is known", 2 * DAY, 2, 3, 1, 2, NAN, NULL},
    {"a flat bar", 2 * DAY, 2, 2, 2, 2, 0, NULL},
    {"negative prices", 2 * DAY, -37, -10, -40, -37.63, 1, NULL},
    {"before the others", 0, 2, 3, 1, 2, 1, NULL},
    {"after the others", 8 * DAY, 2, 3, 1, 2, 1, NULL},
    {"before the request", -DAY, 2, 3, 1, 2, 1, "1969-12-31T00:00:00Z: outside the request"},
    {"at its end", 10 * DAY, 2, 3, 1, 2, 1, "1970-01-11T00:00:00Z: outside the request"},
    {"off the grid", 2 * DAY + 1, 2, 3, 1, 2, 1,
     "1970-01-03T00:00:01Z: off the grid of its timeframe"},
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

static const timeframe *frame_of(const char *text) {
  const timeframe *frame;
  assert_int_equal(timeframe_parse(text, &frame, NULL), GRPC_STATUS_OK);
  return frame;
}

static void check_bar(void **state) {
  const bar_row *one = *state;
  bar_columns bars = {0};
  bar_columns_reserve(&bars, 3);
  bars.count = 3;
  for (size_t i = 0; i < 3; i++) {
    bars.times[i] = i == 0 ? DAY : i == 1 ? one->time_s : 3 * DAY;
    bars.open[i] = i == 1 ? one->open : 2;
    bars.high[i] = i == 1 ? one->high : 3;
    bars.low[i] = i == 1 ? one->low : 1;
    bars.close[i] = i == 1 ? one->close : 2;
    bars.volume[i] = i == 1 ? one->volume : 7;
  }
  judge_answer answer = {frame_of("1d"), {0, 10 * DAY}, LATE, LATE, "", 0, 0};
  judgement out;
  judge(&answer, &bars, &out);
  size_t refused = one->said == NULL ? 0 : 1;
  assert_int_equal(out.refused, refused);
  assert_int_equal(bars.count, 3 - refused);
  assert_string_equal(out.first_refused, one->said == NULL ? "" : one->said);
  for (size_t i = 1; i < bars.count; i++)
    assert_true(bars.times[i] > bars.times[i - 1]);
  bar_columns_clear(&bars);
}

// ---- whole answers, in minutes ----

// Bars of a minute: "3" is the one that starts at minute 3, "3!" one that cannot be, "3+" one that
// says something else than "3". Minutes are asked, and the clock is one, too.
typedef struct answer_row {
  const char *name;
  int from, to, clock;
  const char *came, *kept;
  const char *known;  // "0-5 stored 5-9 open"
  int tries;
} answer_row;

enum { OLD = 1000, NOW = 5000 };  // minutes: any time is enough; our own clock

static const answer_row answer_rows[] = {
    {"all that was asked came", 0, 5, OLD, "0 1 2 3 4", "0 1 2 3 4", "0-5 stored ", 0},
    {"holes between bars are settled", 0, 5, OLD, "0 4", "0 4", "0-5 stored ", 0},
    {"what is before the first bar is settled", 0, 5, OLD, "3 4", "3 4", "0-5 stored ", 0},
    {"behind the last bar the source may have more", 0, 9, OLD, "0 1 2", "0 1 2",
     "0-3 stored 3-9 open ", 0},
    {"the last bar is young", 0, 5, 20, "0 1 2 3 4", "0 1 2 3 4", "0-4 stored 4-5 open ", 0},
    {"just old enough", 0, 5, 21, "0 1 2 3 4", "0 1 2 3 4", "0-5 stored ", 0},
    {"a young bar alone", 3, 5, 6, "3", "3", "3-5 open ", 0},
    {"a bar that forms is left out and confirms", 0, 9, 5, "0 3 4 5", "0 3 4",
     "0-5 stored 5-9 open ", 0},
    {"bars that have not begun", 0, 9, 5, "0 4 7 8", "0 4", "0-7 stored 7-9 open ", 0},
    {"only one that forms", 0, 9, 5, "5", "", "0-5 stored 5-9 open ", 0},
    {"nothing, long ago", 0, 9, OLD, "", "", "0-9 empty again in 60 ", 0},
    {"nothing, a second time", 0, 9, OLD, "", "", "0-9 empty again in 120 ", 1},
    {"nothing, very often", 0, 9, OLD, "", "", "0-9 empty again in 10080 ", 60},
    {"nothing, some of it young", 0, 9, 20, "", "", "0-4 empty again in 60 4-9 open ", 0},
    {"nothing, all of it young", 0, 9, 10, "", "", "0-9 open ", 0},
    {"newest first", 0, 5, OLD, "4 3 2 1 0", "0 1 2 3 4", "0-5 stored ", 0},
    {"one far ahead, then good ones", 0, 9, OLD, "0 8 1 2 3", "0 1 2 3 8", "0-9 stored ", 0},
    {"the same bar again", 0, 5, OLD, "0 1 1 2 3 4 0", "0 1 2 3 4", "0-5 stored ", 0},
    {"two that contradict each other", 0, 5, OLD, "0 1 2 1+ 3 4", "0 2 3 4",
     "0-1 stored 1-2 refused again in 0 2-5 stored ", 0},
    {"one that cannot be", 0, 5, OLD, "0 1! 2 3 4", "0 2 3 4",
     "0-1 stored 1-2 refused again in 0 2-5 stored ", 0},
    {"the same one again", 0, 5, OLD, "0 1! 2 3 4", "0 2 3 4",
     "0-1 stored 1-2 refused again in 60 2-5 stored ", 1},
    {"the first cannot be", 0, 3, OLD, "0! 1 2", "1 2", "0-1 refused again in 0 1-3 stored ", 0},
    {"the last cannot be", 0, 3, OLD, "0 1 2!", "0 1", "0-2 stored 2-3 refused again in 0 ", 0},
    {"a young one that cannot be", 0, 4, 5, "0 1 2 3!", "0 1 2",
     "0-3 stored 3-4 refused again in 0 ", 0},
    {"two in a row that cannot be", 0, 5, OLD, "0 1! 2! 3 4", "0 3 4",
     "0-1 stored 1-3 refused again in 0 3-5 stored ", 0},
    {"nothing that can be", 0, 9, OLD, "2! 5!", "",
     "0-2 stored 2-3 refused again in 0 3-5 stored 5-6 refused again in 0 6-9 open ", 0},
    {"only what was not asked for", 5, 9, OLD, "20", "", "5-9 open ", 0},
};

static void read_bars(const char *text, bar_columns *bars) {
  char copy[200], *rest = copy, *word;
  snprintf(copy, sizeof copy, "%s", text);
  bar_columns_reserve(bars, BARS_MAX);
  while ((word = strsep(&rest, " ")) != NULL) {
    int minute;
    char mark = ' ';
    if (sscanf(word, "%d%c", &minute, &mark) < 1) continue;
    size_t i = bars->count++;
    bars->times[i] = minute * MINUTE;
    bars->open[i] = bars->low[i] = bars->close[i] = 10;
    bars->high[i] = mark == '!' ? 9 : mark == '+' ? 12 : 11;
    bars->volume[i] = NAN;
  }
}

static void write_times(const bar_columns *bars, char *out) {
  out[0] = '\0';
  for (size_t i = 0; i < bars->count; i++)
    sprintf(out + strlen(out), "%s%d", i == 0 ? "" : " ", (int)bars->times[i] / MINUTE);
}

static void write_known(const judgement *found, int64_t now_s, char *out) {
  static const char *const states[] = {"", "stored", "empty", "failed", "open", "refused"};
  out[0] = '\0';
  for (size_t i = 0; i < found->part_count; i++) {
    const store_coverage *part = &found->parts[i];
    out += sprintf(out, "%d-%d %s ", (int)part->from_s / MINUTE, (int)part->to_s / MINUTE,
                   states[part->state]);
    if (part->state != STORE_EMPTY && part->state != STORE_REFUSED) continue;
    int64_t wait_s = part->again_s == 0 ? 0 : part->again_s - now_s;
    out += sprintf(out, "again in %d ", (int)wait_s / MINUTE);
  }
}

static void check_answer(void **state) {
  const answer_row *row = *state;
  bar_columns bars = {0};
  read_bars(row->came, &bars);
  judge_answer answer = {frame_of("1m"),
                         {row->from * MINUTE, row->to * MINUTE},
                         row->clock * MINUTE,
                         NOW * MINUTE,
                         "",
                         row->tries,
                         false};
  judgement out;
  char text[400];
  judge(&answer, &bars, &out);
  write_times(&bars, text);
  assert_string_equal(text, row->kept);
  write_known(&out, answer.now_s, text);
  assert_string_equal(text, row->known);
  bar_columns_clear(&bars);
}

static void each_part_says_its_own_flaw(void **state) {
  (void)state;
  bar_columns bars = {0};
  read_bars("0 1! 2! 3 3+ 4 6!", &bars);
  judge_answer answer = {frame_of("1m"), {0, 9 * MINUTE}, OLD * MINUTE, NOW * MINUTE, "", 0, 0};
  judgement out;
  char text[600] = "";
  judge(&answer, &bars, &out);
  for (size_t i = 0; i < out.part_count; i++) {
    if (out.parts[i].state != STORE_REFUSED) continue;
    sprintf(text + strlen(text), "%d-%d %s\n", (int)out.parts[i].from_s / MINUTE,
            (int)out.parts[i].to_s / MINUTE, out.parts[i].reason);
  }
  assert_string_equal(text,
                      "1-3 1970-01-01T00:01:00Z: high 9 < low 10\n"
                      "3-4 1970-01-01T00:03:00Z: there twice, and not the same\n"
                      "6-7 1970-01-01T00:06:00Z: high 9 < low 10\n");
  bar_columns_clear(&bars);
}

// An answer that was cut to its newest bars says nothing of those before.
static void what_lies_before_the_first_bar(void **state) {
  (void)state;
  static const struct {
    const char *came;
    store_coverage_state before;
    const char *known;
  } rows[] = {
      {"3 4 8", STORE_STORED, "0-9 stored "},
      {"0 4 8", STORE_OPEN, "0-9 stored "},
      {"3 4 8", STORE_OPEN, "0-3 open 3-9 stored "},
      {"3 4 8", STORE_EMPTY, "0-3 empty again in 60 3-9 stored "},
      {"3! 4 6", STORE_OPEN, "0-3 open 3-4 refused again in 0 4-7 stored 7-9 open "},
      {"5", STORE_OPEN, "0-5 open 5-6 stored 6-9 open "},
      {"", STORE_OPEN, "0-9 empty again in 60 "},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    bar_columns bars = {0};
    read_bars(rows[i].came, &bars);
    judge_answer answer = {frame_of("1m"), {0, 9 * MINUTE}, OLD * MINUTE, NOW * MINUTE, "", 0,
                           rows[i].before};
    judgement out;
    char text[400];
    judge(&answer, &bars, &out);
    write_known(&out, answer.now_s, text);
    assert_string_equal(text, rows[i].known);
    bar_columns_clear(&bars);
  }
}

// ---- what is known is all that was asked, whatever came ----

static uint64_t next_random(uint64_t *seed) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 7;
  *seed ^= *seed << 17;
  return *seed;
}

static void add_at_random(bar_columns *bars, const timeframe *frame, interval asked,
                          uint64_t *seed) {
  size_t i = bars->count++;
  uint64_t span = (uint64_t)(asked.to_s - asked.from_s) + 20 * (uint64_t)frame->seconds;
  int64_t at = asked.from_s - 10 * frame->seconds + (int64_t)(next_random(seed) % span);
  bool off = next_random(seed) % 20 == 0;
  bars->times[i] = off ? at : timeframe_floor(frame, at);
  bars->open[i] = bars->low[i] = bars->close[i] = 10;
  bars->high[i] = next_random(seed) % 10 == 0 ? 9 : 11 + (double)(next_random(seed) % 2);
  bars->volume[i] = 1;
}

static void parts_are_all_that_was_asked(void **state) {
  (void)state;
  static const char *const texts[] = {"1m", "15m", "4h", "1d", "1w"};
  uint64_t seed = 20261126;
  for (int round = 0; round < 4000; round++) {
    const timeframe *frame = frame_of(texts[round % 5]);
    int64_t from_s = timeframe_floor(frame, (int64_t)(next_random(&seed) % 1000000000));
    int64_t span = (int64_t)(1 + next_random(&seed) % 200) * frame->seconds;
    judge_answer answer = {frame,
                           {from_s, from_s + span},
                           0,
                           0,
                           "none",
                           (int)(round % 3),
                           (store_coverage_state)(round % 5)};
    answer.clock_s = from_s + (int64_t)(next_random(&seed) % (uint64_t)(2 * span));
    bar_columns bars = {0};
    bar_columns_reserve(&bars, BARS_MAX);
    for (uint64_t i = next_random(&seed) % BARS_MAX; i > 0; i--)
      add_at_random(&bars, frame, answer.asked, &seed);
    judgement out;
    judge(&answer, &bars, &out);
    int64_t at_s = from_s;
    for (size_t i = 0; i < out.part_count; i++) {
      assert_int_equal(out.parts[i].from_s, at_s);
      assert_true(out.parts[i].to_s > at_s);
      at_s = out.parts[i].to_s;
    }
    assert_int_equal(at_s, answer.asked.to_s);
    for (size_t i = 0; i < bars.count; i++) {
      assert_true(bars.times[i] >= from_s && bars.times[i] < answer.asked.to_s);
      assert_true(bars.times[i] + frame->seconds <= answer.clock_s);
      assert_true(i == 0 || bars.times[i] > bars.times[i - 1]);
      assert_true(bars.high[i] >= 11);
    }
    bar_columns_clear(&bars);
  }
}

// A week dated by its last trading day is whole when the week is over.
static void a_week_may_be_dated_by_its_friday(void **state) {
  (void)state;
  enum { MONDAY = 4 * DAY, FRIDAY = MONDAY + 4 * DAY, NEXT = MONDAY + 7 * DAY };
  for (int over = 0; over < 2; over++) {
    bar_columns bars = {0};
    bar_columns_reserve(&bars, 1);
    bars.count = 1;
    bars.times[0] = FRIDAY;
    bars.open[0] = bars.high[0] = bars.low[0] = bars.close[0] = bars.volume[0] = 1;
    judge_answer answer = {frame_of("1w"), {MONDAY, NEXT}, over ? NEXT : NEXT - 1, 0, "", 0, 0};
    judgement out;
    judge(&answer, &bars, &out);
    assert_int_equal(bars.count, over);
    assert_int_equal(out.unfinished, 1 - over);
    bar_columns_clear(&bars);
  }
}

static int check_bars(void) {
  RUN_ROWS("bars", bar_rows, check_bar);
}

static int check_answers(void) {
  RUN_ROWS("answers", answer_rows, check_answer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_part_says_its_own_flaw),
      cmocka_unit_test(what_lies_before_the_first_bar),
      cmocka_unit_test(parts_are_all_that_was_asked),
      cmocka_unit_test(a_week_may_be_dated_by_its_friday),
  };
  return check_bars() + check_answers() + cmocka_run_group_tests(tests, NULL, NULL);
}
