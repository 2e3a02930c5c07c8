// predict: what a stored model says of stored bars, and the model in another format.
#ifndef MILLRACE_HOST_TRAINING_SERVICE_PREDICT_H
#define MILLRACE_HOST_TRAINING_SERVICE_PREDICT_H

#include "mesh/rpc/call.h"

// Methods of TrainingHost; `self` is the training_host.
mesh_code training_predict(mesh_call *call, mesh_frame request, void *self, mesh_error *err);
mesh_code training_export(mesh_call *call, mesh_frame request, void *self, mesh_error *err);

#endif
