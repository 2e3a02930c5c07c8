// counter_layers: CounterService -> CounterManager -> CounterAdapter -> CounterHost, the relayed
// path of a backend, for tests: the same functions of mesh/ as the product's managers use.
#ifndef MILLRACE_TESTS_FAKES_COUNTER_LAYERS_H
#define MILLRACE_TESTS_FAKES_COUNTER_LAYERS_H

#include "mesh/operation/operation.h"
#include "mesh/rpc/service.h"

typedef struct counter_layers {
  mesh_service service, manager, adapter;  // add these to a server
  mesh_operations *operations;
  mesh_link *to_manager, *to_adapter, *host;
} counter_layers;

// Prepares the caller's storage. The links are the caller's, and may be set later.
void counter_layers_init(counter_layers *layers, mesh_operations *operations);

// How counts that another process left go on.
mesh_kind counter_layers_kind(counter_layers *layers);

#endif
