// The TrainingAdapter: one kind of host, millrace-training-host: which of them has an operation,
// and which can be reached.
#ifndef MILLRACE_BACKEND_TRAINING_ADAPTER_H
#define MILLRACE_BACKEND_TRAINING_ADAPTER_H

#include "mesh/rpc/service.h"

enum { TRAINING_HOSTS_MAX = 8 };

typedef struct training_adapter_host {
  char name[24];  // "training-host", "training-host-2"
  mesh_link *link;
} training_adapter_host;

typedef struct training_adapter {
  mesh_service service;  // add this one to a server
  const training_adapter_host *hosts;
  int count;
} training_adapter;

// Prepares the caller's storage; `hosts` (1..TRAINING_HOSTS_MAX) are borrowed.
void training_adapter_init(training_adapter *self, const training_adapter_host *hosts, int count);

#endif
