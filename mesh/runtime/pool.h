// mesh_pool: threads for what must block: SQLite, files, compute. A fiber waits for its job; the
// loop does not.
#ifndef MILLRACE_MESH_RUNTIME_POOL_H
#define MILLRACE_MESH_RUNTIME_POOL_H

#include "mesh/runtime/scope.h"

typedef struct mesh_pool mesh_pool;

// Creates a pool of `threads` (1..64) threads. Never fails (no thread to be had aborts).
mesh_pool *mesh_pool_create(int threads);

// Waits for the jobs that were given to it and ends its threads. NULL is fine.
void mesh_pool_destroy(mesh_pool *pool);

// Runs work(arg) on a pool thread and suspends the running fiber until it has returned. Each caller
// (mesh_fiber_caller()) has a line of its own, and the lines have turns, so that nobody waits for
// all that somebody else wants; one's own jobs start in the order in which they came. One thread is
// kept for what no caller asked for, if there are several. Not interrupted by a cancel: `arg` may
// live on the fiber's stack.
void mesh_pool_run(mesh_pool *pool, mesh_loop *loop, void (*work)(void *arg), void *arg);

// The same for work that is not worth much once its scope has ended: the code of `scope` if that
// was cancelled before work() had begun; then it is not called.
MESH_NODISCARD mesh_code mesh_pool_ask(mesh_pool *pool, mesh_scope *scope, void (*work)(void *arg),
                                       void *arg, mesh_error *err);

#endif
