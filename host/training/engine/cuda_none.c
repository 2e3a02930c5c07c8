// The CUDA engine of a build without CUDA.
#include "host/training/engine/cuda.h"

static const char why[] = "millrace was built without CUDA";

int train_cuda_count(const char **reason) {
  *reason = why;
  return 0;
}

mesh_code train_cuda_describe(int device, train_cuda_device *out, mesh_error *err) {
  *out = (train_cuda_device){0};
  return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "cuda:%d: %s", device, why);
}

mesh_code train_cuda_create(const train_setup *setup, int device, size_t memory_limit_bytes,
                            train_engine **out, mesh_error *err) {
  (void)setup;
  (void)memory_limit_bytes;
  *out = NULL;
  return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "cuda:%d: %s", device, why);
}
