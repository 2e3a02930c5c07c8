#include "mesh/rpc/retry.h"

#include <stdlib.h>
#include <sys/random.h>

#include "mesh/runtime/fiber.h"

int64_t mesh_backoff_ceiling_ms(const mesh_backoff *backoff, int attempt) {
  int64_t ceiling = backoff->base_ms;
  for (int i = 1; i < attempt && ceiling < backoff->cap_ms; i++)
    ceiling *= 2;
  return ceiling < backoff->cap_ms ? ceiling : backoff->cap_ms;
}

int64_t mesh_backoff_wait_ms(const mesh_backoff *backoff, int attempt, uint64_t random,
                             const mesh_error *err) {
  int64_t ceiling = mesh_backoff_ceiling_ms(backoff, attempt);
  int64_t floor = ceiling / 2;
  int64_t wait = floor + (int64_t)(random % (uint64_t)(ceiling - floor + 1));
  int64_t asked = err == NULL ? 0 : err->retry_after_ms;
  if (asked > MESH_RETRY_ASKED_MAX_MS) asked = MESH_RETRY_ASKED_MAX_MS;
  return asked > wait ? asked : wait;
}

static uint64_t random_bits(void) {
  uint64_t bits = 0;
  if (getrandom(&bits, sizeof bits, 0) != sizeof bits) return (uint64_t)mesh_now_ns();
  return bits;
}

mesh_code mesh_retry_plan(const mesh_backoff *backoff, mesh_retry_budget *budget, int attempt,
                          int64_t *wait_ms, const mesh_error *err) {
  if (!mesh_error_is_retryable(err)) return err->code;
  if (backoff->attempts > 0 && attempt >= backoff->attempts) return err->code;
  *wait_ms = mesh_backoff_wait_ms(backoff, attempt, random_bits(), err);
  int64_t least_ms = budget == NULL ? 0 : mesh_retry_budget_take(budget, mesh_now_ns());
  if (*wait_ms < least_ms) *wait_ms = least_ms;
  return GRPC_STATUS_OK;
}

mesh_code mesh_retry_wait(mesh_scope *scope, const mesh_backoff *backoff, mesh_retry_budget *budget,
                          int attempt, mesh_error *err) {
  int64_t wait_ms;
  mesh_code code = mesh_retry_plan(backoff, budget, attempt, &wait_ms, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_sleep_until(scope, mesh_time_after_ms(mesh_now_ns(), wait_ms), err);
}
