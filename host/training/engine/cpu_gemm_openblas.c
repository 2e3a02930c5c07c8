#include <dlfcn.h>
#include <openblas-pthread/cblas.h>
#include <pthread.h>
#include <stdio.h>

#include "host/training/engine/cpu_gemm.h"
#include "mesh/runtime/text.h"

static struct {
  __typeof__(&cblas_sgemm) sgemm;
  void (*set_openmp_threads)(int);  // of the thread that calls; NULL: it does not use OpenMP
  cpu_gemm table;
  mesh_code code;
  mesh_error err;
} openblas;

static CBLAS_TRANSPOSE operation(cpu_gemm_factor factor) {
  return factor.transposed ? CblasTrans : CblasNoTrans;
}

static void multiply(const cpu_gemm_product *p) {
  if (openblas.set_openmp_threads != NULL) openblas.set_openmp_threads(1);
  openblas.sgemm(CblasRowMajor, operation(p->a), operation(p->b), p->m, p->n, p->k, 1, p->a.at,
                 p->a.stride, p->b.at, p->b.stride, p->add ? 1 : 0, p->c, p->c_stride);
}

static void open_library(void) {
  void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    openblas.code =
        mesh_fail(&openblas.err, GRPC_STATUS_UNAVAILABLE, "OpenBLAS is not here: %s", dlerror());
    return;
  }
  void (*set_num_threads)(int);
  char *(*corename)(void);
  int (*parallel)(void);
  *(void **)&openblas.sgemm = dlsym(library, "cblas_sgemm");
  *(void **)&set_num_threads = dlsym(library, "openblas_set_num_threads");
  *(void **)&corename = dlsym(library, "openblas_get_corename");
  *(void **)&parallel = dlsym(library, "openblas_get_parallel");
  if (openblas.sgemm == NULL || set_num_threads == NULL || corename == NULL || parallel == NULL) {
    openblas.code = mesh_fail(&openblas.err, GRPC_STATUS_UNAVAILABLE,
                              "libopenblas.so.0 lacks a function of OpenBLAS");
    return;
  }
  // What libopenblas.so.0 is, Debian's alternatives decide; its OpenMP flavour counts by thread.
  if (parallel() == OPENBLAS_OPENMP) {
    *(void **)&openblas.set_openmp_threads = dlsym(library, "omp_set_num_threads");
  }
  set_num_threads(1);
  mesh_text_format(openblas.table.name, sizeof openblas.table.name, "OpenBLAS %.*s",
                   MESH_TEXT_SHOWN(corename(), 32));
  openblas.table.multiply = multiply;
}

mesh_code cpu_gemm_openblas(const cpu_gemm **out, mesh_error *err) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, open_library);
  *out = openblas.code == GRPC_STATUS_OK ? &openblas.table : NULL;
  if (openblas.code != GRPC_STATUS_OK && err != NULL) *err = openblas.err;
  return openblas.code;
}
