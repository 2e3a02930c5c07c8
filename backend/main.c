// millrace-backend: DataService, DataManager, DataAdapter and OperationsService in one process.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/data/adapter.h"
#include "backend/data/manager.h"
#include "backend/data/service.h"
#include "backend/operations/journal.h"
#include "backend/operations/service.h"
#include "backend/options.h"
#include "mesh/log.h"
#include "mesh/process.h"
#include "mesh/program.h"
#include "protos/descriptors.h"

enum { POOL_THREADS = 3, STOP_LIMIT_MS = 3000, EXIT_USAGE = 2 };

// Everything that lives as long as the program.
typedef struct backend {
  backend_options options;
  mesh_program *program;
  mesh_loop *loop;
  mesh_pool *pool;
  mesh_schema *schema;
  store *store;
  mesh_server *server;
  mesh_link *ib_host, *to_adapter, *to_manager;
  store_journal journal;
  mesh_operations *operations;
  data_adapter adapter;
  data_manager manager;
  data_service data;
  operations_service operations_api;
} backend;

static mesh_code open_store(backend *own, mesh_error *err) {
  char path[4096];
  snprintf(path, sizeof path, "%s/millrace.db", own->options.home);
  store_options options = {.synchronous_full = own->options.synchronous_full};
  return store_open(path, &options, &own->store, err);
}

// Opens the link to the next layer: where it is configured to be, or in this process.
static mesh_code open_layer(backend *own, const char *name, const char *address, mesh_link **link,
                            mesh_error *err) {
  if (address != NULL) return mesh_link_open(own->loop, name, address, link, err);
  return mesh_link_open_local(own->loop, name, own->server, link, err);
}

// The layers from the outside in: data-service -> data-manager -> data-adapter -> ib-host. Each
// arrow is a link.
static mesh_code join_layers(backend *own, mesh_error *err) {
  const backend_options *options = &own->options;
  mesh_code code = open_layer(own, "data-manager", options->data_manager, &own->to_manager, err);
  if (code == GRPC_STATUS_OK) {
    code = open_layer(own, "data-adapter", options->data_adapter, &own->to_adapter, err);
  }
  data_service_init(&own->data, own->to_manager);
  own->manager.adapter = own->to_adapter;
  return code;
}

static mesh_code set_up(backend *own, mesh_error *err) {
  mesh_view descriptors = {millrace_descriptors, millrace_descriptors_size};
  mesh_code code = mesh_schema_create(descriptors, &own->schema, err);
  if (code == GRPC_STATUS_OK) code = open_store(own, err);
  if (code == GRPC_STATUS_OK) {
    code = mesh_link_open(own->loop, "ib-host", own->options.ib_host, &own->ib_host, err);
  }
  if (code != GRPC_STATUS_OK) return code;

  store_journal_init(&own->journal, own->store, own->pool, own->loop);
  own->operations = mesh_operations_create(own->loop, "data-manager", &own->journal.table);
  own->server = mesh_server_create(own->loop, own->schema);
  own->manager = (data_manager){.loop = own->loop,
                                .store = own->store,
                                .pool = own->pool,
                                .operations = own->operations,
                                .options = data_manager_defaults()};
  own->manager.options.parallel = own->options.parallel;
  data_manager_init(&own->manager);
  data_adapter_init(&own->adapter, own->ib_host);
  operations_service_init(&own->operations_api, own->operations, &own->journal.table);
  data_service_init(&own->data, NULL);
  mesh_server_add(own->server, &own->data.service);
  mesh_server_add(own->server, &own->manager.service);
  mesh_server_add(own->server, &own->adapter.service);
  mesh_server_add(own->server, &own->operations_api.service);
  return mesh_program_listen(own->server, "backend", own->options.listen, own->options.listen_count,
                             err);
}

static mesh_code serve(backend *own, mesh_error *err) {
  int orphans = 0;
  mesh_code code = mesh_operations_bury(
      own->operations, "the backend ended while the operation ran; start it again to go on",
      &orphans, err);
  if (code != GRPC_STATUS_OK) return code;
  if (orphans > 0)
    mesh_log(MESH_LOG_WARN, "backend", "%d operations had lost their backend", orphans);
  mesh_server_start(own->server);
  code = join_layers(own, err);
  if (code == GRPC_STATUS_OK) mesh_program_await_stop(own->program);
  mesh_operations_stop(own->operations);
  mesh_server_stop(own->server, mesh_now_ns() + STOP_LIMIT_MS * INT64_C(1000000));
  return code;
}

static void tear_down(backend *own) {
  mesh_link_close(own->to_manager);
  mesh_link_close(own->to_adapter);
  mesh_link_close(own->ib_host);
  mesh_server_destroy(own->server);
  mesh_operations_destroy(own->operations);
  store_close(own->store);
  mesh_schema_destroy(own->schema);
}

static int exit_code_of(mesh_code code) {
  switch (code) {
    case GRPC_STATUS_OK:
      return 0;
    case GRPC_STATUS_INVALID_ARGUMENT:
    case GRPC_STATUS_FAILED_PRECONDITION:
    case GRPC_STATUS_ALREADY_EXISTS:
    case GRPC_STATUS_DATA_LOSS:
    case GRPC_STATUS_NOT_FOUND:
    case GRPC_STATUS_PERMISSION_DENIED:
      return EXIT_USAGE;  // starting it again would not help
    default:
      return 1;
  }
}

static int run(mesh_program *program, void *arg) {
  backend *own = arg;
  mesh_error err;
  own->program = program;
  own->loop = program->loop;
  mesh_code code = set_up(own, &err);
  if (code == GRPC_STATUS_OK) code = serve(own, &err);
  if (code != GRPC_STATUS_OK) mesh_log(MESH_LOG_ERROR, "backend", "%s", err.message);
  tear_down(own);
  return exit_code_of(code);
}

int main(int argc, char **argv) {
  static backend own;  // zeroed, and off the stack
  mesh_error err;
  if (backend_options_parse(argc, argv, &own.options, &err) != GRPC_STATUS_OK) {
    fprintf(stderr, "millrace-backend: %s (--help lists the flags)\n", err.message);
    return EXIT_USAGE;
  }
  if (own.options.help) {
    backend_options_help();
    return 0;
  }
  mesh_log_init("millrace-backend", own.options.log_level, own.options.log_json);
  mesh_process_block_signals();
  if (own.options.exit_with_parent) mesh_process_exit_with_parent();
  own.pool = mesh_pool_create(POOL_THREADS);
  int exit_code = mesh_program_run(run, &own);
  mesh_pool_destroy(own.pool);
  return exit_code;
}
