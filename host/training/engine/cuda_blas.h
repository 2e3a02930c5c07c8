// cuda_blas: matrix products by NVIDIA's cuBLASLt, which is opened at run time: half a gigabyte
// that only a host with a GPU and a large network needs. Not thread-safe.
#ifndef MILLRACE_HOST_TRAINING_ENGINE_CUDA_BLAS_H
#define MILLRACE_HOST_TRAINING_ENGINE_CUDA_BLAS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cuda_blas cuda_blas;

// A factor: row-major in device memory with rows `stride` floats apart, or the transpose of that.
typedef struct cuda_blas_factor {
  const float *at;
  size_t stride;
  bool transposed;
} cuda_blas_factor;

// For the current device. NULL: libcublasLt.so cannot be opened or does not take the device.
cuda_blas *cuda_blas_open(void);
void cuda_blas_close(cuda_blas *blas);

// Queues c (m, n), row-major, = a (m, k) b (k, n), in fp32, on `stream` (a cudaStream_t). The same
// arguments give the same bits. False: it was not queued, multiply some other way.
bool cuda_blas_multiply(cuda_blas *blas, void *stream, cuda_blas_factor a, cuda_blas_factor b,
                        float *c, int m, int n, int k);

#endif
