// Times from outside: the largest, the smallest, and what lies between, through each function.
#include "mesh/runtime/time.h"

#include "tests/unit.h"

#define MOST INT64_MAX
#define LEAST INT64_MIN

typedef struct row {
  const char *name;
  int64_t (*of)(int64_t a, int64_t b);
  int64_t a, b, want;
} row;

static int64_t ms(int64_t a, int64_t b) {
  (void)b;
  return mesh_ms_ns(a);
}
static int64_t s(int64_t a, int64_t b) {
  (void)b;
  return mesh_s_ns(a);
}
static int64_t us(int64_t a, int64_t b) {
  (void)b;
  return mesh_us_ns(a);
}
static int64_t s_ms(int64_t a, int64_t b) {
  (void)b;
  return mesh_s_ms(a);
}
static int64_t seconds(int64_t a, int64_t b) {
  (void)b;
  return mesh_time_seconds(a);
}
static int64_t nanos(int64_t a, int64_t b) {
  (void)b;
  return mesh_time_nanos(a);
}
static int64_t split_and_joined(int64_t a, int64_t b) {
  (void)b;
  return mesh_time_join(mesh_time_seconds(a), mesh_time_nanos(a));
}

static const row rows[] = {
    {"a millisecond", ms, 1, 0, 1000000},
    {"ten trillion milliseconds are for ever", ms, 10000000000000, 0, MOST},
    {"the last milliseconds that fit", ms, 9223372036854, 0, 9223372036854000000},
    {"and the first that do not", ms, 9223372036855, 0, MOST},
    {"the most milliseconds are for ever", ms, MOST, 0, MOST},
    {"the least were always over", ms, LEAST, 0, LEAST},
    {"a negative duration is negative", ms, -3, 0, -3000000},
    {"a Go client's longest deadline, 2,562,048 hours", s, 9223372800, 0, MOST},
    {"the most microseconds", us, MOST, 0, MOST},
    {"the least seconds as milliseconds", s_ms, LEAST, 0, LEAST},
    {"zero times the least", mesh_multiply, 0, LEAST, 0},
    {"minus one times the least", mesh_multiply, -1, LEAST, MOST},
    {"a time and a duration", mesh_time_add, 5, 7, 12},
    {"for ever from now", mesh_time_add, 5, MOST, MOST},
    {"never, and then back", mesh_time_add, MOST, -7, MOST},
    {"never, and long before", mesh_time_add, MOST, LEAST, MOST},
    {"long ago stays long ago", mesh_time_add, LEAST, 7, LEAST},
    {"before long ago", mesh_time_add, LEAST + 1, -7, LEAST},
    {"a deadline in a second", mesh_time_after_ms, 5, 1000, 1000000005},
    {"a deadline for ever from now", mesh_time_after_ms, 5, MOST, MOST},
    {"a deadline that was always over", mesh_time_after_ms, 5, LEAST, LEAST + 5},
    {"a deadline in years", mesh_time_after_s, 5, MOST / 2, MOST},
    {"how long until then", mesh_time_between, 5, 12, 7},
    {"how long until never", mesh_time_between, -5, MOST, MOST},
    {"how long from the one end", mesh_time_between, LEAST, MOST - 1, MOST},
    {"and back from the other", mesh_time_between, MOST, LEAST + 1, LEAST},
    {"seconds and nanoseconds", mesh_time_join, 2, 5, 2000000005},
    {"more seconds than there are", mesh_time_join, MOST, 999999999, MOST},
    {"fewer seconds than there are", mesh_time_join, LEAST, 999999999, LEAST},
    {"seconds before 1970 are rounded down", seconds, -1, 0, -1},
    {"and their nanoseconds count up", nanos, -1, 0, 999999999},
    {"a whole second before 1970", seconds, -1000000000, 0, -1},
    {"has no nanoseconds", nanos, -1000000000, 0, 0},
    {"split and joined is the same", split_and_joined, -1234567891, 0, -1234567891},
    {"of the most, too", split_and_joined, MOST, 0, MOST},
    {"of the least, too", split_and_joined, LEAST, 0, LEAST},
};

static void check(void **state) {
  const row *row = *state;
  assert_true(row->of(row->a, row->b) == row->want);
}

static void timestamps_and_durations_have_bounds(void **state) {
  (void)state;
  assert_true(mesh_is_timestamp(0, 0) && mesh_is_timestamp(MESH_TIMESTAMP_LAST_S, 999999999));
  assert_true(mesh_is_timestamp(MESH_TIMESTAMP_FIRST_S, 0));
  assert_false(mesh_is_timestamp(MESH_TIMESTAMP_FIRST_S - 1, 0));
  assert_false(mesh_is_timestamp(MESH_TIMESTAMP_LAST_S + 1, 0));
  assert_false(mesh_is_timestamp(0, -1) || mesh_is_timestamp(0, 1000000000));
  assert_true(mesh_is_duration(0, 0) && mesh_is_duration(MESH_DURATION_MOST_S, 999999999));
  assert_false(mesh_is_duration(MESH_DURATION_MOST_S + 1, 0) || mesh_is_duration(-1, 0));
  assert_false(mesh_is_duration(1, -1) || mesh_is_duration(1, 1000000000));
}

int main(void) {
  const struct CMUnitTest bounds[] = {cmocka_unit_test(timestamps_and_durations_have_bounds)};
  if (cmocka_run_group_tests_name("bounds", bounds, NULL, NULL) != 0) return 1;
  RUN_ROWS("time", rows, check);
}
