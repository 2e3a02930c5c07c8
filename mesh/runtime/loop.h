// mesh_loop: one thread, one gRPC completion queue, its timers and its fibers.
// A tag is the address of a mesh_op, so the loop calls whatever completed and never switches on a
// type. What lives on a loop (calls, scopes, fibers, timers) is touched by that loop's thread only,
// so it needs no lock.
#ifndef MILLRACE_MESH_RUNTIME_LOOP_H
#define MILLRACE_MESH_RUNTIME_LOOP_H

#include <grpc/grpc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mesh/runtime/time.h"

#define MESH_CONTAINER_OF(pointer, type, member) \
  ((type *)((char *)(pointer)-offsetof(type, member)))

typedef struct mesh_loop mesh_loop;
typedef struct mesh_op mesh_op;

struct mesh_op {
  void (*on_done)(mesh_op *op, bool ok);  // once per start, later, on the loop thread
  const char *name;                       // static string, for traces
  bool pending;                           // from start until on_done
  mesh_op *next;                          // the loop's, while the op is queued
};

// Creates a loop; no thread runs it yet. Never fails (out of memory aborts). Starts gRPC
// (reference-counted).
mesh_loop *mesh_loop_create(void);

// Releases a loop that no thread runs. Fibers and timers on it must have ended, nothing must be
// posted; the ops that gRPC still holds are awaited and called. Takes up to 5 ms longer where a socket may have been full: see
// mesh_loop_count_sent().
void mesh_loop_destroy(mesh_loop *loop);

// Tells the loop that up to `size_bytes` went to sockets. A loop that has sent more than any socket
// has room for may have left gRPC a thread that must be woken at the end. SIZE_MAX: nobody knows
// how much. The loop's thread.
void mesh_loop_count_sent(mesh_loop *loop, size_t size_bytes);

// Runs the loop on this thread until mesh_loop_stop().
void mesh_loop_run(mesh_loop *loop);

// Makes mesh_loop_run() return after the callback that is running. Any thread.
void mesh_loop_stop(mesh_loop *loop);

// Calls op->on_done(op, true) soon, on the loop's thread. Any thread; the op must not be pending.
void mesh_loop_post(mesh_loop *loop, mesh_op *op);

// As mesh_loop_post(), but cheaper and only from the loop's own thread.
void mesh_loop_defer(mesh_loop *loop, mesh_op *op);

// Where the calls of this loop complete; pass a mesh_op as tag, after mesh_op_start().
grpc_completion_queue *mesh_loop_queue(mesh_loop *loop);

// Marks `op` pending just before gRPC gets it as a tag; mesh_op_abandon() takes that back if gRPC
// refused it.
void mesh_op_start(mesh_loop *loop, mesh_op *op);
void mesh_op_abandon(mesh_loop *loop, mesh_op *op);

// Nanoseconds on the monotonic clock: for deadlines and durations.
int64_t mesh_now_ns(void);

// Nanoseconds since 1970 on the wall clock: for what people and files see.
int64_t mesh_wall_ns(void);

typedef struct mesh_timer mesh_timer;
struct mesh_timer {
  void (*on_due)(mesh_timer *timer);  // on the loop thread, once per start
  int64_t due_ns;                     // monotonic
  size_t index;                       // its place in the loop's heap; SIZE_MAX when stopped
  mesh_loop *loop;                    // set while it runs
};

// Prepares the caller's storage.
void mesh_timer_init(mesh_timer *timer, void (*on_due)(mesh_timer *timer));

// Starts (or moves) a timer. Loop thread. MESH_NEVER stops it.
void mesh_timer_start(mesh_loop *loop, mesh_timer *timer, int64_t due_ns);

// Stops it; nothing happens if it is not running.
void mesh_timer_stop(mesh_timer *timer);

#endif
