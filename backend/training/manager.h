// The TrainingManager: delegates a training to a host, relays its events, and keeps the model.
#ifndef MILLRACE_BACKEND_TRAINING_MANAGER_H
#define MILLRACE_BACKEND_TRAINING_MANAGER_H

#include "backend/store/store.h"
#include "mesh/fiber.h"
#include "mesh/operation.h"
#include "mesh/pool.h"
#include "mesh/server.h"

// A training that waits, on its fiber's stack.
typedef struct training_waiting {
  struct training_waiting *next;
} training_waiting;

typedef struct training_manager {
  mesh_service service;  // add this one to a server
  mesh_loop *loop;
  store *store;
  mesh_pool *pool;
  mesh_operations *operations;
  const mesh_journal *journal;
  const char *models;  // the directory of their files; it is there
  mesh_link *adapter;
  // Trainings on the host, and those that wait for one of its slots, in the order in which they
  // came.
  int running;
  training_waiting *waiting;
  mesh_signal changed;
} training_manager;

// Fills the service's table; the pointers are the caller's to set first, and borrowed.
void training_manager_init(training_manager *self);

// How trainings that another process left go on: for mesh_operations_adopt().
mesh_kind training_manager_kind(training_manager *self);

#endif
