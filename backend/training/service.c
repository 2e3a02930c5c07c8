#include "backend/training/service.h"

#include "mesh/operation/relay.h"
#include "millrace/v1/training.pb-c.h"
#include "requests/training.h"

static mesh_code train(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  mesh_code code = training_request_check(&millrace__v1__train_request__descriptor, frame, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay_events(call, ((training_service *)self)->manager,
                           "/millrace.v1.TrainingManager/Train", frame, err);
}

static mesh_code resume(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  mesh_code code = training_request_check(&millrace__v1__resume_request__descriptor, frame, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay_events(call, ((training_service *)self)->manager,
                           "/millrace.v1.TrainingManager/Resume", frame, err);
}

static mesh_code check_strategy(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  mesh_code code =
      training_request_check(&millrace__v1__check_strategy_request__descriptor, frame, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay(call, ((training_service *)self)->manager,
                    "/millrace.v1.TrainingManager/CheckStrategy", frame, err);
}

void training_service_init(training_service *self, mesh_link *manager) {
  static const char *const documents[] = {"millrace.v1.TrainRequest.strategy",
                                          "millrace.v1.CheckStrategyRequest.strategy", NULL};
  static const mesh_method methods[] = {
      {.name = "Train", .run = train, .documents = documents},
      {.name = "Resume", .run = resume},
      {.name = "CheckStrategy", .run = check_strategy, .documents = documents}};
  *self = (training_service){
      .service = {"millrace.v1.TrainingService", methods, sizeof methods / sizeof *methods, self},
      .manager = manager};
}
