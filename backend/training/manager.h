// The TrainingManager: delegates a training to a host, relays its events, and keeps the model.
#ifndef MILLRACE_BACKEND_TRAINING_MANAGER_H
#define MILLRACE_BACKEND_TRAINING_MANAGER_H

#include "backend/store/store.h"
#include "mesh/operation/operation.h"
#include "mesh/rpc/service.h"
#include "mesh/runtime/fiber.h"
#include "mesh/runtime/pool.h"

enum { TRAINING_HOST_NAME_MAX = 64 };  // bytes, with the NUL

// A training's place: in the queue first, then with a host. See queue.h.
typedef struct training_place {
  struct training_place *next;
  char host[TRAINING_HOST_NAME_MAX];  // "": it could not be asked for
} training_place;

typedef struct training_manager {
  mesh_service service;  // add this one to a server
  mesh_loop *loop;
  store *store;
  mesh_pool *pool;
  mesh_operations *operations;
  const mesh_journal *journal;
  const char *models;  // the directory of their files; it is there
  mesh_link *adapter;
  int64_t grace_ms;  // a host trains on for so long without us; away for longer, it is given up
  training_place *waiting;  // for a slot, in the order in which they came
  training_place *placed;   // with a host
  mesh_signal changed;
} training_manager;

// Fills the service's table; the pointers are the caller's to set first, and borrowed.
void training_manager_init(training_manager *self);

// How trainings that another process left go on: for mesh_operations_adopt().
mesh_kind training_manager_kind(training_manager *self);

#endif
