#include "cli/terminal/numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit.h"

// ---- single values ----

typedef struct row {
  const char *name;
  double value;
  const char *want;
} row;

static const row rows[] = {
    {"a whole number", 1478, "1478"},
    {"zero", 0, "0"},
    {"minus zero", -0.0, "-0"},
    {"a tenth", 0.1, "0.1"},
    {"a sum that is no short decimal", 0.1 + 0.2, "0.30000000000000004"},
    {"16 digits", 0.1234567890123456, "0.1234567890123456"},
    {"a price", 1.05674, "1.05674"},
    {"zeros inside", 1.00001, "1.00001"},
    {"negative", -37.63, "-37.63"},
    {"a volume", 3931800000, "3931800000"},
    {"15 digits", 999999999999999, "999999999999999"},
    {"16 digits and whole", 9007199254740992, "9007199254740992"},
    {"small", 0.00001, "1e-05"},
    {"huge", 1e300, "1e+300"},
    {"the smallest", 5e-324, "4.94065645841247e-324"},
    {"the largest", 1.7976931348623157e308, "1.7976931348623157e+308"},
    {"no number", NAN, "nan"},
    {"infinite", -INFINITY, "-inf"},
};

static void check_one(void **state) {
  const row *one = *state;
  char text[NUMBERS_TEXT_MAX];
  size_t length = numbers_shortest(one->value, text);
  assert_int_equal(length, strlen(text));
  assert_string_equal(text, one->want);
}

static int check_rows(void) {
  RUN_ROWS("numbers_shortest", rows, check_one);
}

// ---- every kind of double: reads back, and no shorter printf does ----

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void check_value(double value) {
  char text[NUMBERS_TEXT_MAX], want[NUMBERS_TEXT_MAX];
  numbers_shortest(value, text);
  assert_true(strtod(text, NULL) == value);
  int digits = 15;
  do {
    snprintf(want, sizeof want, "%.*g", digits, value);
  } while (strtod(want, NULL) != value && ++digits <= 17);
  assert_string_equal(text, want);
}

static void check_random_bits(void **state) {
  (void)state;
  uint64_t random = 0x9e3779b97f4a7c15;
  for (int i = 0; i < 200000; i++) {
    uint64_t bits = next_random(&random);
    double value;
    memcpy(&value, &bits, sizeof value);
    if (isfinite(value)) check_value(value);
  }
}

static void check_prices(void **state) {
  (void)state;
  uint64_t random = 0x2545f4914f6cdd1d;
  for (int i = 0; i < 200000; i++) {
    int decimals = (int)(next_random(&random) % 10);
    double whole = (double)(int64_t)(next_random(&random) % 100000000000);
    check_value((i % 2 == 0 ? 1 : -1) * whole / pow(10, decimals));
  }
}

// ---- for people ----

static void check_counts(void **state) {
  (void)state;
  static const struct {
    int64_t value;
    const char *want;
  } counts[] = {{0, "0"},
                {999, "999"},
                {1000, "1,000"},
                {1234567, "1,234,567"},
                {-1000, "-1,000"},
                {-999, "-999"},
                {INT64_MIN, "-9,223,372,036,854,775,808"}};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    char text[NUMBERS_TEXT_MAX];
    numbers_count(counts[i].value, text);
    assert_string_equal(text, counts[i].want);
  }
}

static void check_spans(void **state) {
  (void)state;
  static const struct {
    double seconds;
    const char *want;
  } spans[] = {{0, "0 us"},         {0.000035, "35 us"}, {0.0004204, "420 us"},
               {0.42, "420 ms"},    {0.9996, "1.0 s"},   {7.44, "7.4 s"},
               {200, "3 min 20 s"}, {7500, "2 h 5 min"}, {1e12, "very long"}};
  for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
    char text[NUMBERS_TEXT_MAX];
    numbers_span(spans[i].seconds, text);
    assert_string_equal(text, spans[i].want);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(check_random_bits),
      cmocka_unit_test(check_prices),
      cmocka_unit_test(check_counts),
      cmocka_unit_test(check_spans),
  };
  return check_rows() + cmocka_run_group_tests(tests, NULL, NULL);
}
