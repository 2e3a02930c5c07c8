#include "backend/data/service.h"

#include "backend/data/check.h"
#include "mesh/operation/relay.h"
#include "mesh/rpc/pack.h"
#include "millrace/v1/data.pb-c.h"

static mesh_code bad_request(const char *type, mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "the request is no millrace.v1.%s", type);
}

static mesh_code to_manager(mesh_call *call, mesh_frame request, void *self, const char *method,
                            mesh_error *err) {
  return mesh_relay(call, ((data_service *)self)->manager, method, request, err);
}

static mesh_code load(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__LoadRequest *request =
      mesh_message_unpack(&millrace__v1__load_request__descriptor, frame.data, frame.size_bytes);
  if (request == NULL) return bad_request("LoadRequest", err);
  mesh_code code = check_series(request->symbol, request->timeframe, err);
  if (code == GRPC_STATUS_OK) code = check_window(request->from, request->to, err);
  millrace__v1__load_request__free_unpacked(request, NULL);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay_events(call, ((data_service *)self)->manager, "/millrace.v1.DataManager/Load",
                           frame, err);
}

static mesh_code read_bars(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__ReadRequest *request =
      mesh_message_unpack(&millrace__v1__read_request__descriptor, frame.data, frame.size_bytes);
  if (request == NULL) return bad_request("ReadRequest", err);
  mesh_code code = check_series(request->symbol, request->timeframe, err);
  if (code == GRPC_STATUS_OK) code = check_window(request->from, request->to, err);
  if (code == GRPC_STATUS_OK && request->last < 0) {
    code = mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "last is %lld: it counts bars",
                     (long long)request->last);
  }
  millrace__v1__read_request__free_unpacked(request, NULL);
  if (code != GRPC_STATUS_OK) return code;
  return to_manager(call, frame, self, "/millrace.v1.DataManager/Read", err);
}

static mesh_code gaps(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__GapsRequest *request =
      mesh_message_unpack(&millrace__v1__gaps_request__descriptor, frame.data, frame.size_bytes);
  if (request == NULL) return bad_request("GapsRequest", err);
  mesh_code code = check_series(request->symbol, request->timeframe, err);
  if (code == GRPC_STATUS_OK) code = check_window(request->from, request->to, err);
  millrace__v1__gaps_request__free_unpacked(request, NULL);
  if (code != GRPC_STATUS_OK) return code;
  return to_manager(call, frame, self, "/millrace.v1.DataManager/Gaps", err);
}

static mesh_code list(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return to_manager(call, frame, self, "/millrace.v1.DataManager/List", err);
}

static mesh_code subscribe(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__SubscribeRequest *request = mesh_message_unpack(
      &millrace__v1__subscribe_request__descriptor, frame.data, frame.size_bytes);
  if (request == NULL) return bad_request("SubscribeRequest", err);
  mesh_code code = check_series(request->symbol, request->timeframe, err);
  millrace__v1__subscribe_request__free_unpacked(request, NULL);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay_live(call, ((data_service *)self)->manager,
                         "/millrace.v1.DataManager/Subscribe", frame, err);
}

static mesh_code search(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__SearchRequest *request =
      mesh_message_unpack(&millrace__v1__search_request__descriptor, frame.data, frame.size_bytes);
  if (request == NULL) return bad_request("SearchRequest", err);
  mesh_code code = GRPC_STATUS_OK;
  if (request->pattern[0] == '\0') {
    code = mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "pattern is empty: give a part of a symbol or of a name");
  }
  millrace__v1__search_request__free_unpacked(request, NULL);
  if (code != GRPC_STATUS_OK) return code;
  return to_manager(call, frame, self, "/millrace.v1.DataManager/Search", err);
}

void data_service_init(data_service *self, mesh_link *manager) {
  static const mesh_method methods[] = {
      {.name = "Load", .run = load},           {.name = "Read", .run = read_bars},
      {.name = "Gaps", .run = gaps},           {.name = "List", .run = list},
      {.name = "Subscribe", .run = subscribe}, {.name = "Search", .run = search},
  };
  *self = (data_service){
      .service = {"millrace.v1.DataService", methods, sizeof methods / sizeof *methods, self},
      .manager = manager};
}
