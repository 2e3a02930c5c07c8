// mesh_remote: the work of an operation that a host runs as a whole: relayed, event for event, into
// the operation's own journal. Whatever breaks on the way is mended from both ends: the host keeps
// the run by its name for a grace, the journal knows the host's last event and the last checkpoint.
// Reattached, the run goes on where it is; if the host has lost it, it begins again at the
// checkpoint. A run that its host does not survive (it dies, hangs and is given up, or ends the
// stream as if all were well and says nothing of an outcome) twice from
// the same checkpoint is not begun a third time, whatever process counts: ABORTED, with how the
// line to the host broke. A run that its host has ended by itself, because we were away for longer
// than the grace, goes on at the last checkpoint, too. A host that is busy answers pings and is
// waited for; one that says that it leaves has lost nothing.
#ifndef MILLRACE_MESH_OPERATION_REMOTE_H
#define MILLRACE_MESH_OPERATION_REMOTE_H

#include "mesh/operation/operation.h"
#include "mesh/rpc/retry.h"

typedef struct mesh_remote {
  mesh_link *link;            // to the host, or to the adapter above it; borrowed
  const char *run_method;     // takes a RunRequest: "/millrace.v1.TrainingAdapter/Run"
  const char *cancel_method;  // takes a CancelOperationRequest
  mesh_view request;          // RunRequest.request; borrowed
  const char *host;           // RunRequest.host; NULL: none
  int64_t grace_ms;           // how long the host goes on without us; 0: 30 s
  mesh_backoff
      backoff;  // between attempts to reach it; its `attempts` count from the last event heard
  Millrace__V1__Outcome *outcome;  // the host's, once it came; owned
} mesh_remote;

// Runs the host's work as `operation`'s, until its outcome, and fills succeeded or cancelled from
// it. For a mesh_work's run().
mesh_code mesh_remote_run(mesh_remote *remote, mesh_operation *operation,
                          Millrace__V1__Succeeded *succeeded, Millrace__V1__Cancelled *cancelled,
                          mesh_error *err);

// Releases what the run left: for on_end().
void mesh_remote_clear(mesh_remote *remote);

#endif
