// How a Predict passes a layer: signals of stored bars end by themselves, live ones when this
// process leaves.
#ifndef MILLRACE_BACKEND_TRAINING_PREDICT_H
#define MILLRACE_BACKEND_TRAINING_PREDICT_H

#include "mesh/rpc/call.h"

// Relays `frame`, a PredictRequest, to `method` on `link` (borrowed). Returns the lower call's
// status; of a live one UNAVAILABLE (DRAINING) once this process leaves; INVALID_ARGUMENT where it
// is no right PredictRequest.
mesh_code training_relay_predict(mesh_call *call, mesh_link *link, const char *method,
                                 mesh_frame frame, mesh_error *err);

#endif
