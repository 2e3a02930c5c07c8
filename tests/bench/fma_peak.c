#include "tests/bench/fma_peak.h"

#include <stdint.h>

#include "tests/bench/measure.h"

enum { CHAINS = 16, TURNS = 20000000, SMOKE_TURNS = 200000 };

// Sixteen chains hide the latency of the longest FMA there is. Each begins with another number that
// the compiler does not know, or it would find out that they are all the same.
#define DEFINE_PEAK(name, bytes, flags)                                       \
  typedef float vec_##name __attribute__((vector_size(bytes)));               \
  __attribute__((target(flags), noinline)) static double peak_##name(void) {  \
    volatile float unknown = 1;                                               \
    vec_##name chains[CHAINS], factor = (vec_##name){0} + (0.999f * unknown); \
    vec_##name term = (vec_##name){0} + (0.001f * unknown);                   \
    for (int c = 0; c < CHAINS; c++)                                          \
      chains[c] = (vec_##name){0} + (float)c * unknown;                       \
    int turns = bench_size(TURNS, SMOKE_TURNS);                               \
    int64_t start_ns = bench_now_ns();                                        \
    for (int i = 0; i < turns; i++) {                                         \
      _Pragma("GCC unroll 16") for (int c = 0; c < CHAINS; c++) chains[c] =   \
          chains[c] * factor + term;                                          \
    }                                                                         \
    double took_s = (double)(bench_now_ns() - start_ns) / 1e9;                \
    volatile float kept = 0;                                                  \
    for (int c = 0; c < CHAINS; c++)                                          \
      kept = kept + chains[c][0];                                             \
    return 2.0 * CHAINS * (bytes / 4) * turns / took_s;                       \
  }

DEFINE_PEAK(avx512, 64, "avx512f,fma")
DEFINE_PEAK(avx2, 32, "avx2,fma")

double bench_fma_peak(void) {
  double best = 0;
  for (int round = 0; round < 5; round++) {
    double rate = 0;
    if (__builtin_cpu_supports("avx512f")) {
      rate = peak_avx512();
    } else if (__builtin_cpu_supports("fma")) {
      rate = peak_avx2();
    }
    if (rate > best) best = rate;
  }
  return best;
}
