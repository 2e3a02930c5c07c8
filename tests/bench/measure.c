#include "tests/bench/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

bool bench_is_smoke(void) {
  return getenv("MILLRACE_TEST_SMOKE") != NULL;
}

int bench_size(int full, int smoke) {
  return bench_is_smoke() ? smoke : full;
}

static int compare_integers(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

void bench_sort(int64_t *samples, size_t count) {
  qsort(samples, count, sizeof *samples, compare_integers);
}

int64_t bench_percentile(const int64_t *sorted, size_t count, double percent) {
  if (count == 0) return 0;
  size_t index = (size_t)((double)count * percent / 100);
  return sorted[index < count ? index : count - 1];
}

static int compare_numbers(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

double bench_median(double *numbers, size_t count) {
  qsort(numbers, count, sizeof *numbers, compare_numbers);
  return numbers[count / 2];
}

bool bench_target(const char *what, double got, bench_bound bound, double wanted,
                  const char *unit) {
  bool reached = bound == BENCH_AT_MOST ? got <= wanted : got >= wanted;
  const char *verdict = reached ? "reached" : "NOT REACHED";
  if (bench_is_smoke()) verdict = "not judged";
  printf("  target  %s: %.6g %s %s %.6g %s: %s\n", what, got, unit,
         bound == BENCH_AT_MOST ? "<=" : ">=", wanted, unit, verdict);
  return reached || bench_is_smoke();
}

int64_t bench_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}
