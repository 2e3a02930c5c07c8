#include "mesh/operation/operation_retry.h"

#include "mesh/runtime/fiber.h"

mesh_code mesh_operation_retry(mesh_operation *operation, mesh_scope *scope, mesh_link *link,
                               const mesh_backoff *backoff, const char *piece, int attempt,
                               mesh_error *err) {
  int64_t wait_ms;
  if (scope->code != GRPC_STATUS_OK) return mesh_scope_check(scope, err);
  mesh_code code = mesh_retry_plan(backoff, mesh_link_budget(link), attempt, &wait_ms, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_error why = *err;
  code = mesh_operation_report_attempt(operation, piece, attempt, &why, wait_ms, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_sleep_until(scope, mesh_time_after_ms(mesh_now_ns(), wait_ms), err);
}
