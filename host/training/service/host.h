// The training host's service: TrainingHost, over mesh_hosted. It reads bars and models from the
// backend, trains on its own threads, and keeps checkpoints in files until a training has ended.
#ifndef MILLRACE_HOST_TRAINING_SERVICE_HOST_H
#define MILLRACE_HOST_TRAINING_SERVICE_HOST_H

#include "host/training/service/series_cache.h"
#include "mesh/operation/hosted.h"
#include "mesh/rpc/link.h"
#include "mesh/rpc/schema.h"
#include "mesh/rpc/service.h"
#include "mesh/runtime/pool.h"

typedef struct training_host_options {
  const char *directory;     // of the checkpoints; it is there
  int slots;                 // trainings at a time
  int threads;               // of one engine; 0: one a core
  int64_t memory_bytes;      // what the rows and the network of one training may take; 0: no limit
  int64_t gpu_memory_bytes;  // of one training; 0: what is free
  int64_t cache_bytes;       // of series that are kept for the next training; 0: none
} training_host_options;

typedef struct training_host {
  mesh_service service;  // millrace.v1.TrainingHost: add this one to a server
  mesh_hosted hosted;
  training_host_options options;
  mesh_loop *loop;
  mesh_pool *pool;   // of trainings, and of what takes milliseconds
  mesh_pool *aside;  // of what may take longer: models, predictions
  mesh_link *backend;
  const mesh_schema *schema;
  char device[128];    // for people: the GPU, or "cpu"
  const char *no_gpu;  // why there is none; "" if there is
  series_cache cache;
  struct training_run *runs;  // those that have a slot
  int running;
  mesh_scope pruning;  // of the fiber in prune.c
} training_host;

// The threads that its work is done on: a training never waits for a prediction.
typedef struct training_pools {
  mesh_pool *trainings;  // slots + 2 threads at least
  mesh_pool *aside;      // any number
} training_pools;

// Prepares the caller's storage; what is passed is borrowed. In a fiber.
void training_host_init(training_host *host, mesh_loop *loop, const training_pools *pools,
                        mesh_link *backend, const mesh_schema *schema,
                        const training_host_options *options);

// Frees what it owns. Nothing runs any more. In a fiber.
void training_host_fini(training_host *host);

#endif
