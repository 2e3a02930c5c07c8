// What the methods say of errors; knows none of them.
#include "host/ib/service_internal.h"

mesh_code ib_name_symbol(const char *symbol, mesh_code code, mesh_error *err) {
  if (err == NULL) return code;
  if (code != GRPC_STATUS_NOT_FOUND && code != GRPC_STATUS_PERMISSION_DENIED &&
      code != GRPC_STATUS_FAILED_PRECONDITION) {
    return code;
  }
  return mesh_error_prefix(err, symbol);
}
