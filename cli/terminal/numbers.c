#include "cli/terminal/numbers.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- shortest ----

static char *put_digits(char *end, uint64_t value, int least) {
  for (int i = 0; value > 0 || i < least; i++) {
    *--end = (char)('0' + value % 10);
    value /= 10;
  }
  return end;
}

// whole * 10^-decimals.
static size_t put_decimal(uint64_t whole, int decimals, bool negative, char out[NUMBERS_TEXT_MAX]) {
  char text[NUMBERS_TEXT_MAX], *end = text + sizeof text, *at = end;
  if (decimals > 0) {
    uint64_t power = 1;
    for (int i = 0; i < decimals; i++)
      power *= 10;
    at = put_digits(at, whole % power, decimals);
    *--at = '.';
    whole /= power;
  }
  at = put_digits(at, whole, 1);
  if (negative) *--at = '-';
  size_t length = (size_t)(end - at);
  memcpy(out, at, length);
  out[length] = '\0';
  return length;
}

// Most prices are a whole number of 10^-k: with up to 15 digits, whole / 10^k is the double nearest
// to that decimal, so the text reads back. Returns 0 where this does not hold; printf is 10 times
// slower.
static size_t as_decimal(double value, char out[NUMBERS_TEXT_MAX]) {
  static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
  double size = fabs(value);
  if (!(size >= 1e-4 && size < 1e15) && !(size == 0 && !signbit(value))) return 0;
  for (int k = 0; k < (int)(sizeof powers / sizeof *powers); k++) {
    double scaled = nearbyint(size * powers[k]);
    if (scaled >= 1e15) return 0;
    if (scaled / powers[k] == size) return put_decimal((uint64_t)scaled, k, value < 0, out);
  }
  return 0;
}

size_t numbers_shortest(double value, char out[NUMBERS_TEXT_MAX]) {
  size_t length = as_decimal(value, out);
  for (int digits = 15; length == 0; digits++) {
    int size = snprintf(out, NUMBERS_TEXT_MAX, "%.*g", digits, value);
    bool equal = strtod(out, NULL) == value || isnan(value);
    if (equal || digits == 17) length = (size_t)size;
  }
  return length;
}

// ---- for people ----

void numbers_count(int64_t value, char out[NUMBERS_TEXT_MAX]) {
  char digits[NUMBERS_TEXT_MAX];
  int length = snprintf(digits, sizeof digits, "%" PRId64, value);
  int first = value < 0 ? 1 : 0, size = 0;
  for (int i = 0; i < length; i++) {
    if (i > first && (length - i) % 3 == 0) out[size++] = ',';
    out[size++] = digits[i];
  }
  out[size] = '\0';
}

void numbers_span(double seconds, char out[NUMBERS_TEXT_MAX]) {
  if (seconds < 0.0009995) {
    snprintf(out, NUMBERS_TEXT_MAX, "%.0f us", seconds * 1e6);
  } else if (seconds < 0.9995) {
    snprintf(out, NUMBERS_TEXT_MAX, "%.0f ms", seconds * 1e3);
  } else if (seconds < 59.95) {
    snprintf(out, NUMBERS_TEXT_MAX, "%.1f s", seconds);
  } else if (seconds < 3600) {
    snprintf(out, NUMBERS_TEXT_MAX, "%d min %d s", (int)seconds / 60, (int)seconds % 60);
  } else if (seconds < 1e9) {
    snprintf(out, NUMBERS_TEXT_MAX, "%d h %d min", (int)seconds / 3600, (int)seconds / 60 % 60);
  } else {
    snprintf(out, NUMBERS_TEXT_MAX, "very long");
  }
}

bool numbers_duration(const char *text, int64_t *out_ms) {
  static const struct {
    const char *name;
    int64_t ms;
  } units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
  const int64_t limit_ms = INT64_C(1000000000);
  char *end;
  errno = 0;
  double number = strtod(text, &end);
  if (end == text || errno != 0 || !(number > 0) || text[0] == ' ') return false;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    if (strcmp(end, units[i].name) != 0) continue;
    double ms = number * (double)units[i].ms;
    *out_ms = (int64_t)ms;
    return ms >= 1 && ms <= (double)limit_ms;
  }
  return false;
}
