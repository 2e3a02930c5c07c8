// The DataManager: orchestrates loads (gaps, segments, order, retries, partial success) and reads
// from the store.
#ifndef MILLRACE_BACKEND_DATA_MANAGER_H
#define MILLRACE_BACKEND_DATA_MANAGER_H

#include "backend/data/choice.h"
#include "backend/operations/journal.h"
#include "mesh/operation/operation.h"
#include "mesh/rpc/retry.h"
#include "mesh/rpc/service.h"
#include "mesh/runtime/fiber.h"

typedef struct data_manager_options {
  series_defaults defaults;  // of what bars are made of, and their hours
  int64_t patience_ms;       // how long a source may be away, where a request does not say
  int parallel;              // segments of a load that are fetched at a time
  mesh_backoff backoff;      // of one segment
} data_manager_options;

typedef struct data_manager {
  mesh_service service;  // add this one to a server
  mesh_loop *loop;
  store *store;
  store_journal *journal;
  mesh_pool *pool;
  mesh_operations *operations;
  mesh_link *adapter;
  data_manager_options options;
  struct load *refreshing;  // loads that ask for stored bars again (load_refresh.c)
  mesh_signal refresh_ended;
} data_manager;

// Fills the service's table; the other members are the caller's to set first, and borrowed.
void data_manager_init(data_manager *self);

// How loads, and loads of many series, that another process left go on: for
// mesh_operations_adopt().
mesh_kind data_manager_kind(data_manager *self);
mesh_kind data_manager_kind_of_many(data_manager *self);

// Parallel 4; 10 attempts a segment, waits of 100 ms growing to 3 s.
data_manager_options data_manager_defaults(void);

#endif
