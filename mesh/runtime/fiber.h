// mesh_fiber: straight-line code on a loop. A fiber that waits suspends itself, never the thread.
// 256 KiB of stack each, mapped when touched, with a guard page below; a fiber never moves to
// another loop.
#ifndef MILLRACE_MESH_RUNTIME_FIBER_H
#define MILLRACE_MESH_RUNTIME_FIBER_H

#include "mesh/runtime/scope.h"

// Starts a fiber in `scope`: run(arg) begins soon, on the scope's loop. It ends when `run` returns.
void mesh_fiber_start(mesh_scope *scope, void (*run)(void *arg), void *arg);

// As mesh_fiber_start(), for what somebody outside asked for: false if very many fibers run
// already, and nothing is started. The kernel maps two pieces a stack, and no more than
// vm.max_map_count of them in a process: half of those are for this, the rest for what is inside.
MESH_NODISCARD bool mesh_fiber_try_start(mesh_scope *scope, void (*run)(void *arg), void *arg);

// The fiber that runs now on `loop`; NULL in a plain callback.
mesh_fiber *mesh_fiber_current(mesh_loop *loop);

// For whom the running fiber works: who has called from outside, as the server names him, or "" for
// what this program does by itself. A fiber that is started works for whom the running one does.
// Borrowed until the fiber is told another; the name is copied, and cut where it is long.
enum { MESH_CALLER_MAX = 64 };
const char *mesh_fiber_caller(const mesh_loop *loop);
void mesh_fiber_set_caller(mesh_loop *loop, const char *caller);

// Suspends the running fiber until mesh_fiber_unpark(). One unpark that came before is remembered.
void mesh_fiber_park(mesh_loop *loop);

// Lets `fiber` go on, soon. Loop thread.
void mesh_fiber_unpark(mesh_fiber *fiber);

// Waits until `due_ns` (monotonic). CANCELLED or DEADLINE_EXCEEDED if the scope ended first.
MESH_NODISCARD mesh_code mesh_sleep_until(mesh_scope *scope, int64_t due_ns, mesh_error *err);

// Lets everything else that is ready run once, then goes on.
void mesh_yield(mesh_loop *loop);

// mesh_signal: where fibers wait for "something changed". In the caller's storage; zero it first.
typedef struct mesh_signal {
  struct mesh_waiter *first, *last;
} mesh_signal;

// Waits for the next notify, `due_ns`, or the end of the scope. OK after a notify;
// DEADLINE_EXCEEDED at `due_ns`; the scope's code if it was cancelled. MESH_NEVER waits without a
// limit.
MESH_NODISCARD mesh_code mesh_signal_wait(mesh_signal *signal, mesh_scope *scope, int64_t due_ns,
                                          mesh_error *err);

// Lets every fiber that waits go on. Loop thread.
void mesh_signal_notify(mesh_signal *signal);

#endif
