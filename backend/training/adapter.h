// The TrainingAdapter: one kind of host, millrace-training-host, and its address.
#ifndef MILLRACE_BACKEND_TRAINING_ADAPTER_H
#define MILLRACE_BACKEND_TRAINING_ADAPTER_H

#include "mesh/server.h"

typedef struct training_adapter {
  mesh_service service;  // add this one to a server
  mesh_link *host;
} training_adapter;

// Prepares the caller's storage; `host` is borrowed.
void training_adapter_init(training_adapter *self, mesh_link *host);

#endif
