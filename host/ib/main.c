// millrace-ib-host: IbHost, over one IB Gateway.
#include <stdio.h>

#include "host/ib/options.h"
#include "host/ib/service.h"
#include "mesh/fiber.h"
#include "mesh/process.h"
#include "protos/descriptors.h"

enum { STOP_LIMIT_MS = 2000, EXIT_USAGE = 2 };

// Everything that lives as long as the program.
typedef struct ib_host {
  ib_options options;
  mesh_loop *loop;
  mesh_scope scope, session_scope;
  mesh_schema *schema;
  mesh_server *server;
  ib_session *session;
  ib_service service;
  mesh_signal stop;
  bool stopping;
  int exit_code;
} ib_host;

static mesh_code set_up(ib_host *own, mesh_error *err) {
  mesh_view descriptors = {millrace_descriptors, millrace_descriptors_size};
  mesh_code code = mesh_schema_create(descriptors, &own->schema, err);
  if (code != GRPC_STATUS_OK) return code;
  own->session = ib_session_create(&own->session_scope, &own->options.session);
  ib_service_init(&own->service, own->session);
  own->server = mesh_server_create(own->loop, own->schema);
  mesh_server_add(own->server, &own->service.service);
  for (int i = 0; i < own->options.listen_count && code == GRPC_STATUS_OK; i++) {
    int port = 0;
    code = mesh_server_listen(own->server, own->options.listen[i], &port, err);
    if (code == GRPC_STATUS_OK) {
      mesh_log(MESH_LOG_INFO, "ib-host", "listens on %s (port %d)", own->options.listen[i], port);
    }
  }
  return code;
}

static mesh_code serve(ib_host *own, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  mesh_server_start(own->server);
  while (!own->stopping && code == GRPC_STATUS_OK) {
    code = mesh_signal_wait(&own->stop, &own->scope, MESH_NEVER, err);
  }
  mesh_server_stop(own->server, mesh_now_ns() + STOP_LIMIT_MS * INT64_C(1000000));
  return code;
}

static void main_fiber(void *arg) {
  ib_host *own = arg;
  mesh_error err;
  mesh_scope_open(&own->session_scope, &own->scope);
  mesh_code code = set_up(own, &err);
  if (code == GRPC_STATUS_OK) code = serve(own, &err);
  if (code != GRPC_STATUS_OK) {
    mesh_log(MESH_LOG_ERROR, "ib-host", "%s", err.message);
    own->exit_code = EXIT_USAGE;
  }
  mesh_scope_cancel(&own->session_scope, GRPC_STATUS_CANCELLED, "the host stops");
  mesh_scope_close(&own->session_scope);
  mesh_server_destroy(own->server);
  ib_session_destroy(own->session);
  mesh_schema_destroy(own->schema);
  mesh_loop_stop(own->loop);
}

static void on_stop(void *arg) {
  ib_host *own = arg;
  own->stopping = true;
  mesh_signal_notify(&own->stop);
}

int main(int argc, char **argv) {
  static ib_host own;  // zeroed, and off the stack
  mesh_error err;
  if (ib_options_parse(argc, argv, &own.options, &err) != GRPC_STATUS_OK) {
    fprintf(stderr, "millrace-ib-host: %s (--help lists the flags)\n", err.message);
    return EXIT_USAGE;
  }
  if (own.options.help) {
    ib_options_help();
    return 0;
  }
  mesh_log_init("millrace-ib-host", own.options.log_level, own.options.log_json);
  mesh_process_block_signals();
  if (own.options.exit_with_parent) mesh_process_exit_with_parent();

  own.loop = mesh_loop_create();
  mesh_scope_open_root(&own.scope, own.loop);
  mesh_stop_signal *stop = mesh_stop_signal_create(own.loop, on_stop, &own);
  mesh_fiber_start(&own.scope, main_fiber, &own);
  mesh_loop_run(own.loop);
  mesh_stop_signal_destroy(stop);
  mesh_scope_close(&own.scope);
  mesh_loop_destroy(own.loop);
  return own.exit_code;
}
