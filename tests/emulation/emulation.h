// What a test may say about the emulated device.
#ifndef MILLRACE_TESTS_EMULATION_EMULATION_H
#define MILLRACE_TESTS_EMULATION_EMULATION_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { CUDA_EMULATION_SHARED_BYTES = 166912 };  // of a block, as on an A100

// Shared memory that a block may have, up to CUDA_EMULATION_SHARED_BYTES.
void cuda_emulation_limit_shared(size_t bytes);

// Runs blocks and threads from the last to the first: a kernel that is right does not care.
void cuda_emulation_reverse(bool reverse);

// Whether libcublasLt.so.13 can be used.
void cuda_emulation_offer_blas(bool offer);

// Calls `call` once, when that many kernels more have run.
void cuda_emulation_after(long kernels, void (*call)(void));

// How much device memory is taken now. Since the program began: graphs that were captured and
// launched, and products that cuBLASLt multiplied, or refused.
size_t cuda_emulation_taken_bytes(void);
long cuda_emulation_captured(void);
long cuda_emulation_graphs(void);
long cuda_emulation_products(void);
long cuda_emulation_refused_products(void);

#ifdef __cplusplus
}
#endif

#endif
