// train_cuda: the engine on a CUDA device. Where millrace was built without CUDA, or there is no
// driver or device, the first two functions say so.
#ifndef MILLRACE_HOST_TRAINING_ENGINE_CUDA_H
#define MILLRACE_HOST_TRAINING_ENGINE_CUDA_H

#include "host/training/engine/engine.h"

typedef struct train_cuda_device {
  char name[64];  // "NVIDIA H100 80GB HBM3"
  size_t memory_bytes, free_bytes;
  int major, minor;  // compute capability
} train_cuda_device;

// How many devices there are; 0 says why in *reason (a static string): "built without CUDA",
// "CUDA driver version is insufficient for CUDA runtime version".
int train_cuda_count(const char **reason);

// UNAVAILABLE: no such device, and why.
MESH_NODISCARD mesh_code train_cuda_describe(int device, train_cuda_device *out, mesh_error *err);

// As train_cpu_create(). `memory_limit_bytes` bounds what the engine takes of the device; 0: what
// is free. RESOURCE_EXHAUSTED names what is needed and what there is.
MESH_NODISCARD mesh_code train_cuda_create(const train_setup *setup, int device,
                                           size_t memory_limit_bytes, train_engine **out,
                                           mesh_error *err);

#endif
