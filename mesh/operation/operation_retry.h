// mesh_operation_retry: another attempt at a piece of an operation's work, visible in its history.
#ifndef MILLRACE_MESH_OPERATION_OPERATION_RETRY_H
#define MILLRACE_MESH_OPERATION_OPERATION_RETRY_H

#include "mesh/operation/operation.h"
#include "mesh/rpc/retry.h"

// After attempt number `attempt` (1 is the first) at `piece` failed with `err`: where another one
// makes sense, reports a durable Attempt, waits below `scope` as `backoff` and the budget of `link`
// say, and returns OK. Else returns the error's code, or the scope's when it was cancelled.
MESH_NODISCARD mesh_code mesh_operation_retry(mesh_operation *operation, mesh_scope *scope,
                                              mesh_link *link, const mesh_backoff *backoff,
                                              const char *piece, int attempt, mesh_error *err);

#endif
