// bench: how much a benchmark does, its numbers, and the lines that say them. One thread.
#ifndef MILLRACE_TESTS_BENCH_MEASURE_H
#define MILLRACE_TESTS_BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// True if the benchmark is only to show that it runs: MILLRACE_TEST_SMOKE is in the environment,
// as in tests/bench's smoke tests. It does the same with less, and no target is missed.
bool bench_is_smoke(void);

// `full`, or in a smoke run `smoke`.
int bench_size(int full, int smoke);

// Sorts `samples` (of any unit), smallest first.
void bench_sort(int64_t *samples, size_t count);

// The sample below which `percent` of the sorted samples lie; 0 if there are none.
int64_t bench_percentile(const int64_t *sorted, size_t count, double percent);

// The middle one of `count` (>= 1) numbers; sorts them.
double bench_median(double *numbers, size_t count);

typedef enum bench_bound { BENCH_AT_MOST, BENCH_AT_LEAST } bench_bound;

// Prints "  target  p50: 0.155 ms <= 0.25 ms: reached" and returns whether it is. A smoke run
// prints "not judged", and returns true.
bool bench_target(const char *what, double got, bench_bound bound, double wanted, const char *unit);

// Nanoseconds on the monotonic clock, the same in every process of the machine.
int64_t bench_now_ns(void);

#endif
