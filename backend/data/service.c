#include "backend/data/service.h"

#include "mesh/operation/relay.h"
#include "millrace/v1/data.pb-c.h"
#include "requests/data.h"

static mesh_code to_manager(mesh_call *call, mesh_frame frame, void *self,
                            const ProtobufCMessageDescriptor *type, const char *method,
                            mesh_error *err) {
  mesh_code code = data_request_check(type, frame, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay(call, ((data_service *)self)->manager, method, frame, err);
}

static mesh_code load(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  mesh_code code = data_request_check(&millrace__v1__load_request__descriptor, frame, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay_events(call, ((data_service *)self)->manager, "/millrace.v1.DataManager/Load",
                           frame, err);
}

static mesh_code load_many(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  mesh_code code = data_request_check(&millrace__v1__load_many_request__descriptor, frame, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay_events(call, ((data_service *)self)->manager,
                           "/millrace.v1.DataManager/LoadMany", frame, err);
}

static mesh_code read_bars(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return to_manager(call, frame, self, &millrace__v1__read_request__descriptor,
                    "/millrace.v1.DataManager/Read", err);
}

static mesh_code gaps(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return to_manager(call, frame, self, &millrace__v1__gaps_request__descriptor,
                    "/millrace.v1.DataManager/Gaps", err);
}

static mesh_code list(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return to_manager(call, frame, self, &millrace__v1__list_series_request__descriptor,
                    "/millrace.v1.DataManager/List", err);
}

static mesh_code describe(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return to_manager(call, frame, self, &millrace__v1__describe_request__descriptor,
                    "/millrace.v1.DataManager/Describe", err);
}

static mesh_code subscribe(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  mesh_code code = data_request_check(&millrace__v1__subscribe_request__descriptor, frame, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay_live(call, ((data_service *)self)->manager,
                         "/millrace.v1.DataManager/Subscribe", frame, err);
}

static mesh_code search(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return to_manager(call, frame, self, &millrace__v1__search_request__descriptor,
                    "/millrace.v1.DataManager/Search", err);
}

static mesh_code delete_series(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return to_manager(call, frame, self, &millrace__v1__delete_series_request__descriptor,
                    "/millrace.v1.DataManager/Delete", err);
}

static mesh_code validate(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return to_manager(call, frame, self, &millrace__v1__validate_request__descriptor,
                    "/millrace.v1.DataManager/Validate", err);
}

void data_service_init(data_service *self, mesh_link *manager) {
  static const mesh_method methods[] = {
      {.name = "Load", .run = load},
      {.name = "Read", .run = read_bars},
      {.name = "Gaps", .run = gaps},
      {.name = "List", .run = list},
      {.name = "Describe", .run = describe},
      {.name = "Subscribe", .run = subscribe},
      {.name = "Search", .run = search},
      {.name = "LoadMany", .run = load_many},
      {.name = "Delete", .run = delete_series},
      {.name = "Validate", .run = validate},
  };
  *self = (data_service){
      .service = {"millrace.v1.DataService", methods, sizeof methods / sizeof *methods, self},
      .manager = manager};
}
