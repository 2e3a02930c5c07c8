// libcublasLt.so.13, emulated: refuses what does not fit together, as the real one does.
#include "tests/emulation/cuda_runtime.h"
// After it: the stream's type.
#include "tests/emulation/cublasLt.h"

#include <string.h>

struct cublasLtContext {
  int none;
};
struct cublasLtMatmulDesc {
  cublasOperation_t a, b;
};
struct cublasLtMatrixLayout {
  int64_t rows, columns, leading;
};
struct cublasLtMatmulPreference {
  uint32_t schemes;
  uint32_t alignments[4];  // bytes, of a, b, c, d
};

namespace {

struct view {
  const float *at;
  int64_t rows, columns, leading;
  bool transposed;
  float get(int64_t row, int64_t column) const {
    return transposed ? at[row * leading + column] : at[column * leading + row];
  }
};

view view_of(const void *at, cublasLtMatrixLayout_t layout, cublasOperation_t operation) {
  bool transposed = operation == CUBLAS_OP_T;
  return {static_cast<const float *>(at), transposed ? layout->columns : layout->rows,
          transposed ? layout->rows : layout->columns, layout->leading, transposed};
}

cublasStatus_t refuse() {
  cuda_emulation_count_product(true);
  return CUBLAS_STATUS_INVALID_VALUE;
}

void multiply(const view &a, const view &b, float *d, int64_t leading) {
  for (int64_t column = 0; column < b.columns; column++) {
    for (int64_t row = 0; row < a.rows; row++) {
      float sum = 0;
      for (int64_t k = 0; k < a.columns; k++)
        sum += a.get(row, k) * b.get(k, column);
      d[column * leading + row] = sum;
    }
  }
}

}  // namespace

cublasStatus_t cublasLtCreate(cublasLtHandle_t *out) {
  if (!cuda_emulation_has_blas()) return CUBLAS_STATUS_INVALID_VALUE;
  *out = new cublasLtContext();
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *out, cublasComputeType_t,
                                        cudaDataType) {
  *out = new cublasLtMatmulDesc();
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void *value, size_t size_bytes) {
  if (size_bytes != sizeof(cublasOperation_t)) return CUBLAS_STATUS_INVALID_VALUE;
  memcpy(attribute == CUBLASLT_MATMUL_DESC_TRANSA ? &desc->a : &desc->b, value, size_bytes);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
  delete desc;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *out, cudaDataType, uint64_t rows,
                                          uint64_t columns, int64_t leading) {
  *out = nullptr;
  if (leading < static_cast<int64_t>(rows)) return CUBLAS_STATUS_INVALID_VALUE;
  *out =
      new cublasLtMatrixLayout{static_cast<int64_t>(rows), static_cast<int64_t>(columns), leading};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete layout;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *out) {
  *out = new cublasLtMatmulPreference{~0u, {256, 256, 256, 256}};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void *value, size_t size_bytes) {
  if (size_bytes != sizeof preference->schemes) return CUBLAS_STATUS_INVALID_VALUE;
  uint32_t *to = &preference->schemes;
  if (attribute != CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK) {
    to = &preference->alignments[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES];
  }
  memcpy(to, value, size_bytes);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete preference;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t desc,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t found[], int *count) {
  view left = view_of(nullptr, a, desc->a), right = view_of(nullptr, b, desc->b);
  *count = 0;
  if (wanted < 1 || c != d || preference->schemes != CUBLASLT_REDUCTION_SCHEME_NONE ||
      left.columns != right.rows || left.rows != d->rows || right.columns != d->columns)
    return refuse();
  found[0] = cublasLtMatmulHeuristicResult_t();
  for (int i = 0; i < 4; i++)
    found[0].algo.data[i] = preference->alignments[i];
  *count = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t desc, const void *alpha,
                              const void *a, cublasLtMatrixLayout_t a_layout, const void *b,
                              cublasLtMatrixLayout_t b_layout, const void *beta, const void *c,
                              cublasLtMatrixLayout_t, void *d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t *algo, void *, size_t,
                              cudaStream_t stream) {
  const void *addresses[] = {a, b, c, d};
  for (int i = 0; i < 4; i++) {
    if (reinterpret_cast<uintptr_t>(addresses[i]) % algo->data[i] != 0) return refuse();
  }
  if (*static_cast<const float *>(alpha) != 1 || *static_cast<const float *>(beta) != 0 || c != d)
    return refuse();
  // The layouts may be destroyed before the stream comes to this.
  view left = view_of(a, a_layout, desc->a), right = view_of(b, b_layout, desc->b);
  int64_t leading = d_layout->leading;
  cuda_emulation_count_product(false);
  cuda_emulation_queue(stream, [=] { multiply(left, right, static_cast<float *>(d), leading); });
  return CUBLAS_STATUS_SUCCESS;
}
