// mesh_retry_budget: how many retries a link bears: a token bucket beside each link. Requests pay
// in, retries take out; where nothing is left a retry waits, so that a peer that comes back is not
// met by everybody at once, and nothing is lost. After Finagle's RetryBudget. One loop.
#ifndef MILLRACE_MESH_RPC_RETRY_BUDGET_H
#define MILLRACE_MESH_RPC_RETRY_BUDGET_H

#include <stdint.h>

typedef struct mesh_retry_budget {
  double tokens;  // below 0: retries that wait
  int64_t at_ns;  // when `tokens` was right, monotonic; 0: it is full
} mesh_retry_budget;

// A request, of any kind: a fifth of a token, up to 20 tokens in all; time adds two a second.
void mesh_retry_budget_pay(mesh_retry_budget *budget, int64_t now_ns);

// A retry takes a token. Returns how long it has to wait for it, in milliseconds; 0: there was one.
int64_t mesh_retry_budget_take(mesh_retry_budget *budget, int64_t now_ns);

#endif
