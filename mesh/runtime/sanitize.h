// Tells AddressSanitizer and ThreadSanitizer that a fiber's stack is a stack. Nothing in a plain
// build. Always inlined: a switch in the middle of a call would leave its shadow frame on the wrong
// stack.
#ifndef MILLRACE_MESH_RUNTIME_SANITIZE_H
#define MILLRACE_MESH_RUNTIME_SANITIZE_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MESH_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define MESH_TSAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define MESH_ASAN 1
#endif
#ifdef __SANITIZE_THREAD__
#define MESH_TSAN 1
#endif

#ifdef MESH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef MESH_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#define MESH_INLINE static inline __attribute__((always_inline, unused))

typedef struct mesh_sanitizer_fiber {
  const void *bottom, *loop_bottom;
  size_t size_bytes, loop_size_bytes;
  void *fake_stack, *loop_fake_stack;  // AddressSanitizer's, while that side is away
  void *self, *loop_self;              // ThreadSanitizer's
} mesh_sanitizer_fiber;

MESH_INLINE void mesh_sanitizer_create(mesh_sanitizer_fiber *fiber, const void *bottom,
                                       size_t size_bytes) {
  fiber->bottom = bottom;
  fiber->size_bytes = size_bytes;
#ifdef MESH_ASAN
  __asan_unpoison_memory_region(bottom, size_bytes);  // a reused stack ended without unwinding
#endif
#ifdef MESH_TSAN
  fiber->self = __tsan_create_fiber(0);
#endif
}

MESH_INLINE void mesh_sanitizer_destroy(mesh_sanitizer_fiber *fiber) {
  (void)fiber;
#ifdef MESH_TSAN
  __tsan_destroy_fiber(fiber->self);
#endif
}

// On the loop's stack, right before the jump to the fiber.
MESH_INLINE void mesh_sanitizer_enter(mesh_sanitizer_fiber *fiber) {
  (void)fiber;
#ifdef MESH_ASAN
  __sanitizer_start_switch_fiber(&fiber->loop_fake_stack, fiber->bottom, fiber->size_bytes);
#endif
#ifdef MESH_TSAN
  fiber->loop_self = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(fiber->self, 0);
#endif
}

// On the loop's stack, right after the fiber jumped back.
MESH_INLINE void mesh_sanitizer_back(mesh_sanitizer_fiber *fiber) {
  (void)fiber;
#ifdef MESH_ASAN
  __sanitizer_finish_switch_fiber(fiber->loop_fake_stack, NULL, NULL);
#endif
}

// On the fiber's stack, right after the loop jumped to it.
MESH_INLINE void mesh_sanitizer_arrived(mesh_sanitizer_fiber *fiber) {
  (void)fiber;
#ifdef MESH_ASAN
  __sanitizer_finish_switch_fiber(fiber->fake_stack, &fiber->loop_bottom, &fiber->loop_size_bytes);
#endif
}

// On the fiber's stack, right before the jump to the loop; `last`: it will not come back.
MESH_INLINE void mesh_sanitizer_leave(mesh_sanitizer_fiber *fiber, bool last) {
  (void)fiber, (void)last;
#ifdef MESH_ASAN
  __sanitizer_start_switch_fiber(last ? NULL : &fiber->fake_stack, fiber->loop_bottom,
                                 fiber->loop_size_bytes);
#endif
#ifdef MESH_TSAN
  __tsan_switch_to_fiber(fiber->loop_self, 0);
#endif
}

#endif
