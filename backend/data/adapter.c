#include "backend/data/adapter.h"

#include "mesh/operation/relay.h"
#include "millrace/v1/ib_host.pb-c.h"
#include "requests/data.h"

static mesh_code to_host(mesh_call *call, mesh_frame request, void *self,
                         const ProtobufCMessageDescriptor *type, const char *method,
                         mesh_error *err) {
  mesh_code code = data_request_check(type, request, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay(call, ((data_adapter *)self)->ib_host, method, request, err);
}

static mesh_code fetch_bars(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  mesh_code code = data_request_check(&millrace__v1__fetch_bars_request__descriptor, request, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay_events(call, ((data_adapter *)self)->ib_host, "/millrace.v1.IbHost/FetchBars",
                           request, err);
}

static mesh_code head_timestamp(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return to_host(call, request, self, &millrace__v1__head_timestamp_request__descriptor,
                 "/millrace.v1.IbHost/HeadTimestamp", err);
}

static mesh_code resolve_contract(mesh_call *call, mesh_frame request, void *self,
                                  mesh_error *err) {
  return to_host(call, request, self, &millrace__v1__resolve_contract_request__descriptor,
                 "/millrace.v1.IbHost/ResolveContract", err);
}

static mesh_code search_symbols(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return to_host(call, request, self, &millrace__v1__search_symbols_request__descriptor,
                 "/millrace.v1.IbHost/SearchSymbols", err);
}

static mesh_code watch_bars(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  mesh_code code = data_request_check(&millrace__v1__watch_bars_request__descriptor, request, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay_live(call, ((data_adapter *)self)->ib_host, "/millrace.v1.IbHost/WatchBars",
                         request, err);
}

static mesh_code await_stopped(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return to_host(call, request, self, &millrace__v1__await_stopped_request__descriptor,
                 "/millrace.v1.IbHost/AwaitStopped", err);
}

static mesh_code status(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  mesh_code code = data_request_check(&millrace__v1__host_status_request__descriptor, request, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay_endless(call, ((data_adapter *)self)->ib_host, "/millrace.v1.IbHost/Status",
                            request, err);
}

void data_adapter_init(data_adapter *self, mesh_link *ib_host) {
  static const mesh_method methods[] = {
      {.name = "FetchBars", .run = fetch_bars},
      {.name = "HeadTimestamp", .run = head_timestamp},
      {.name = "ResolveContract", .run = resolve_contract},
      {.name = "SearchSymbols", .run = search_symbols},
      {.name = "WatchBars", .run = watch_bars},
      {.name = "AwaitStopped", .run = await_stopped},
      {.name = "Status", .run = status},
  };
  *self = (data_adapter){
      .service = {"millrace.v1.DataAdapter", methods, sizeof methods / sizeof *methods, self},
      .ib_host = ib_host};
}
