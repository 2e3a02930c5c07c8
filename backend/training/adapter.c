#include "backend/training/adapter.h"

#include "mesh/relay.h"

static mesh_code to_host(mesh_call *call, mesh_frame request, void *self, const char *method,
                         mesh_error *err) {
  return mesh_relay(call, ((training_adapter *)self)->host, method, request, err);
}

static mesh_code run(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return mesh_relay_events(call, ((training_adapter *)self)->host, "/millrace.v1.TrainingHost/Run",
                           request, err);
}

static mesh_code cancel(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return mesh_relay_events(call, ((training_adapter *)self)->host,
                           "/millrace.v1.TrainingHost/Cancel", request, err);
}

static mesh_code fetch_model(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return to_host(call, request, self, "/millrace.v1.TrainingHost/FetchModel", err);
}

static mesh_code check_strategy(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return to_host(call, request, self, "/millrace.v1.TrainingHost/CheckStrategy", err);
}

static mesh_code predict(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return to_host(call, request, self, "/millrace.v1.TrainingHost/Predict", err);
}

static mesh_code export_model(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return to_host(call, request, self, "/millrace.v1.TrainingHost/ExportModel", err);
}

static mesh_code status(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return to_host(call, request, self, "/millrace.v1.TrainingHost/Status", err);
}

void training_adapter_init(training_adapter *self, mesh_link *host) {
  static const mesh_method methods[] = {
      {.name = "Run", .run = run},
      {.name = "Cancel", .run = cancel},
      {.name = "FetchModel", .run = fetch_model},
      {.name = "CheckStrategy", .run = check_strategy},
      {.name = "Predict", .run = predict},
      {.name = "ExportModel", .run = export_model},
      {.name = "Status", .run = status},
  };
  *self = (training_adapter){
      .service = {"millrace.v1.TrainingAdapter", methods, sizeof methods / sizeof *methods, self},
      .host = host};
}
