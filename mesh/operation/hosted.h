// mesh_hosted: a host's side of relayed operations. Runs are operations of their own, in a journal
// in memory; their names are the manager's. A caller that vanishes leaves the run going for the
// grace that it named; one that comes back goes on after the last event that it has.
#ifndef MILLRACE_MESH_OPERATION_HOSTED_H
#define MILLRACE_MESH_OPERATION_HOSTED_H

#include "mesh/operation/memory_journal.h"
#include "mesh/operation/operation.h"

// What a host does: makes the work of a run.
typedef struct mesh_hosted_kind {
  const char *name;  // "count"
  // Fills *work from the request; `checkpoint` (may be NULL) is where to begin. RESOURCE_EXHAUSTED
  // with RetryInfo where the host is full.
  mesh_code (*prepare)(void *self, const Millrace__V1__RunRequest *request, mesh_work *work,
                       mesh_error *err);
  void *self;
} mesh_hosted_kind;

typedef struct mesh_hosted {
  mesh_operations *operations;   // owned
  mesh_memory_journal *journal;  // owned
  mesh_hosted_kind kind;
} mesh_hosted;

// Prepares the caller's storage. `layer` is the host's name, borrowed.
void mesh_hosted_init(mesh_hosted *hosted, mesh_loop *loop, const char *layer,
                      const mesh_hosted_kind *kind);

// Frees what it owns; nothing runs any more.
void mesh_hosted_fini(mesh_hosted *hosted);

// Leaves: waits for managers that are away, so that they get the last checkpoint of what runs, then
// drains. False if something still runs at `deadline_ns`. In a fiber of the loop.
bool mesh_hosted_drain(mesh_hosted *hosted, int64_t deadline_ns);

// The two methods of a host: put them into its service's table, with the mesh_hosted as `self`, and
// while_draining, so that a manager that was away gets what the run leaves behind.
// Run takes a RunRequest and streams the run's events; Cancel takes a CancelOperationRequest and
// streams until the outcome.
mesh_code mesh_hosted_run(mesh_call *call, mesh_frame request, void *hosted, mesh_error *err);
mesh_code mesh_hosted_cancel(mesh_call *call, mesh_frame request, void *hosted, mesh_error *err);

#endif
