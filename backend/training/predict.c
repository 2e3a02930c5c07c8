#include "backend/training/predict.h"

#include "mesh/operation/relay.h"
#include "millrace/v1/training_host.pb-c.h"
#include "requests/training.h"

mesh_code training_relay_predict(mesh_call *call, mesh_link *link, const char *method,
                                 mesh_frame frame, mesh_error *err) {
  Millrace__V1__PredictRequest *request =
      training_request_take(&millrace__v1__predict_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  bool live = request->live;
  millrace__v1__predict_request__free_unpacked(request, NULL);
  return live ? mesh_relay_endless(call, link, method, frame, err)
              : mesh_relay(call, link, method, frame, err);
}
