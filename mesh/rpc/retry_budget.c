#include "mesh/rpc/retry_budget.h"

static const double most = 20, request_pays = 0.2, second_pays = 2;

static void refill(mesh_retry_budget *budget, int64_t now_ns) {
  double added = (double)(now_ns - budget->at_ns) / 1e9 * second_pays;
  budget->tokens = budget->at_ns == 0 ? most : budget->tokens + added;
  if (budget->tokens > most) budget->tokens = most;
  budget->at_ns = now_ns;
}

void mesh_retry_budget_pay(mesh_retry_budget *budget, int64_t now_ns) {
  refill(budget, now_ns);
  budget->tokens += request_pays;  // above `most` until the next refill at the latest
}

int64_t mesh_retry_budget_take(mesh_retry_budget *budget, int64_t now_ns) {
  refill(budget, now_ns);
  budget->tokens -= 1;
  return budget->tokens >= 0 ? 0 : (int64_t)(-budget->tokens / second_pays * 1e3) + 1;
}
