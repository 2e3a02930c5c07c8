// keep_model: a model's way from the host into the store.
#ifndef MILLRACE_BACKEND_TRAINING_KEEP_MODEL_H
#define MILLRACE_BACKEND_TRAINING_KEEP_MODEL_H

#include "backend/training/manager.h"

// Fetches the model that the operation has trained, keeps its file and what is known of it, and
// fills the version in the outcome. Once more is fine: a model is kept once.
MESH_NODISCARD mesh_code training_keep_model(training_manager *self, mesh_operation *operation,
                                             Millrace__V1__Succeeded *succeeded, mesh_error *err);

// "DIRECTORY/SHA256.safetensors" into `out`.
void training_model_path(const char *directory, const char *sha256, char out[4096]);

#endif
