#include "cli/patience.h"

mesh_code patience_read(const args *given, int64_t *out_ms, mesh_error *err) {
  const int64_t usual_ms = INT64_C(12) * 3600 * 1000;
  mesh_code code = args_get_duration(given, "patience", usual_ms, out_ms, err);
  if (code == GRPC_STATUS_OK && *out_ms < 1) *out_ms = 1;
  return code;
}
