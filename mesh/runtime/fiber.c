#include "mesh/runtime/fiber.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "mesh/runtime/loop_internal.h"
#include "mesh/runtime/sanitize.h"
#include "mesh/runtime/text.h"

// Boost.Context's C entry points (libboost-context); its header is C++, so they are declared here.
typedef struct transfer {
  void *context;  // of the side that jumped
  void *data;
} transfer;
extern transfer jump_fcontext(void *to, void *data);
extern void *make_fcontext(void *stack_top, size_t size_bytes, void (*entry)(transfer));

enum {
  STACK_BYTES = 256 * 1024,
  GUARD_BYTES = 4096,
  KEPT_STACKS = 256,  // for reuse, in each loop
  MAPS_OF_STACK = 2,  // the guard page and the rest
  MAPS_ELSE = 65530,  // where the kernel does not say
  STACKS_LEAST = 64,  // from outside, however few it allows
};

// Stacks that are mapped, of all loops.
static atomic_int stack_count;

// Lies at the top of its own stack.
typedef struct mesh_stack {
  struct mesh_stack *next;
  void *base;  // of the mapping: the guard page
} mesh_stack;

struct mesh_fiber {  // lies just below the mesh_stack
  mesh_loop *loop;
  mesh_scope *scope;
  mesh_stack *stack;
  void *context;       // where to go on, while it is suspended
  void *loop_context;  // where the loop goes on, while it runs
  mesh_op resume;      // queued on the loop when the fiber is to go on
  bool parked, woken, ended;
  void (*run)(void *arg);
  void *arg;
  char caller[MESH_CALLER_MAX];
  mesh_sanitizer_fiber sanitizer;
};

static mesh_stack *stack_take(mesh_loop *loop) {
  mesh_stack *stack = loop->free_stacks;
  if (stack != NULL) {
    loop->free_stacks = stack->next;
    loop->free_stack_count--;
    return stack;
  }
  void *base = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (base == MAP_FAILED || mprotect(base, GUARD_BYTES, PROT_NONE) != 0) abort();
  stack = (mesh_stack *)((char *)base + GUARD_BYTES + STACK_BYTES) - 1;
  stack->base = base;
  atomic_fetch_add_explicit(&stack_count, 1, memory_order_relaxed);
  return stack;
}

static void stack_unmap(mesh_stack *stack) {
  munmap(stack->base, GUARD_BYTES + STACK_BYTES);
  atomic_fetch_sub_explicit(&stack_count, 1, memory_order_relaxed);
}

static void stack_give(mesh_loop *loop, mesh_stack *stack) {
  if (loop->free_stack_count == KEPT_STACKS) {
    stack_unmap(stack);
    return;
  }
  stack->next = loop->free_stacks;
  loop->free_stacks = stack;
  loop->free_stack_count++;
}

void mesh_stacks_free(mesh_loop *loop) {
  while (loop->free_stacks != NULL) {
    mesh_stack *stack = loop->free_stacks;
    loop->free_stacks = stack->next;
    stack_unmap(stack);
  }
}

// Where every fiber begins, on its own stack; never returns.
static void fiber_entry(transfer from) {
  mesh_fiber *fiber = from.data;
  mesh_sanitizer_arrived(&fiber->sanitizer);
  fiber->loop_context = from.context;
  fiber->run(fiber->arg);
  fiber->ended = true;
  mesh_sanitizer_leave(&fiber->sanitizer, true);
  jump_fcontext(fiber->loop_context, fiber);
  abort();
}

static void fiber_free(mesh_fiber *fiber) {
  mesh_loop *loop = fiber->loop;
  mesh_sanitizer_destroy(&fiber->sanitizer);
  stack_give(loop, fiber->stack);
}

// The loop's side: runs the fiber until it parks or ends.
static void on_resume(mesh_op *op, bool ok) {
  (void)ok;
  mesh_fiber *fiber = MESH_CONTAINER_OF(op, mesh_fiber, resume);
  mesh_loop *loop = fiber->loop;
  assert(loop->current == NULL);
  loop->current = fiber;
  mesh_sanitizer_enter(&fiber->sanitizer);
  transfer back = jump_fcontext(fiber->context, fiber);
  mesh_sanitizer_back(&fiber->sanitizer);
  loop->current = NULL;
  fiber->context = back.context;
  if (!fiber->ended) return;

  mesh_scope *scope = fiber->scope;
  fiber_free(fiber);
  mesh_scope_fiber_ended(scope);
}

void mesh_fiber_start(mesh_scope *scope, void (*run)(void *arg), void *arg) {
  mesh_loop *loop = scope->loop;
  mesh_stack *stack = stack_take(loop);
  mesh_fiber *fiber = (mesh_fiber *)(((uintptr_t)stack - sizeof(mesh_fiber)) & ~(uintptr_t)63);
  *fiber = (mesh_fiber){.loop = loop, .scope = scope, .stack = stack, .run = run, .arg = arg};
  mesh_text_copy(fiber->caller, MESH_CALLER_MAX, mesh_fiber_caller(loop));
  fiber->resume.on_done = on_resume;
  fiber->resume.name = "fiber";
  char *bottom = (char *)stack->base + GUARD_BYTES;
  size_t size_bytes = (size_t)((char *)fiber - bottom);
  fiber->context = make_fcontext(fiber, size_bytes, fiber_entry);
  mesh_sanitizer_create(&fiber->sanitizer, bottom, size_bytes);
  scope->fibers++;
  mesh_loop_defer(loop, &fiber->resume);
}

static pthread_once_t bound_once = PTHREAD_ONCE_INIT;
static int stacks_bound;

static void read_bound(void) {
  long maps = MAPS_ELSE;
  FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
  if (file != NULL) {
    if (fscanf(file, "%ld", &maps) != 1 || maps < 1) maps = MAPS_ELSE;
    fclose(file);
  }
  long half = maps / MAPS_OF_STACK / 2;
  stacks_bound = half < STACKS_LEAST ? STACKS_LEAST : half > INT_MAX ? INT_MAX : (int)half;
}

bool mesh_fiber_try_start(mesh_scope *scope, void (*run)(void *arg), void *arg) {
  pthread_once(&bound_once, read_bound);
  bool needs_stack = scope->loop->free_stacks == NULL;
  int mapped = atomic_load_explicit(&stack_count, memory_order_relaxed);
  if (needs_stack && mapped >= stacks_bound) return false;
  mesh_fiber_start(scope, run, arg);
  return true;
}

mesh_fiber *mesh_fiber_current(mesh_loop *loop) {
  return loop->current;
}

const char *mesh_fiber_caller(const mesh_loop *loop) {
  return loop->current == NULL ? "" : loop->current->caller;
}

void mesh_fiber_set_caller(mesh_loop *loop, const char *caller) {
  mesh_text_copy(loop->current->caller, MESH_CALLER_MAX, caller);
}

// Goes back to the loop; returns when the loop resumes this fiber.
static inline __attribute__((always_inline)) void suspend(mesh_fiber *fiber) {
  mesh_sanitizer_leave(&fiber->sanitizer, false);
  transfer from = jump_fcontext(fiber->loop_context, fiber);
  mesh_sanitizer_arrived(&fiber->sanitizer);
  fiber->loop_context = from.context;
}

void mesh_fiber_park(mesh_loop *loop) {
  mesh_fiber *fiber = loop->current;
  assert(fiber != NULL);
  if (fiber->woken) {
    fiber->woken = false;
    return;
  }
  fiber->parked = true;
  suspend(fiber);
}

void mesh_fiber_unpark(mesh_fiber *fiber) {
  if (!fiber->parked) {
    fiber->woken = true;
    return;
  }
  fiber->parked = false;
  mesh_loop_defer(fiber->loop, &fiber->resume);
}

void mesh_yield(mesh_loop *loop) {
  mesh_fiber *fiber = loop->current;
  assert(fiber != NULL);
  mesh_loop_defer(loop, &fiber->resume);
  suspend(fiber);
}
