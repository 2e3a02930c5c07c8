// The ModelsManager: trained models by name and version. Reads the store and its files, and deletes
// them; what has to be computed is asked of a training host.
#ifndef MILLRACE_BACKEND_TRAINING_MODELS_MANAGER_H
#define MILLRACE_BACKEND_TRAINING_MODELS_MANAGER_H

#include "backend/store/store.h"
#include "mesh/rpc/service.h"
#include "mesh/runtime/pool.h"

typedef struct models_manager {
  mesh_service service;  // add this one to a server
  mesh_loop *loop;
  store *store;
  mesh_pool *pool;
  const char *models;  // the directory of their files
  mesh_link *adapter;
} models_manager;

// Fills the service's table; the pointers are the caller's to set first, and borrowed.
void models_manager_init(models_manager *self);

#endif
