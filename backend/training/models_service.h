// The ModelsService: what users call about trained models. Checks requests, then relays to the
// ModelsManager; no I/O.
#ifndef MILLRACE_BACKEND_TRAINING_MODELS_SERVICE_H
#define MILLRACE_BACKEND_TRAINING_MODELS_SERVICE_H

#include "mesh/rpc/service.h"

typedef struct models_service {
  mesh_service service;  // add this one to a server
  mesh_link *manager;
} models_service;

// Prepares the caller's storage; `manager` is borrowed for as long as the service is served.
void models_service_init(models_service *self, mesh_link *manager);

#endif
