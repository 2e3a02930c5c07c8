#include "backend/training/models_service.h"

#include "backend/training/predict.h"
#include "mesh/operation/relay.h"
#include "millrace/v1/models.pb-c.h"
#include "requests/training.h"

static mesh_code to_manager(mesh_call *call, mesh_frame frame, void *self,
                            const ProtobufCMessageDescriptor *type, const char *method,
                            mesh_error *err) {
  mesh_code code = training_request_check(type, frame, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay(call, ((models_service *)self)->manager, method, frame, err);
}

static mesh_code list(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return to_manager(call, frame, self, &millrace__v1__list_models_request__descriptor,
                    "/millrace.v1.ModelsManager/List", err);
}

static mesh_code get(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return to_manager(call, frame, self, &millrace__v1__model_request__descriptor,
                    "/millrace.v1.ModelsManager/Get", err);
}

static mesh_code read_file(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return to_manager(call, frame, self, &millrace__v1__model_request__descriptor,
                    "/millrace.v1.ModelsManager/Read", err);
}

static mesh_code predict(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return training_relay_predict(call, ((models_service *)self)->manager,
                                "/millrace.v1.ModelsManager/Predict", frame, err);
}

static mesh_code export_model(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return to_manager(call, frame, self, &millrace__v1__model_request__descriptor,
                    "/millrace.v1.ModelsManager/Export", err);
}

static mesh_code delete_model(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return to_manager(call, frame, self, &millrace__v1__model_request__descriptor,
                    "/millrace.v1.ModelsManager/Delete", err);
}

void models_service_init(models_service *self, mesh_link *manager) {
  static const mesh_method methods[] = {
      {.name = "List", .run = list},           {.name = "Get", .run = get},
      {.name = "Read", .run = read_file},      {.name = "Predict", .run = predict},
      {.name = "Export", .run = export_model}, {.name = "Delete", .run = delete_model},
  };
  *self = (models_service){
      .service = {"millrace.v1.ModelsService", methods, sizeof methods / sizeof *methods, self},
      .manager = manager};
}
