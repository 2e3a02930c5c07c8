// mesh_scope: structured concurrency. Every fiber and every call belongs to a scope; a scope ends
// when all of them have ended; cancelling a scope cancels everything below it; its deadline bounds
// theirs. A server call is a scope. Lives in the caller's storage, on one loop; that loop's thread
// only.
#ifndef MILLRACE_MESH_RUNTIME_SCOPE_H
#define MILLRACE_MESH_RUNTIME_SCOPE_H

#include "mesh/runtime/loop.h"
#include "mesh/runtime/status.h"

typedef struct mesh_scope mesh_scope;
typedef struct mesh_fiber mesh_fiber;

// Called once when the scope is cancelled; how a waiting thing hears of it.
typedef struct mesh_cancel_hook mesh_cancel_hook;
struct mesh_cancel_hook {
  void (*on_cancel)(mesh_cancel_hook *hook);
  mesh_cancel_hook *previous, *next;  // the scope's; next is NULL when not added
};

struct mesh_scope {  // private, but for mesh_scope_*()
  mesh_loop *loop;
  mesh_scope *parent;
  mesh_scope *first_child, *previous_sibling, *next_sibling;
  mesh_cancel_hook hooks;  // head of a ring
  mesh_timer timer;
  int64_t deadline_ns;
  int fibers;          // that have not ended
  mesh_fiber *joiner;  // waits in mesh_scope_join()
  mesh_code code;      // OK until cancelled
  char why[160];
};

// Opens a scope without a parent on `loop`.
void mesh_scope_open_root(mesh_scope *scope, mesh_loop *loop);

// Opens a scope below `parent`: cancelled with it (at once, if it is already), never later than its
// deadline.
void mesh_scope_open(mesh_scope *scope, mesh_scope *parent);

// Cancels the scope with DEADLINE_EXCEEDED at `deadline_ns` (monotonic) if that is before its
// present deadline.
void mesh_scope_set_deadline(mesh_scope *scope, int64_t deadline_ns);

// Cancels the scope and all below it; every wait in them returns `code` soon. The first cancel
// counts.
void mesh_scope_cancel(mesh_scope *scope, mesh_code code, const char *format, ...)
    MESH_PRINTF(3, 4);

// OK while the scope runs, else why it was cancelled; fills `err` (may be NULL).
mesh_code mesh_scope_check(const mesh_scope *scope, mesh_error *err);

// Waits, in a fiber that is not of this scope, until all of its fibers have ended. Not interrupted
// by a cancel.
void mesh_scope_join(mesh_scope *scope);

// Ends a scope: joins its fibers, leaves the parent. Its storage is the caller's again.
void mesh_scope_close(mesh_scope *scope);

// Adds or removes a hook. A hook that is added to a cancelled scope is called at once. Removing one
// twice is fine.
void mesh_scope_add_hook(mesh_scope *scope, mesh_cancel_hook *hook);
void mesh_scope_remove_hook(mesh_cancel_hook *hook);

#endif
