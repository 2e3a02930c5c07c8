// Gaps and segments: properties over many seeded windows, and rows for the calendar and the grid.
#include <stdlib.h>
#include <string.h>

#include "backend/data/gaps.h"
#include "backend/data/segments.h"
#include "tests/unit.h"

enum { HOUR = 3600, DAY = 86400, ROUNDS = 2000 };

typedef struct row {
  const char *name;
  void (*run)(void);
} row;

static uint64_t next_random(uint64_t *seed) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 7;
  *seed ^= *seed << 17;
  return *seed;
}

static const timeframe *frame_of(const char *text) {
  const timeframe *frame;
  assert_int_equal(timeframe_parse(text, &frame, NULL), GRPC_STATUS_OK);
  return frame;
}

static const char *const frames[] = {"1s", "5s", "10s", "15s", "30s", "1m",  "2m",
                                     "3m", "5m", "10m", "15m", "20m", "30m", "1h",
                                     "2h", "3h", "4h",  "8h",  "1d",  "1w"};

static interval random_interval(uint64_t *seed, const timeframe *frame) {
  int64_t from = (int64_t)(next_random(seed) % 2000000000) - 500000000;
  int64_t bars = 1 + (int64_t)(next_random(seed) % 3000);
  from = timeframe_floor(frame, from);
  return (interval){from, from + bars * frame->seconds};
}

static bool holds(const intervals *list, int64_t time_s) {
  for (size_t i = 0; i < list->count; i++) {
    if (time_s >= list->items[i].from_s && time_s < list->items[i].to_s) return true;
  }
  return false;
}

// Each moment of the window is either known or in a gap, never both.
static void check_gaps(interval asked, const intervals *known, const intervals *gaps,
                       uint64_t *seed) {
  for (size_t i = 0; i < gaps->count; i++) {
    assert_true(gaps->items[i].from_s < gaps->items[i].to_s);
    assert_true(gaps->items[i].from_s >= asked.from_s && gaps->items[i].to_s <= asked.to_s);
    if (i > 0) assert_true(gaps->items[i - 1].to_s < gaps->items[i].from_s);
  }
  for (int i = 0; i < 50; i++) {
    int64_t at =
        asked.from_s + (int64_t)(next_random(seed) % (uint64_t)(asked.to_s - asked.from_s));
    assert_true(holds(known, at) != holds(gaps, at));
  }
}

static void check_segments(const timeframe *frame, const intervals *gaps,
                           const intervals *segments) {
  intervals joined = {0};
  for (size_t i = 0; i < segments->count; i++) {
    interval one = segments->items[i];
    assert_true(one.from_s < one.to_s && one.to_s - one.from_s <= segments_limit_s(frame));
    assert_int_equal(timeframe_floor(frame, one.from_s), one.from_s);
    assert_int_equal(timeframe_floor(frame, one.to_s), one.to_s);
    if (i > 0) assert_true(segments->items[i - 1].to_s <= one.from_s);
    intervals_add(&joined, one);
  }
  intervals_normalize(&joined);
  assert_int_equal(joined.count, gaps->count);
  for (size_t i = 0; i < gaps->count; i++) {
    assert_int_equal(joined.items[i].from_s, gaps->items[i].from_s);
    assert_int_equal(joined.items[i].to_s, gaps->items[i].to_s);
  }
  intervals_clear(&joined);
}

static void segments_are_the_gaps(void) {
  uint64_t seed = 20261124;
  for (int round = 0; round < ROUNDS; round++) {
    const timeframe *frame = frame_of(frames[(size_t)round % (sizeof frames / sizeof *frames)]);
    interval asked = random_interval(&seed, frame);
    intervals known = {0}, gaps = {0}, segments = {0};
    for (uint64_t i = next_random(&seed) % 6; i > 0; i--) {
      interval one = random_interval(&seed, frame);
      int64_t shift =
          asked.from_s - one.from_s + (int64_t)(next_random(&seed) % 1000 - 300) * frame->seconds;
      intervals_add(&known, (interval){one.from_s + shift, one.to_s + shift});
    }
    intervals_normalize(&known);
    gaps_find(asked, &known, &gaps);
    check_gaps(asked, &known, &gaps, &seed);
    assert_int_equal(segments_plan(frame, &gaps, &segments, NULL), GRPC_STATUS_OK);
    check_segments(frame, &gaps, &segments);
    intervals_clear(&known);
    intervals_clear(&gaps);
    intervals_clear(&segments);
  }
}

// What a gateway answers in one reply; a segment of that length is one, and a bar more are two.
static void segments_are_as_long_as_their_limit(void) {
  static const struct {
    const char *frame;
    int64_t days;
  } limits[] = {{"1m", 7},   {"5m", 7},   {"15m", 30},  {"30m", 30}, {"1h", 90},
                {"2h", 180}, {"4h", 180}, {"1d", 1460}, {"1w", 3640}};
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    const timeframe *frame = frame_of(limits[i].frame);
    int64_t limit_s = limits[i].days * DAY;
    assert_int_equal(segments_limit_s(frame), limit_s);
    intervals one = {0}, two = {0}, cut = {0}, cuts = {0};
    int64_t from_s = timeframe_floor(frame, 0);
    intervals_add(&one, (interval){from_s, from_s + limit_s});
    intervals_add(&two, (interval){from_s, from_s + limit_s + frame->seconds});
    assert_int_equal(segments_plan(frame, &one, &cut, NULL), GRPC_STATUS_OK);
    assert_int_equal(segments_plan(frame, &two, &cuts, NULL), GRPC_STATUS_OK);
    assert_int_equal(cut.count, 1);
    assert_int_equal(cuts.count, 2);
    assert_int_equal(cuts.items[0].to_s, from_s + limit_s);
    intervals_clear(&one);
    intervals_clear(&two);
    intervals_clear(&cut);
    intervals_clear(&cuts);
  }
}

static void the_same_window_is_cut_in_the_same_places(void) {
  const timeframe *frame = frame_of("1h");
  intervals early = {0}, late = {0}, a = {0}, b = {0};
  intervals_add(&early, (interval){0, 400 * (int64_t)DAY});
  intervals_add(&late, (interval){17 * DAY, 400 * (int64_t)DAY});
  assert_int_equal(segments_plan(frame, &early, &a, NULL), GRPC_STATUS_OK);
  assert_int_equal(segments_plan(frame, &late, &b, NULL), GRPC_STATUS_OK);
  assert_int_equal(a.count, b.count);
  assert_int_equal(a.items[1].from_s, b.items[1].from_s);
  intervals_clear(&early);
  intervals_clear(&late);
  intervals_clear(&a);
  intervals_clear(&b);
}

static void too_many_segments_are_refused(void) {
  intervals gaps = {0}, segments = {0};
  intervals_add(&gaps, (interval){0, INT64_C(100000000000000)});
  mesh_error err;
  assert_int_equal(segments_plan(frame_of("1m"), &gaps, &segments, &err), GRPC_STATUS_OUT_OF_RANGE);
  assert_non_null(strstr(err.message, "1m"));
  intervals_clear(&gaps);
  intervals_clear(&segments);
}

// ---- calendar ----

static size_t left_of(const char *symbol, const char *frame, int64_t from_s, int64_t to_s) {
  intervals gaps = {0};
  intervals_add(&gaps, (interval){from_s, to_s});
  gaps_drop_closed(calendar_of(symbol), frame_of(frame), &gaps);
  size_t left = gaps.count;
  intervals_clear(&gaps);
  return left;
}

enum { SATURDAY = 1704499200 };  // 2024-01-06T00:00:00Z

static void closed_time_is_not_asked_for(void) {
  assert_int_equal(left_of("SPX", "1d", SATURDAY, SATURDAY + 2 * DAY), 0);
  assert_int_equal(left_of("SPX", "1d", SATURDAY - DAY, SATURDAY + 2 * DAY), 1);
  assert_int_equal(left_of("EURUSD", "1d", SATURDAY, SATURDAY + DAY), 0);
  assert_int_equal(left_of("EURUSD", "1d", SATURDAY + DAY, SATURDAY + 2 * DAY), 1);
  assert_int_equal(left_of("EURUSD", "1h", SATURDAY, SATURDAY + DAY), 0);
  assert_int_equal(left_of("EURUSD", "1h", SATURDAY - 2 * HOUR, SATURDAY + 44 * HOUR), 0);
  assert_int_equal(left_of("EURUSD", "1h", SATURDAY - 3 * HOUR, SATURDAY), 1);
  assert_int_equal(left_of("EURUSD", "1h", SATURDAY, SATURDAY + 45 * HOUR), 1);
  assert_int_equal(left_of("AAPL", "1m", SATURDAY + 12 * HOUR, SATURDAY + DAY), 0);
  assert_int_equal(left_of("AAPL", "1m", SATURDAY + 11 * HOUR, SATURDAY + DAY), 1);
}

static void what_never_closes_is_asked_for(void) {
  assert_int_equal(left_of("SYNA", "1m", SATURDAY, SATURDAY + DAY), 1);
  assert_int_equal(left_of("BTCUSD", "1d", SATURDAY, SATURDAY + DAY), 1);
  assert_int_equal(left_of("SPX", "1w", SATURDAY, SATURDAY + DAY), 1);
}

static const row rows[] = {
    {"segments are the gaps, in order, within the limit", segments_are_the_gaps},
    {"segments are as long as their limit", segments_are_as_long_as_their_limit},
    {"the same window is cut in the same places", the_same_window_is_cut_in_the_same_places},
    {"too many segments are refused", too_many_segments_are_refused},
    {"closed time is not asked for", closed_time_is_not_asked_for},
    {"what never closes is asked for", what_never_closes_is_asked_for},
};

static void check(void **state) {
  ((const row *)*state)->run();
}

int main(void) {
  RUN_ROWS("planning", rows, check);
}
