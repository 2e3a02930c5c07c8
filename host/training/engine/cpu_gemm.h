// cpu_gemm: products of large matrices, by a library that is opened when the first network needs
// it. Each product runs on its caller's thread alone: the engine has threads of its own, and a
// second pool would fight with them for the same cores. Any thread.
#ifndef MILLRACE_HOST_TRAINING_ENGINE_CPU_GEMM_H
#define MILLRACE_HOST_TRAINING_ENGINE_CPU_GEMM_H

#include <stdbool.h>

#include "mesh/runtime/status.h"

// A factor: row-major, rows `stride` numbers apart; or the transpose of what lies there. float, or
// uint16_t holding bf16 where the library takes halves.
typedef struct cpu_gemm_factor {
  const void *at;
  int stride;
  bool transposed;
} cpu_gemm_factor;

// C (m, n), float, row-major = (or, with `add`, +=) A (m, k) B (k, n).
typedef struct cpu_gemm_product {
  int m, n, k;
  cpu_gemm_factor a, b;
  float *c;
  int c_stride;
  bool add;
} cpu_gemm_product;

// The same product gives the same bits, on one processor with one version of the library.
typedef struct cpu_gemm {
  char name[48];  // for people: "OpenBLAS SkylakeX"
  bool halves;    // the factors are bf16; sums are float
  void (*multiply)(const cpu_gemm_product *product);
} cpu_gemm;

// OpenBLAS's cblas_sgemm, from libopenblas.so.0. UNAVAILABLE says what is missing. *out lives as
// long as the process.
MESH_NODISCARD mesh_code cpu_gemm_openblas(const cpu_gemm **out, mesh_error *err);

// oneDNN's matmul of bf16, from libdnnl.so.2: AMX tiles where the processor has them, AVX512_BF16
// where it has these. UNAVAILABLE: the library, or both, are missing.
MESH_NODISCARD mesh_code cpu_gemm_bf16(const cpu_gemm **out, mesh_error *err);

#endif
