// What loop.c, timer.c, fiber.c and scope.c share. Not for others.
//
// These call each other, and rightly: they are one concept. A loop runs fibers and keeps the stacks
// that ended ones leave; a fiber is resumed by being put into its loop's queue; a scope's end is
// the end of its last fiber, and who joins it is a fiber that parks. Whatever is taken out would
// need the others as callbacks, with the same calls under other names.
#ifndef MILLRACE_MESH_RUNTIME_LOOP_INTERNAL_H
#define MILLRACE_MESH_RUNTIME_LOOP_INTERNAL_H

#include <pthread.h>

#include "mesh/runtime/loop.h"
#include "mesh/runtime/scope.h"

struct mesh_stack;

struct mesh_loop {
  grpc_completion_queue *queue;
  grpc_channel *wake_channel;
  grpc_call *wake_call;
  mesh_op wake;
  size_t in_flight;   // ops that gRPC holds
  size_t sent_bytes;  // so far, to all sockets; saturates

  mesh_op *ready, **ready_tail;  // the loop thread's
  mesh_timer **timers;           // a heap, the earliest first
  size_t timer_count, timer_capacity;

  mesh_fiber *current;  // the fiber that runs now
  struct mesh_stack *free_stacks;
  int free_stack_count;

  pthread_mutex_t lock;  // guards what follows
  mesh_op *inbox, **inbox_tail;
  bool waking;  // a wake-up is on its way through the queue
  bool stopping;
};

// Runs every timer that is due at `now_ns`.
void mesh_timers_run(mesh_loop *loop, int64_t now_ns);

// A fiber of `scope` has ended and its stack is free.
void mesh_scope_fiber_ended(mesh_scope *scope);

// Unmaps the stacks that are kept for reuse.
void mesh_stacks_free(mesh_loop *loop);

// A monotonic time of mesh_now_ns() as gRPC's type.
gpr_timespec mesh_deadline(int64_t due_ns);

#endif
