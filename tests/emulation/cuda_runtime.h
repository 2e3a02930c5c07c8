// What millrace uses of CUDA, on the CPU: kernels compiled as plain C++, blocks one after the
// other, a block's threads as fibers that meet at __syncthreads(). Streams are lazy: work waits
// until somebody asks for the stream, so that what forgets to wait is seen. AddressSanitizer sees
// an access beside device or shared memory, ThreadSanitizer a missing barrier. One host thread.
#ifndef MILLRACE_TESTS_EMULATION_CUDA_RUNTIME_H
#define MILLRACE_TESTS_EMULATION_CUDA_RUNTIME_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include <functional>
#include <string>

#define MILLRACE_CUDA_EMULATION 1
#define __global__
#define __device__
#define __host__
#define __shared__ static

// ---- in kernels ----

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned wide = 1) : x(wide), y(1), z(1) {}
};

extern dim3 blockIdx, blockDim, gridDim;
const dim3 &cuda_emulation_thread();
#define threadIdx (cuda_emulation_thread())

void __syncthreads();

// ---- on the host ----

enum cudaError_t {
  cudaSuccess,
  cudaErrorInvalidValue,
  cudaErrorMemoryAllocation,
  cudaErrorNotReady,
  cudaErrorInvalidDevice,
  cudaErrorStreamCaptureInvalidated,
};

struct cuda_emulation_stream;
struct cuda_emulation_event;
struct cuda_emulation_graph;
typedef cuda_emulation_stream *cudaStream_t;
typedef cuda_emulation_event *cudaEvent_t;
typedef cuda_emulation_graph *cudaGraph_t, *cudaGraphExec_t;

enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };
enum cudaDeviceAttr { cudaDevAttrMaxSharedMemoryPerBlockOptin };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
enum cudaStreamCaptureMode { cudaStreamCaptureModeRelaxed };
enum { cudaStreamNonBlocking, cudaEventDisableTiming, cudaHostAllocMapped };

struct cudaDeviceProp {
  char name[256];
  int major, minor;
};

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes;
  cudaStream_t stream;
};

const char *cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *out, int device);
cudaError_t cudaDeviceGetAttribute(int *out, cudaDeviceAttr attribute, int device);
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes);
cudaError_t cudaMalloc(void **out, size_t bytes);
cudaError_t cudaFree(void *at);
cudaError_t cudaHostAlloc(void **out, size_t bytes, unsigned flags);
cudaError_t cudaHostGetDevicePointer(void **out, void *at, unsigned flags);
cudaError_t cudaFreeHost(void *at);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *at, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventQuery(cudaEvent_t event);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph, unsigned flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);

// A kernel's bound on dynamic shared memory, for all who launch it: 48 KiB unless it was set.
cudaError_t cuda_emulation_allow_shared(const void *kernel, int bytes);
bool cuda_emulation_allows_shared(const void *kernel, size_t bytes);

template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel kernel, cudaFuncAttribute, int bytes) {
  return cuda_emulation_allow_shared(reinterpret_cast<const void *>(kernel), bytes);
}

// Queues `work` on a stream, or puts it into the graph that is being captured there.
cudaError_t cuda_emulation_queue(cudaStream_t stream, const std::function<void()> &work);
// Runs a kernel's blocks now.
void cuda_emulation_run(dim3 grid, dim3 block, size_t shared_bytes,
                        const std::function<void()> &thread);

// Asked by the emulated cuBLASLt: whether it is there; it counts what it multiplies and refuses.
extern "C" bool cuda_emulation_has_blas(void);
extern "C" void cuda_emulation_count_product(bool refused);

template <class... Parameters, class... Given>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(Parameters...),
                               Given... given) {
  cudaLaunchConfig_t at = *config;
  if (!cuda_emulation_allows_shared(reinterpret_cast<const void *>(kernel), at.dynamicSmemBytes)) {
    return cudaErrorInvalidValue;
  }
  return cuda_emulation_queue(at.stream, [=] {
    cuda_emulation_run(at.gridDim, at.blockDim, at.dynamicSmemBytes,
                       [=] { kernel(static_cast<Parameters>(given)...); });
  });
}

#endif
