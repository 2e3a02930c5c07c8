#include "tests/emulation/cuda_runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "mesh/runtime/sanitize.h"
#include "tests/emulation/emulation.h"

// Boost.Context's C entry points.
struct transfer {
  void *context, *data;
};
extern "C" transfer jump_fcontext(void *to, void *data);
extern "C" void *make_fcontext(void *top, size_t size_bytes, void (*entry)(transfer));

// The scheduler and the threads share what no sanitizer may take for the kernel's own accesses.
#define UNSEEN __attribute__((noinline, no_sanitize("thread"), no_sanitize("address")))

enum { THREADS_MAX = 1024, STACK_BYTES = 128 * 1024 };

dim3 blockIdx, blockDim, gridDim;
alignas(64) float cuda_shared[CUDA_EMULATION_SHARED_BYTES / sizeof(float)];

namespace {

// ---- a block's threads ----

struct fiber {
  dim3 index;
  void *context;  // where it goes on
  char *stack;
  bool ended;
  void *asan_fake, *tsan;
};

fiber fibers[THREADS_MAX];
fiber *current;
void *scheduler;
// The sanitizers' view of it.
[[maybe_unused]] void *scheduler_fake, *scheduler_tsan;
[[maybe_unused]] const void *scheduler_stack;
[[maybe_unused]] size_t scheduler_stack_bytes;
const std::function<void()> *running;
char started, met, finished;  // what ThreadSanitizer's orders hang on
size_t shared_limit = CUDA_EMULATION_SHARED_BYTES;
bool reversed;
bool blas = true;
long captured, graphs, products, refused_products, kernels_left;
void (*when_none_is_left)(void);

void acquire(char *order) {
  (void)order;
#ifdef MESH_TSAN
  __tsan_acquire(order);
#endif
}

void release(char *order) {
  (void)order;
#ifdef MESH_TSAN
  __tsan_release(order);
#endif
}

// On a fiber's stack, where the scheduler jumped to it.
MESH_INLINE void arrived(fiber *own, transfer from) {
  (void)own;
#ifdef MESH_ASAN
  __sanitizer_finish_switch_fiber(own->asan_fake, &scheduler_stack, &scheduler_stack_bytes);
#endif
  scheduler = from.context;
}

MESH_INLINE transfer leave(fiber *own) {
#ifdef MESH_ASAN
  __sanitizer_start_switch_fiber(&own->asan_fake, scheduler_stack, scheduler_stack_bytes);
#endif
#ifdef MESH_TSAN
  __tsan_switch_to_fiber(scheduler_tsan, __tsan_switch_to_fiber_no_sync);
#endif
  return jump_fcontext(scheduler, own);
}

UNSEEN void suspend(fiber *own) {
  arrived(own, leave(own));
}

// A thread of every block, from the first to the last: its stack is used again and again.
UNSEEN void fiber_main(transfer from) {
  fiber *own = static_cast<fiber *>(from.data);
  arrived(own, from);
  for (;;) {
    acquire(&started);
    (*running)();
    release(&finished);
    own->ended = true;
    suspend(own);
  }
}

UNSEEN void resume(fiber *to) {
  current = to;
#ifdef MESH_ASAN
  __sanitizer_start_switch_fiber(&scheduler_fake, to->stack, STACK_BYTES);
#endif
#ifdef MESH_TSAN
  scheduler_tsan = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(to->tsan, __tsan_switch_to_fiber_no_sync);
#endif
  transfer back = jump_fcontext(to->context, to);
#ifdef MESH_ASAN
  __sanitizer_finish_switch_fiber(scheduler_fake, nullptr, nullptr);
#endif
  to->context = back.context;
  current = nullptr;
}

UNSEEN void prepare(fiber *own, unsigned index) {
  own->ended = false;
  if (own->stack != nullptr) return;
  own->index.x = index;
  own->stack = static_cast<char *>(mmap(nullptr, STACK_BYTES, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (own->stack == MAP_FAILED) abort();
  own->context = make_fcontext(own->stack + STACK_BYTES, STACK_BYTES, fiber_main);
#ifdef MESH_TSAN
  own->tsan = __tsan_create_fiber(0);
#endif
}

// Runs every thread up to its next barrier; returns how many are not at their end.
UNSEEN unsigned run_round(unsigned count) {
  unsigned left = 0;
  for (unsigned i = 0; i < count; i++) {
    fiber *at = &fibers[reversed ? count - 1 - i : i];
    if (at->ended) continue;
    resume(at);
    left += !at->ended;
  }
  return left;
}

void run_block(unsigned index, unsigned count) {
  blockIdx.x = index;
  for (unsigned i = 0; i < count; i++)
    prepare(&fibers[i], i);
  release(&started);
  while (run_round(count) > 0)
    continue;
  acquire(&finished);
}

}  // namespace

UNSEEN const dim3 &cuda_emulation_thread() {
  return current->index;
}

UNSEEN void __syncthreads() {
  release(&met);
  suspend(current);
  acquire(&met);
}

void cuda_emulation_run(dim3 grid, dim3 block, size_t shared_bytes,
                        const std::function<void()> &thread) {
  if (block.x > THREADS_MAX || shared_bytes > shared_limit || grid.x == 0) {
    fprintf(stderr, "emulation: %u blocks, %u threads, %zu bytes of shared memory\n", grid.x,
            block.x, shared_bytes);
    abort();
  }
  // What a block finds in shared memory is not zeros.
  memset(cuda_shared, 0xff, shared_bytes);
#ifdef MESH_ASAN
  __asan_poison_memory_region(reinterpret_cast<char *>(cuda_shared) + shared_bytes,
                              sizeof cuda_shared - shared_bytes);
#endif
  running = &thread;
  gridDim = grid;
  blockDim = block;
  for (unsigned i = 0; i < grid.x; i++)
    run_block(reversed ? grid.x - 1 - i : i, block.x);
#ifdef MESH_ASAN
  __asan_unpoison_memory_region(cuda_shared, sizeof cuda_shared);
#endif
  if (kernels_left > 0 && --kernels_left == 0) when_none_is_left();
}

// ---- streams ----

struct cuda_emulation_graph {
  std::vector<std::function<void()>> work;
};

struct cuda_emulation_stream {
  std::deque<std::function<void()>> waiting;
  std::unique_ptr<cuda_emulation_graph> captured;
};

struct cuda_emulation_event {
  cuda_emulation_stream *stream;
  bool passed;
};

namespace {

std::map<void *, size_t> taken;
std::atomic<size_t> taken_bytes;

void run_one(cuda_emulation_stream *stream) {
  std::function<void()> work = stream->waiting.front();
  stream->waiting.pop_front();
  work();
}

}  // namespace

cudaError_t cuda_emulation_queue(cudaStream_t stream, const std::function<void()> &work) {
  if (stream->captured) {
    stream->captured->work.push_back(work);
  } else {
    stream->waiting.push_back(work);
  }
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned) {
  // A device that is there, but answers nothing any more.
  if (getenv("CUDA_EMULATION_BROKEN") != nullptr) return cudaErrorInvalidDevice;
  *out = new cuda_emulation_stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  while (!stream->waiting.empty())
    run_one(stream);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  cudaStreamSynchronize(stream);
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned) {
  *out = new cuda_emulation_event{nullptr, true};
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  event->stream = stream;
  event->passed = false;
  return cuda_emulation_queue(stream, [=] { event->passed = true; });
}

// The device goes on by one piece of work each time that somebody asks.
cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (event->passed) return cudaSuccess;
  run_one(event->stream);
  return event->passed ? cudaSuccess : cudaErrorNotReady;
}

static std::map<const void *, size_t> shared_bounds;

cudaError_t cuda_emulation_allow_shared(const void *kernel, int bytes) {
  shared_bounds[kernel] = (size_t)bytes;
  return cudaSuccess;
}

bool cuda_emulation_allows_shared(const void *kernel, size_t bytes) {
  auto found = shared_bounds.find(kernel);
  return bytes <= (found == shared_bounds.end() ? 48 * 1024 : found->second);
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  stream->captured.reset(new cuda_emulation_graph);
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out) {
  *out = stream->captured.release();
  captured++;
  return *out == nullptr ? cudaErrorStreamCaptureInvalidated : cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph, unsigned) {
  *out = new cuda_emulation_graph(*graph);
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  graphs++;
  return cuda_emulation_queue(stream, [=] {
    for (const std::function<void()> &work : exec->work)
      work();
  });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

// ---- memory ----

cudaError_t cudaMalloc(void **out, size_t bytes) {
  *out = malloc(bytes > 0 ? bytes : 1);
  if (*out == nullptr) return cudaErrorMemoryAllocation;
  memset(*out, 0xff, bytes);  // NaNs
  taken[*out] = bytes;
  taken_bytes += bytes;
  return cudaSuccess;
}

cudaError_t cudaFree(void *at) {
  if (at == nullptr) return cudaSuccess;
  if (taken.count(at) == 0) return cudaErrorInvalidValue;
  taken_bytes -= taken[at];
  taken.erase(at);
  free(at);
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void **out, size_t bytes, unsigned) {
  *out = calloc(1, bytes);
  return *out == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}

cudaError_t cudaHostGetDevicePointer(void **out, void *at, unsigned) {
  *out = at;
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void *at) {
  free(at);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  return cuda_emulation_queue(stream, [=] { memcpy(to, from, bytes); });
}

cudaError_t cudaMemsetAsync(void *at, int value, size_t bytes, cudaStream_t stream) {
  return cuda_emulation_queue(stream, [=] { memset(at, value, bytes); });
}

// ---- the device ----

const char *cudaGetErrorString(cudaError_t error) {
  static const char *const names[] = {"no error",
                                      "invalid argument",
                                      "out of memory",
                                      "device not ready",
                                      "invalid device ordinal",
                                      "operation failed due to a previous error during capture"};
  return names[error];
}

cudaError_t cudaGetLastError() {
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  return device == 0 ? cudaSuccess : cudaErrorInvalidDevice;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *out, int) {
  *out = cudaDeviceProp{"emulated", 8, 0};
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *out, cudaDeviceAttr, int) {
  *out = static_cast<int>(shared_limit);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes) {
  *total_bytes = size_t{1} << 30;
  *free_bytes = *total_bytes - taken_bytes;
  return cudaSuccess;
}

// ---- for tests ----

void cuda_emulation_limit_shared(size_t bytes) {
  shared_limit = bytes;
}

void cuda_emulation_reverse(bool reverse) {
  reversed = reverse;
}

size_t cuda_emulation_taken_bytes(void) {
  return taken_bytes;
}

long cuda_emulation_captured(void) {
  return captured;
}

long cuda_emulation_graphs(void) {
  return graphs;
}

long cuda_emulation_products(void) {
  return products;
}

void cuda_emulation_offer_blas(bool offer) {
  blas = offer;
}

void cuda_emulation_after(long count, void (*call)(void)) {
  kernels_left = count;
  when_none_is_left = call;
}

bool cuda_emulation_has_blas(void) {
  return blas;
}

void cuda_emulation_count_product(bool refused) {
  refused ? refused_products++ : products++;
}

long cuda_emulation_refused_products(void) {
  return refused_products;
}
