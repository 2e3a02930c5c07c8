// The backend as a program: the data and training services, their managers and adapters, and
// OperationsService, in one process. A test may add services of its own; the product adds none.
#ifndef MILLRACE_BACKEND_BACKEND_H
#define MILLRACE_BACKEND_BACKEND_H

#include "backend/data/adapter.h"
#include "backend/data/manager.h"
#include "backend/data/service.h"
#include "backend/hosts/service.h"
#include "backend/operations/journal.h"
#include "backend/operations/longrunning.h"
#include "backend/operations/service.h"
#include "backend/options.h"
#include "backend/training/adapter.h"
#include "backend/training/manager.h"
#include "backend/training/models_manager.h"
#include "backend/training/models_service.h"
#include "backend/training/service.h"
#include "mesh/program/program.h"

enum { BACKEND_HOSTS_MAX = 12, BACKEND_KINDS_MAX = 4 };

// Everything that lives as long as the program.
typedef struct backend {
  backend_options options;
  mesh_program *program;
  mesh_loop *loop;
  mesh_pool *pool;     // for what reads the store
  mesh_pool *waiting;  // for what waits for its writer, which another process may hold up for long
  mesh_scope retention;
  mesh_schema *schema;
  store *store;
  mesh_server *server;
  mesh_link *ib_host, *to_adapter, *to_manager;
  mesh_link *to_training_adapter, *to_training_manager, *to_models_manager;
  training_adapter_host training_hosts[TRAINING_HOSTS_MAX];
  int training_host_count;  // 0: no training
  store_journal journal;
  mesh_error taken;  // code OK until a newer process has taken the store over
  mesh_operations *operations;
  mesh_kind kinds[BACKEND_KINDS_MAX];  // of the operations that go on after a restart
  size_t kind_count;
  hosts_entry hosts[BACKEND_HOSTS_MAX];
  size_t host_count;
  data_adapter adapter;
  data_manager manager;
  data_service data;
  training_adapter training_adapter;
  training_manager training_manager;
  training_service training;
  models_manager models_manager;
  models_service models;
  char models_directory[4096];
  operations_service operations_api;
  longrunning_service longrunning;
  hosts_service hosts_api;
} backend;

// What a test adds. Both are called in the main fiber.
typedef struct backend_extension {
  mesh_view descriptors;  // of the product's services and the added ones
  // Adds services to own->server, kinds and hosts, before the server starts.
  mesh_code (*set_up)(void *self, backend *own, mesh_error *err);
  // Opens links to layers of this process, once the server has started.
  mesh_code (*join)(void *self, backend *own, mesh_error *err);
  void (*tear_down)(void *self);
  void *self;
} backend_extension;

// Runs the program; returns its exit code.
int backend_main(int argc, char **argv, const backend_extension *extension);

#endif
