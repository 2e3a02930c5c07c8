#include "backend/training/service.h"

#include <string.h>

#include "mesh/operation/relay.h"
#include "mesh/rpc/message.h"
#include "millrace/v1/training.pb-c.h"

enum { STRATEGY_BYTES_MAX = 1 << 20, EPOCHS_MAX = 1000000 };

static mesh_code check_text(const char *text, mesh_error *err) {
  size_t size = strlen(text);
  if (size > 0 && size <= STRATEGY_BYTES_MAX) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "strategy has %zu bytes: the text of a file of 1 to %d is expected", size,
                   STRATEGY_BYTES_MAX);
}

static mesh_code check_number(const char *field, int64_t number, int64_t most, mesh_error *err) {
  if (number >= 0 && number <= most) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s is %lld: use 0 to %lld", field,
                   (long long)number, (long long)most);
}

static mesh_code check_time(const char *field, const Google__Protobuf__Timestamp *time,
                            mesh_error *err) {
  if (time == NULL) return GRPC_STATUS_OK;
  return mesh_message_check_time(field, time->seconds, time->nanos, err);
}

static mesh_code check_train(const Millrace__V1__TrainRequest *request, mesh_error *err) {
  mesh_code code = check_text(request->strategy, err);
  if (code == GRPC_STATUS_OK) code = check_number("epochs", request->epochs, EPOCHS_MAX, err);
  if (code == GRPC_STATUS_OK) {
    code = check_number("checkpoint_epochs", request->checkpoint_epochs, EPOCHS_MAX, err);
  }
  if (code == GRPC_STATUS_OK) {
    code = check_number("checkpoint_s", request->checkpoint_s, 86400, err);
  }
  if (code == GRPC_STATUS_OK) code = check_time("from", request->from, err);
  if (code == GRPC_STATUS_OK) code = check_time("to", request->to, err);
  if (code != GRPC_STATUS_OK) return code;
  if (request->from != NULL && request->to != NULL &&
      request->from->seconds >= request->to->seconds) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "from is not before to");
  }
  const char *device = request->device;
  if (device[0] == '\0' || strcmp(device, "cpu") == 0 || strcmp(device, "cuda") == 0) return code;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "device '%s': use cpu or cuda", device);
}

static mesh_code train(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__TrainRequest *request =
      mesh_message_unpack(&millrace__v1__train_request__descriptor, frame.data, frame.size_bytes);
  if (request == NULL) return mesh_message_refuse("TrainRequest", err);
  mesh_code code = check_train(request, err);
  millrace__v1__train_request__free_unpacked(request, NULL);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_relay_events(call, ((training_service *)self)->manager,
                           "/millrace.v1.TrainingManager/Train", frame, err);
}

static mesh_code resume(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  return mesh_relay_events(call, ((training_service *)self)->manager,
                           "/millrace.v1.TrainingManager/Resume", frame, err);
}

static mesh_code check_strategy(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__CheckStrategyRequest *request = mesh_message_unpack(
      &millrace__v1__check_strategy_request__descriptor, frame.data, frame.size_bytes);
  if (request == NULL) return mesh_message_refuse("CheckStrategyRequest", err);
  mesh_code code = check_text(request->strategy, err);
  millrace__v1__check_strategy_request__free_unpacked(request, NULL);
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
