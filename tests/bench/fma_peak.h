// bench: how many floating-point operations one core does at best.
#ifndef MILLRACE_TESTS_BENCH_FMA_PEAK_H
#define MILLRACE_TESTS_BENCH_FMA_PEAK_H

// Single-precision operations a second (a multiplication with addition is two) of independent FMAs
// in registers, with the widest vectors that this processor has.
double bench_fma_peak(void);

#endif
