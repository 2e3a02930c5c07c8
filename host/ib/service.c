#include "host/ib/service.h"

#include "host/ib/service_internal.h"

mesh_code ib_bad_request(const char *type, mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "the request is no millrace.v1.%s", type);
}

mesh_code ib_name_symbol(const char *symbol, mesh_code code, mesh_error *err) {
  if (err == NULL) return code;
  if (code != GRPC_STATUS_NOT_FOUND && code != GRPC_STATUS_PERMISSION_DENIED &&
      code != GRPC_STATUS_FAILED_PRECONDITION) {
    return code;
  }
  return mesh_error_prefix(err, symbol);
}

void ib_service_init(ib_service *self, ib_session *session) {
  static const mesh_method methods[] = {
      {.name = "FetchBars", .run = ib_fetch_bars},
      {.name = "HeadTimestamp", .run = ib_head_timestamp},
      {.name = "ResolveContract", .run = ib_resolve_contract},
      {.name = "SearchSymbols", .run = ib_search_symbols},
      {.name = "WatchBars", .run = ib_watch_bars},
      {.name = "AwaitStopped", .run = ib_await_stopped},
      {.name = "Status", .run = ib_status},
  };
  *self = (ib_service){
      .service = {"millrace.v1.IbHost", methods, sizeof methods / sizeof *methods, self},
      .session = session};
}
