// The TrainingService: what users call. Checks requests, then relays to the TrainingManager.
#ifndef MILLRACE_BACKEND_TRAINING_SERVICE_H
#define MILLRACE_BACKEND_TRAINING_SERVICE_H

#include "mesh/rpc/service.h"

typedef struct training_service {
  mesh_service service;  // add this one to a server
  mesh_link *manager;
} training_service;

// Prepares the caller's storage; `manager` is borrowed.
void training_service_init(training_service *self, mesh_link *manager);

#endif
