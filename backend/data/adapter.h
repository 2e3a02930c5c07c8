// The DataAdapter: one kind of host, IB, behind one link. Its methods are relays; connections are
// the link's business.
#ifndef MILLRACE_BACKEND_DATA_ADAPTER_H
#define MILLRACE_BACKEND_DATA_ADAPTER_H

#include "mesh/rpc/service.h"

typedef struct data_adapter {
  mesh_service service;  // add this one to a server
  mesh_link *ib_host;
} data_adapter;

// Prepares the caller's storage; `ib_host` is borrowed.
void data_adapter_init(data_adapter *self, mesh_link *ib_host);

#endif
