#include "backend/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "market/series_key.h"
#include "mesh/program/file.h"
#include "mesh/program/private.h"
#include "mesh/program/process.h"
#include "mesh/program/standard.h"
#include "mesh/runtime/log.h"

enum { POOL_THREADS = 3, WAITING_THREADS = 2, EXIT_STUCK = 1, PRUNE_MS = 3600 * 1000 };

#define DAY_S INT64_C(86400)

typedef struct program_arg {
  backend *own;
  const backend_extension *extension;
} program_arg;

// ---- set-up ----

typedef struct open_job {
  backend *own;
  mesh_error *err;
  mesh_code code;
} open_job;

// Whose the series are of a store that does not say: `millrace up` has kept in the home's file
// "sources" whether they came from papergate or from a gateway. Static.
static const char *read_old_source(const char *home) {
  enum { FILE_MAX = 256 };
  char path[4096];
  mesh_bytes file = {0};
  snprintf(path, sizeof path, "%s/sources", home);
  if (mesh_file_read_private(path, FILE_MAX, &file, NULL) != GRPC_STATUS_OK) {
    return SERIES_SOURCE_UNKNOWN;
  }
  char text[FILE_MAX + 1] = "";
  memcpy(text, file.data, file.size_bytes < FILE_MAX ? file.size_bytes : FILE_MAX);
  free(file.data);
  if (strcmp(text, "papergate\n") == 0) return SERIES_SOURCE_PAPERGATE;
  return strcmp(text, "gateway\n") == 0 ? SERIES_SOURCE_IB : SERIES_SOURCE_UNKNOWN;
}

static void do_open(void *arg) {
  open_job *job = arg;
  const backend_options *options = &job->own->options;
  char path[4096];
  job->code = mesh_private_home(options->home, job->err);
  if (job->code != GRPC_STATUS_OK) {
    mesh_error_prefix(job->err, "home");
    return;
  }
  snprintf(path, sizeof path, "%s/millrace.db", options->home);
  store_options how = {.synchronous_full = options->synchronous_full,
                       .old_source = read_old_source(options->home),
                       .busy_limit_ms = mesh_s_ms(options->busy_limit_s),
                       .log_max_bytes = options->store_log_mib << 20};
  job->code = store_open(path, &how, &job->own->store, job->err);
}

// Off the loop: it waits for seconds where another process has the store locked.
static mesh_code open_store(backend *own, mesh_error *err) {
  open_job job = {.own = own, .err = err};
  mesh_pool_run(own->waiting, own->loop, do_open, &job);
  return job.code;
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

// training-service -> training-manager -> training-adapter -> training-host, and models-service ->
// models-manager -> training-adapter.
static mesh_code join_training(backend *own, mesh_error *err) {
  const backend_options *options = &own->options;
  if (own->training_host_count == 0) return GRPC_STATUS_OK;
  mesh_code code = open_layer(own, "training-manager", options->training_manager,
                              &own->to_training_manager, err);
  if (code == GRPC_STATUS_OK) {
    code = open_layer(own, "training-adapter", options->training_adapter, &own->to_training_adapter,
                      err);
  }
  if (code == GRPC_STATUS_OK) {
    code = open_layer(own, "models-manager", options->models_manager, &own->to_models_manager, err);
  }
  training_service_init(&own->training, own->to_training_manager);
  models_service_init(&own->models, own->to_models_manager);
  own->training_manager.adapter = own->to_training_adapter;
  own->models_manager.adapter = own->to_training_adapter;
  return code;
}

static void create_services(backend *own) {
  own->manager = (data_manager){.loop = own->loop,
                                .store = own->store,
                                .journal = &own->journal,
                                .pool = own->pool,
                                .operations = own->operations,
                                .options = data_manager_defaults()};
  own->manager.options.parallel = own->options.parallel;
  own->manager.options.defaults = (series_defaults){own->options.prices, own->options.session};
  data_manager_init(&own->manager);
  data_adapter_init(&own->adapter, own->ib_host);
  operations_service_init(&own->operations_api, own->operations, &own->journal.table);
  longrunning_service_init(&own->longrunning, own->operations, &own->journal.table);
  data_service_init(&own->data, NULL);
  own->kinds[own->kind_count++] = data_manager_kind(&own->manager);
  own->kinds[own->kind_count++] = data_manager_kind_of_many(&own->manager);
  own->hosts[own->host_count++] = (hosts_entry){"ib-host", own->ib_host};
}

// "training-host", "training-host-2", ...
static mesh_code open_training_hosts(backend *own, mesh_error *err) {
  for (int i = 0; i < own->options.training_host_count; i++) {
    training_adapter_host *host = &own->training_hosts[i];
    snprintf(host->name, sizeof host->name, i == 0 ? "training-host" : "training-host-%d", i + 1);
    mesh_code code =
        mesh_link_open(own->loop, host->name, own->options.training_hosts[i], &host->link, err);
    if (code != GRPC_STATUS_OK) return code;
    mesh_link_bound(host->link, own->options.program.limits.passed);
    own->training_host_count++;
    own->hosts[own->host_count++] = (hosts_entry){host->name, host->link};
  }
  return GRPC_STATUS_OK;
}

static mesh_code create_training(backend *own, mesh_error *err) {
  const backend_options *options = &own->options;
  if (options->training_host_count == 0) return GRPC_STATUS_OK;
  snprintf(own->models_directory, sizeof own->models_directory, "%s/models", options->home);
  mesh_code code = mesh_private_directory(own->models_directory, err);
  if (code == GRPC_STATUS_OK) code = open_training_hosts(own, err);
  if (code != GRPC_STATUS_OK) return code;
  own->training_manager = (training_manager){.loop = own->loop,
                                             .store = own->store,
                                             .pool = own->waiting,
                                             .operations = own->operations,
                                             .journal = &own->journal.table,
                                             .grace_ms = mesh_s_ms(options->training_grace_s),
                                             .models = own->models_directory};
  training_manager_init(&own->training_manager);
  own->models_manager = (models_manager){.loop = own->loop,
                                         .store = own->store,
                                         .pool = own->waiting,
                                         .models = own->models_directory};
  models_manager_init(&own->models_manager);
  models_service_init(&own->models, NULL);
  training_adapter_init(&own->training_adapter, own->training_hosts, own->training_host_count);
  training_service_init(&own->training, NULL);
  own->kinds[own->kind_count++] = training_manager_kind(&own->training_manager);
  return GRPC_STATUS_OK;
}

static void add_services(backend *own) {
  hosts_service_init(&own->hosts_api, own->hosts, own->host_count);
  mesh_server_add(own->server, &own->data.service);
  mesh_server_add(own->server, &own->manager.service);
  mesh_server_add(own->server, &own->adapter.service);
  mesh_server_add(own->server, &own->operations_api.service);
  mesh_server_add(own->server, &own->longrunning.service);
  mesh_server_add(own->server, &own->hosts_api.service);
  if (own->training_host_count == 0) return;
  mesh_server_add(own->server, &own->training.service);
  mesh_server_add(own->server, &own->training_manager.service);
  mesh_server_add(own->server, &own->training_adapter.service);
  mesh_server_add(own->server, &own->models_manager.service);
  mesh_server_add(own->server, &own->models.service);
}

// Another backend owns the store now: this one can only leave, and must not be started again.
static void on_store_taken(void *arg, const mesh_error *why) {
  backend *own = arg;
  if (own->taken.code != GRPC_STATUS_OK) return;
  own->taken = *why;
  mesh_program_stop(own->program);
}

static mesh_code set_up(const program_arg *what, mesh_error *err) {
  backend *own = what->own;
  const backend_extension *extension = what->extension;
  mesh_code code = mesh_schema_create(extension->descriptors, &own->schema, err);
  if (code == GRPC_STATUS_OK) code = open_store(own, err);
  if (code == GRPC_STATUS_OK) {
    code = mesh_link_open(own->loop, "ib-host", own->options.ib_host, &own->ib_host, err);
  }
  if (code != GRPC_STATUS_OK) return code;
  mesh_link_bound(own->ib_host, own->options.program.limits.passed);

  store_journal_init(&own->journal, own->store, own->pool, own->loop);
  own->journal.on_taken = on_store_taken;
  own->journal.on_taken_arg = own;
  mesh_operations_options bounds = {.running_most = own->options.operations,
                                    .starts_per_s = own->options.starts_per_s};
  own->operations = mesh_operations_create(own->loop, "data-manager", &own->journal.table, &bounds);
  own->server = mesh_server_create(own->loop, own->schema);
  mesh_server_limit(own->server, &own->options.program.limits);
  create_services(own);
  code = create_training(own, err);
  if (code != GRPC_STATUS_OK) return code;
  if (extension->set_up != NULL) code = extension->set_up(extension->self, own, err);
  if (code != GRPC_STATUS_OK) return code;
  add_services(own);
  return mesh_program_listen(own->server, "backend", own->options.listen, own->options.listen_count,
                             err);
}

// ---- retention ----

typedef struct prune_job {
  backend *own;
  mesh_error err;
  int64_t removed;
  bool more;
  mesh_code code;
} prune_job;

static void do_prune(void *arg) {
  prune_job *job = arg;
  const backend_options *options = &job->own->options;
  job->code =
      store_prune_operations(job->own->store, options->keep_days * DAY_S, options->keep_operations,
                             &job->removed, &job->more, &job->err);
}

// Forgets what is old, a few operations at a time: between them the backend may be told to leave.
static void prune_once(backend *own) {
  int64_t removed = 0;
  prune_job job = {.own = own, .more = true};
  while (job.more && own->retention.code == GRPC_STATUS_OK) {
    mesh_pool_run(own->waiting, own->loop, do_prune, &job);
    if (job.code != GRPC_STATUS_OK) {
      mesh_log(MESH_LOG_WARN, "backend", "old operations stay: %s", job.err.message);
      break;
    }
    removed += job.removed;
  }
  mesh_log(removed > 0 ? MESH_LOG_INFO : MESH_LOG_DEBUG, "backend",
           "%lld old operations are forgotten", (long long)removed);
}

// Now and once an hour.
static void prune_operations(void *arg) {
  backend *own = arg;
  mesh_error err;
  do {
    prune_once(own);
  } while (mesh_sleep_until(&own->retention, mesh_time_after_ms(mesh_now_ns(), PRUNE_MS), &err) ==
           GRPC_STATUS_OK);
}

// ---- run ----

// Stops as a process that another one follows: what runs is interrupted, and goes on there. Nobody
// who comes from now on is told anything but that.
static void leave(backend *own) {
  mesh_server_drain(own->server);
  store_leave(own->store);
  int64_t deadline_ns = mesh_time_after_ms(mesh_now_ns(), own->options.drain_limit_ms);
  if (!mesh_operations_drain(own->operations, deadline_ns)) {
    mesh_log(MESH_LOG_WARN, "backend",
             "%d operations did not stop within %lld ms: left to the next",
             mesh_operations_count(own->operations), (long long)own->options.drain_limit_ms);
    _Exit(EXIT_STUCK);
  }
  mesh_server_stop(own->server, deadline_ns);
}

// What a process before this one left is here before anybody can ask for it, and goes on once the
// layers are joined.
static mesh_code start_serving(const program_arg *what, mesh_error *err) {
  backend *own = what->own;
  const backend_extension *extension = what->extension;
  mesh_code code = mesh_operations_adopt(own->operations, own->kinds, own->kind_count,
                                         "the backend was started again", NULL, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_server_start(own->server);
  code = join_layers(own, err);
  if (code == GRPC_STATUS_OK) code = join_training(own, err);
  if (code == GRPC_STATUS_OK && extension->join != NULL) {
    code = extension->join(extension->self, own, err);
  }
  if (code == GRPC_STATUS_OK) mesh_operations_resume(own->operations);
  return code;
}

static mesh_code serve(const program_arg *what, mesh_error *err) {
  backend *own = what->own;
  mesh_code code = start_serving(what, err);
  if (code == GRPC_STATUS_OK) {
    mesh_scope_open(&own->retention, &own->program->scope);
    mesh_fiber_start(&own->retention, prune_operations, own);
    mesh_program_await_stop(own->program);
    mesh_scope_cancel(&own->retention, GRPC_STATUS_CANCELLED, "the backend leaves");
    mesh_scope_close(&own->retention);
  }
  leave(own);
  if (own->taken.code != GRPC_STATUS_OK) *err = own->taken;
  return code == GRPC_STATUS_OK ? own->taken.code : code;
}

static void tear_down(const program_arg *what) {
  backend *own = what->own;
  if (what->extension->tear_down != NULL) what->extension->tear_down(what->extension->self);
  mesh_link_close(own->to_models_manager);
  mesh_link_close(own->to_training_manager);
  mesh_link_close(own->to_training_adapter);
  for (int i = 0; i < own->training_host_count; i++)
    mesh_link_close(own->training_hosts[i].link);
  mesh_link_close(own->to_manager);
  mesh_link_close(own->to_adapter);
  mesh_link_close(own->ib_host);
  mesh_server_destroy(own->server);
  mesh_operations_destroy(own->operations);
  store_close(own->store);
  mesh_schema_destroy(own->schema);
}

static int run(mesh_program *program, void *arg) {
  const program_arg *what = arg;
  mesh_error err;
  what->own->program = program;
  what->own->loop = program->loop;
  mesh_code code = set_up(what, &err);
  if (code == GRPC_STATUS_OK) code = serve(what, &err);
  if (code != GRPC_STATUS_OK) mesh_log(MESH_LOG_ERROR, "backend", "%s", err.message);
  tear_down(what);
  return mesh_process_exit_code(code);
}

int backend_main(int argc, char **argv, const backend_extension *extension) {
  static backend own;  // zeroed, and off the stack
  mesh_error err;
  mesh_standard_hold();
  if (backend_options_parse(argc, argv, &own.options, &err) != GRPC_STATUS_OK) {
    fprintf(stderr, "millrace-backend: %s (--help lists the flags)\n", err.message);
    return MESH_EXIT_REFUSED;
  }
  if (own.options.program.help) {
    backend_options_help();
    return 0;
  }
  mesh_program_prepare("millrace-backend", &own.options.program);
  own.pool = mesh_pool_create(POOL_THREADS);
  own.waiting = mesh_pool_create(WAITING_THREADS);
  program_arg what = {&own, extension};
  int exit_code = mesh_program_run(run, &what);
  mesh_pool_destroy(own.pool);
  mesh_pool_destroy(own.waiting);
  return exit_code;
}
