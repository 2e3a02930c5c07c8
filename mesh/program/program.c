#include "mesh/program/program.h"

#include "mesh/program/heap.h"
#include "mesh/program/process.h"
#include "mesh/runtime/log.h"

typedef struct main_arg {
  mesh_program *program;
  int (*run)(mesh_program *program, void *arg);
  void *arg;
  int exit_code;
} main_arg;

static void main_fiber(void *arg) {
  main_arg *what = arg;
  what->exit_code = what->run(what->program, what->arg);
  mesh_loop_stop(what->program->loop);
}

void mesh_program_stop(mesh_program *program) {
  program->stopping = true;
  mesh_signal_notify(&program->changed);
}

static void on_stop(void *arg) {
  mesh_program_stop(arg);
}

int mesh_program_run(int (*run)(mesh_program *program, void *arg), void *arg) {
  mesh_heap_bound();
  mesh_program program = {.loop = mesh_loop_create()};
  main_arg what = {&program, run, arg, 0};
  mesh_scope_open_root(&program.scope, program.loop);
  mesh_stop_signal *stop = mesh_stop_signal_create(program.loop, on_stop, &program);
  mesh_heap heap;
  mesh_heap_start(&heap, program.loop, MESH_HEAP_EVERY_MS);
  mesh_fiber_start(&program.scope, main_fiber, &what);
  mesh_loop_run(program.loop);
  mesh_heap_stop(&heap);
  mesh_stop_signal_destroy(stop);
  mesh_scope_close(&program.scope);
  mesh_loop_destroy(program.loop);
  return what.exit_code;
}

void mesh_program_await_stop(mesh_program *program) {
  mesh_error err;
  while (!program->stopping) {
    if (mesh_signal_wait(&program->changed, &program->scope, MESH_NEVER, &err) != GRPC_STATUS_OK) {
      return;
    }
  }
}

mesh_code mesh_program_listen(mesh_server *server, const char *layer, const char *const *addresses,
                              int count, mesh_error *err) {
  for (int i = 0; i < count; i++) {
    int port = 0;
    mesh_code code = mesh_server_listen(server, addresses[i], &port, err);
    if (code != GRPC_STATUS_OK) return code;
    if (port > 0) {
      mesh_log(MESH_LOG_INFO, layer, "listens on %s (port %d)", addresses[i], port);
      mesh_log(MESH_LOG_WARN, layer, "every user of this machine can use %s: a port asks nobody",
               addresses[i]);
    } else {
      mesh_log(MESH_LOG_INFO, layer, "listens on %s", addresses[i]);
    }
  }
  return GRPC_STATUS_OK;
}
