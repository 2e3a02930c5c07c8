// millrace-ib-host: IbHost, over one IB Gateway.
#include <stdio.h>

#include "host/ib/options.h"
#include "host/ib/service.h"
#include "mesh/program/host_control.h"
#include "mesh/program/process.h"
#include "mesh/program/program.h"
#include "mesh/program/standard.h"
#include "mesh/runtime/time.h"
#include "protos/descriptors.h"

// Everything that lives as long as the program.
typedef struct ib_host {
  ib_options options;
  mesh_program *program;
  mesh_scope session_scope;
  mesh_schema *schema;
  mesh_server *server;
  ib_session *session;
  ib_service service;
  mesh_host_control control;
} ib_host;

static mesh_code set_up(ib_host *own, mesh_error *err) {
  mesh_view descriptors = {millrace_descriptors, millrace_descriptors_size};
  mesh_code code = mesh_schema_create(descriptors, &own->schema, err);
  if (code != GRPC_STATUS_OK) return code;
  own->session = ib_session_create(&own->session_scope, &own->options.session);
  ib_service_init(&own->service, own->session);
  own->server = mesh_server_create(own->program->loop, own->schema);
  mesh_server_limit(own->server, &own->options.program.limits);
  mesh_host_control_init(&own->control, "ib-host", own->program, own->server);
  mesh_server_add(own->server, &own->service.service);
  mesh_server_add(own->server, &own->control.service);
  return mesh_program_listen(own->server, "ib-host", own->options.listen, own->options.listen_count,
                             err);
}

static int run(mesh_program *program, void *arg) {
  ib_host *own = arg;
  mesh_error err;
  own->program = program;
  mesh_scope_open(&own->session_scope, &program->scope);
  mesh_code code = set_up(own, &err);
  if (code == GRPC_STATUS_OK) {
    mesh_server_start(own->server);
    mesh_program_await_stop(program);
    mesh_server_stop(own->server, mesh_time_after_ms(mesh_now_ns(), own->options.drain_limit_ms));
  } else {
    mesh_log(MESH_LOG_ERROR, "ib-host", "%s", err.message);
  }
  mesh_scope_cancel(&own->session_scope, GRPC_STATUS_CANCELLED, "the host stops");
  mesh_scope_close(&own->session_scope);
  mesh_server_destroy(own->server);
  ib_session_destroy(own->session);
  mesh_schema_destroy(own->schema);
  return mesh_process_exit_code(code);
}

int main(int argc, char **argv) {
  static ib_host own;  // zeroed, and off the stack
  mesh_error err;
  mesh_standard_hold();
  if (ib_options_parse(argc, argv, &own.options, &err) != GRPC_STATUS_OK) {
    fprintf(stderr, "millrace-ib-host: %s (--help lists the flags)\n", err.message);
    return MESH_EXIT_REFUSED;
  }
  if (own.options.program.help) {
    ib_options_help();
    return 0;
  }
  mesh_program_prepare("millrace-ib-host", &own.options.program);
  return mesh_program_run(run, &own);
}
