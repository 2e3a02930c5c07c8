#include "host/training/engine/cuda_blas.h"

#include <cublasLt.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

struct cuda_blas {
  void *library;
  cublasLtHandle_t handle;
  // cuBLASLt's functions, as its header names them.
  cublasStatus_t (*destroy)(cublasLtHandle_t);
  __typeof__(&cublasLtMatmulDescCreate) desc_create;
  __typeof__(&cublasLtMatmulDescSetAttribute) desc_set;
  __typeof__(&cublasLtMatmulDescDestroy) desc_destroy;
  __typeof__(&cublasLtMatrixLayoutCreate) layout_create;
  __typeof__(&cublasLtMatrixLayoutDestroy) layout_destroy;
  __typeof__(&cublasLtMatmulPreferenceCreate) preference_create;
  __typeof__(&cublasLtMatmulPreferenceSetAttribute) preference_set;
  __typeof__(&cublasLtMatmulPreferenceDestroy) preference_destroy;
  __typeof__(&cublasLtMatmulAlgoGetHeuristic) choose;
  __typeof__(&cublasLtMatmul) matmul;
};

static bool find(cuda_blas *own) {
  struct {
    const char *name;
    void **to;
  } functions[] = {
      {"cublasLtDestroy", (void **)&own->destroy},
      {"cublasLtMatmulDescCreate", (void **)&own->desc_create},
      {"cublasLtMatmulDescSetAttribute", (void **)&own->desc_set},
      {"cublasLtMatmulDescDestroy", (void **)&own->desc_destroy},
      {"cublasLtMatrixLayoutCreate", (void **)&own->layout_create},
      {"cublasLtMatrixLayoutDestroy", (void **)&own->layout_destroy},
      {"cublasLtMatmulPreferenceCreate", (void **)&own->preference_create},
      {"cublasLtMatmulPreferenceSetAttribute", (void **)&own->preference_set},
      {"cublasLtMatmulPreferenceDestroy", (void **)&own->preference_destroy},
      {"cublasLtMatmulAlgoGetHeuristic", (void **)&own->choose},
      {"cublasLtMatmul", (void **)&own->matmul},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    *functions[i].to = dlsym(own->library, functions[i].name);
    if (*functions[i].to == NULL) return false;
  }
  return true;
}

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

// Stays open: its code is registered with the device, and to load it again takes long.
static void *open_library(void) {
  // The version that this was built against: its structures are part of the interface.
  return dlopen("libcublasLt.so." TEXT(CUBLAS_VER_MAJOR), RTLD_NOW | RTLD_LOCAL);
}

cuda_blas *cuda_blas_open(void) {
  cuda_blas *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->library = open_library();
  if (own->library != NULL && find(own)) {
    __typeof__(&cublasLtCreate) create;
    *(void **)&create = dlsym(own->library, "cublasLtCreate");
    if (create != NULL && create(&own->handle) == CUBLAS_STATUS_SUCCESS) return own;
  }
  free(own);
  return NULL;
}

void cuda_blas_close(cuda_blas *own) {
  if (own == NULL) return;
  own->destroy(own->handle);
  free(own);
}

// cuBLAS counts columns first: what is (rows, columns) here is (columns, rows) there, so that
// c' = b' a'. A transposed factor lies there as it is meant here.
typedef struct product {
  cublasLtMatmulDesc_t desc;
  cublasLtMatrixLayout_t left, right, to;  // b', a', c'
  cublasLtMatmulPreference_t preference;
} product;

static bool lay_out(cuda_blas *own, cublasLtMatrixLayout_t *out, cuda_blas_factor factor, int rows,
                    int columns) {
  int first = factor.transposed ? rows : columns, second = factor.transposed ? columns : rows;
  return own->layout_create(out, CUDA_R_32F, (uint64_t)first, (uint64_t)second,
                            (int64_t)factor.stride) == CUBLAS_STATUS_SUCCESS;
}

// Bytes that an address is a multiple of, up to the 256 that cuBLASLt takes for granted otherwise:
// layers lie behind each other, wherever the one before ends.
static uint32_t alignment_of(const void *at) {
  uintptr_t lowest = (uintptr_t)at & -(uintptr_t)at;
  return lowest == 0 || lowest > 256 ? 256 : (uint32_t)lowest;
}

static bool prefer(cuda_blas *own, product *p, cublasLtMatmulPreferenceAttributes_t attribute,
                   uint32_t value) {
  return own->preference_set(p->preference, attribute, &value, sizeof value) ==
         CUBLAS_STATUS_SUCCESS;
}

static bool describe(cuda_blas *own, product *p, cublasLtMatmulDescAttributes_t attribute,
                     const cuda_blas_factor *factor) {
  cublasOperation_t operation = factor->transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  return own->desc_set(p->desc, attribute, &operation, sizeof operation) == CUBLAS_STATUS_SUCCESS;
}

static bool prepare(cuda_blas *own, product *p, cuda_blas_factor a, cuda_blas_factor b, float *c,
                    int m, int n, int k) {
  cuda_blas_factor to = {c, (size_t)n, false};
  return own->desc_create(&p->desc, CUBLAS_COMPUTE_32F, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS &&
         describe(own, p, CUBLASLT_MATMUL_DESC_TRANSA, &b) &&
         describe(own, p, CUBLASLT_MATMUL_DESC_TRANSB, &a) && lay_out(own, &p->left, b, k, n) &&
         lay_out(own, &p->right, a, m, k) && lay_out(own, &p->to, to, m, n) &&
         own->preference_create(&p->preference) == CUBLAS_STATUS_SUCCESS &&
         // Sums that are split over blocks would be added in an order that differs from run to run.
         prefer(own, p, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                CUBLASLT_REDUCTION_SCHEME_NONE) &&
         prefer(own, p, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(b.at)) &&
         prefer(own, p, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(a.at)) &&
         prefer(own, p, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(c)) &&
         prefer(own, p, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(c));
}

static void discard(cuda_blas *own, product *p) {
  if (p->preference != NULL) own->preference_destroy(p->preference);
  if (p->to != NULL) own->layout_destroy(p->to);
  if (p->right != NULL) own->layout_destroy(p->right);
  if (p->left != NULL) own->layout_destroy(p->left);
  if (p->desc != NULL) own->desc_destroy(p->desc);
}

bool cuda_blas_multiply(cuda_blas *own, void *stream, cuda_blas_factor a, cuda_blas_factor b,
                        float *c, int m, int n, int k) {
  product p = {0};
  cublasLtMatmulHeuristicResult_t found;
  int count = 0;
  float one = 1, zero = 0;
  bool queued =
      prepare(own, &p, a, b, c, m, n, k) &&
      own->choose(own->handle, p.desc, p.left, p.right, p.to, p.to, p.preference, 1, &found,
                  &count) == CUBLAS_STATUS_SUCCESS &&
      count == 1 &&
      own->matmul(own->handle, p.desc, &one, b.at, p.left, a.at, p.right, &zero, c, p.to, c, p.to,
                  &found.algo, NULL, 0, (cudaStream_t)stream) == CUBLAS_STATUS_SUCCESS;
  discard(own, &p);
  return queued;
}
