// The DataService: what users call. Checks requests, then relays to the DataManager; no I/O, no
// retries.
#ifndef MILLRACE_BACKEND_DATA_SERVICE_H
#define MILLRACE_BACKEND_DATA_SERVICE_H

#include "mesh/rpc/service.h"

typedef struct data_service {
  mesh_service service;  // add this one to a server
  mesh_link *manager;
} data_service;

// Prepares the caller's storage; `manager` is borrowed.
void data_service_init(data_service *self, mesh_link *manager);

#endif
