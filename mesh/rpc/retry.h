// mesh_retry: how long to wait before the next attempt: exponential back-off with full jitter.
#ifndef MILLRACE_MESH_RPC_RETRY_H
#define MILLRACE_MESH_RPC_RETRY_H

#include "mesh/rpc/retry_budget.h"
#include "mesh/runtime/scope.h"

// The longest wait that a peer is granted: the longest rule of IB's pacing is ten minutes, and
// nothing of ours asks for more. A peer that asks for a year is asked again.
enum { MESH_RETRY_ASKED_MAX_MS = 15 * 60 * 1000 };

typedef struct mesh_backoff {
  int64_t base_ms;  // the first wait is at most this
  int64_t cap_ms;   // no wait is longer, but for a peer's RetryInfo
  int attempts;     // attempts in all, the first included; 0: no limit
} mesh_backoff;

// The upper end of the wait before attempt `attempt` (1 is the first retry): base * 2^(attempt-1),
// at most the cap.
int64_t mesh_backoff_ceiling_ms(const mesh_backoff *backoff, int attempt);

// The wait: uniform in [ceiling/2, ceiling], from `random` (any 64 random bits). Never less than
// what `err` asks for, up to MESH_RETRY_ASKED_MAX_MS.
int64_t mesh_backoff_wait_ms(const mesh_backoff *backoff, int attempt, uint64_t random,
                             const mesh_error *err);

// Whether another attempt makes sense after number `attempt` failed with `err`: OK and how long to
// wait before it, else the error's code (not retryable, or the attempts are used up).
// `budget` (may be NULL) is the link's: it may make the wait longer.
MESH_NODISCARD mesh_code mesh_retry_plan(const mesh_backoff *backoff, mesh_retry_budget *budget,
                                         int attempt, int64_t *wait_ms, const mesh_error *err);

// After attempt number `attempt` failed with `err`: waits and returns OK if another one makes
// sense, else returns the error's code (not retryable, or the attempts are used up), or the scope's
// code when it was cancelled meanwhile.
MESH_NODISCARD mesh_code mesh_retry_wait(mesh_scope *scope, const mesh_backoff *backoff,
                                         mesh_retry_budget *budget, int attempt, mesh_error *err);

#endif
