#include "backend/training/predict.h"

#include "mesh/operation/relay.h"
#include "mesh/rpc/message.h"
#include "millrace/v1/training_host.pb-c.h"

mesh_code training_relay_predict(mesh_call *call, mesh_link *link, const char *method,
                                 mesh_frame frame, mesh_error *err) {
  Millrace__V1__PredictRequest *request =
      mesh_message_unpack(&millrace__v1__predict_request__descriptor, frame.data, frame.size_bytes);
  if (request == NULL) return mesh_message_refuse("PredictRequest", err);
  bool live = request->live;
  millrace__v1__predict_request__free_unpacked(request, NULL);
  return live ? mesh_relay_endless(call, link, method, frame, err)
              : mesh_relay(call, link, method, frame, err);
}
