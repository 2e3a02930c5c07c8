// millrace-training-host: TrainingHost, on a CUDA GPU or the CPU.
#include <stdio.h>
#include <stdlib.h>

#include "host/training/engine/engine.h"
#include "host/training/service/options.h"
#include "host/training/service/prune.h"
#include "mesh/program/file.h"
#include "mesh/program/host_control.h"
#include "mesh/program/private.h"
#include "mesh/program/process.h"
#include "mesh/program/program.h"
#include "mesh/program/standard.h"
#include "protos/descriptors.h"

// Threads beside those that train: for strategy files and bars; for models and predictions.
enum { MORE_THREADS = 2, ASIDE_THREADS = 2 };

// Everything that lives as long as the program.
typedef struct program {
  training_options options;
  char directory[4096];
  mesh_program *program;
  training_pools pools;
  mesh_schema *schema;
  mesh_server *server;
  mesh_link *backend;
  training_host host;
  mesh_host_control control;
} program;

static mesh_code set_up(program *own, mesh_error *err) {
  const training_options *options = &own->options;
  mesh_view descriptors = {millrace_descriptors, millrace_descriptors_size};
  mesh_loop *loop = own->program->loop;
  mesh_code code = mesh_schema_create(descriptors, &own->schema, err);
  snprintf(own->directory, sizeof own->directory, "%s/checkpoints", options->home);
  if (code == GRPC_STATUS_OK) code = mesh_private_home(options->home, err);
  if (code == GRPC_STATUS_OK) code = mesh_private_directory(own->directory, err);
  if (code == GRPC_STATUS_OK) {
    code = mesh_link_open(loop, "backend", options->backend, &own->backend, err);
  }
  if (code != GRPC_STATUS_OK) return code;
  training_host_options host = {.directory = own->directory,
                                .slots = (int)options->slots,
                                .threads = (int)options->threads,
                                .memory_bytes = options->memory_mib << 20,
                                .gpu_memory_bytes = options->gpu_memory_mib << 20,
                                .cache_bytes = options->cache_mib << 20};
  training_host_init(&own->host, loop, &own->pools, own->backend, own->schema, &host);
  own->server = mesh_server_create(loop, own->schema);
  mesh_server_limit(own->server, &own->options.program.limits);
  mesh_host_control_init(&own->control, "training-host", own->program, own->server);
  mesh_server_add(own->server, &own->host.service);
  mesh_server_add(own->server, &own->control.service);
  return mesh_program_listen(own->server, "training-host", options->listen, options->listen_count,
                             err);
}

// What runs becomes a checkpoint, which the next process goes on from.
static void leave(program *own) {
  int64_t deadline_ns = mesh_time_after_ms(mesh_now_ns(), own->options.drain_limit_ms);
  mesh_server_drain(own->server);
  if (!mesh_hosted_drain(&own->host.hosted, deadline_ns)) {
    mesh_log(MESH_LOG_WARN, "training-host", "what runs did not stop within %lld ms",
             (long long)own->options.drain_limit_ms);
    _Exit(1);
  }
  mesh_server_stop(own->server, deadline_ns);
}

static int run(mesh_program *frame, void *arg) {
  program *own = arg;
  mesh_error err;
  own->program = frame;
  mesh_code code = set_up(own, &err);
  if (code == GRPC_STATUS_OK) {
    mesh_server_start(own->server);
    training_prune_start(&own->host);
    mesh_program_await_stop(frame);
    training_prune_stop(&own->host);
    leave(own);
    training_host_fini(&own->host);
  } else {
    mesh_log(MESH_LOG_ERROR, "training-host", "%s", err.message);
  }
  mesh_server_destroy(own->server);
  mesh_link_close(own->backend);
  mesh_schema_destroy(own->schema);
  return mesh_process_exit_code(code);
}

int main(int argc, char **argv) {
  static program own;  // zeroed, and off the stack
  mesh_error err;
  mesh_standard_hold();
  if (training_options_parse(argc, argv, &own.options, &err) != GRPC_STATUS_OK) {
    fprintf(stderr, "millrace-training-host: %s (--help lists the flags)\n", err.message);
    return MESH_EXIT_REFUSED;
  }
  if (own.options.program.help) {
    training_options_help();
    return 0;
  }
  mesh_program_prepare("millrace-training-host", &own.options.program);
  train_cpu_prepare();
  mesh_sha256_prepare();
  own.pools.trainings = mesh_pool_create((int)own.options.slots + MORE_THREADS);
  own.pools.aside = mesh_pool_create(ASIDE_THREADS);
  int exit_code = mesh_program_run(run, &own);
  mesh_pool_destroy(own.pools.aside);
  mesh_pool_destroy(own.pools.trainings);
  return exit_code;
}
