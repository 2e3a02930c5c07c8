// counter-host --listen ADDRESS [--steps LOG], and what every program takes: a host program whose
// work is a counter. Ends with its parent, and by SIGTERM: then what it counts is checkpointed, so
// that the next one goes on.
#include <stdio.h>
#include <stdlib.h>

#include "mesh/program/options.h"
#include "mesh/program/process.h"
#include "mesh/program/program.h"
#include "mesh/runtime/log.h"
#include "protos/descriptors.h"
#include "tests/fakes/counter.h"

enum { LEAVE_MS = 10000 };

typedef struct counter_program {
  mesh_program_options options;
  const char *address, *steps_path;
  mesh_schema *schema;
  mesh_server *server;
  counter_host host;
} counter_program;

static mesh_code set_up(counter_program *own, mesh_loop *loop, mesh_error *err) {
  mesh_view descriptors = {millrace_descriptors, millrace_descriptors_size};
  mesh_code code = mesh_schema_create(descriptors, &own->schema, err);
  if (code != GRPC_STATUS_OK) return code;
  counter_host_init(&own->host, loop);
  own->host.log_path = own->steps_path;
  own->server = mesh_server_create(loop, own->schema);
  mesh_server_limit(own->server, &own->options.limits);
  mesh_server_add(own->server, &own->host.service);
  return mesh_program_listen(own->server, "counter-host", &own->address, 1, err);
}

static int run(mesh_program *program, void *arg) {
  counter_program *own = arg;
  mesh_error err;
  mesh_code code = set_up(own, program->loop, &err);
  if (code != GRPC_STATUS_OK) {
    mesh_log(MESH_LOG_ERROR, "counter-host", "%s", err.message);
    return 2;
  }
  mesh_server_start(own->server);
  mesh_program_await_stop(program);
  int64_t deadline_ns = mesh_now_ns() + LEAVE_MS * INT64_C(1000000);
  mesh_server_drain(own->server);
  if (!mesh_hosted_drain(&own->host.hosted, deadline_ns)) _Exit(1);
  mesh_server_stop(own->server, deadline_ns);
  mesh_server_destroy(own->server);
  counter_host_fini(&own->host);
  mesh_schema_destroy(own->schema);
  return 0;
}

static mesh_code parse(counter_program *own, int argc, char **argv, mesh_error *err) {
  const mesh_flag flags[] = {{"listen", .text = &own->address},
                             {"steps", .text = &own->steps_path}};
  mesh_code code = mesh_program_options_parse(argc, argv, flags, sizeof flags / sizeof *flags,
                                              &own->options, err);
  if (code != GRPC_STATUS_OK || own->address != NULL) return code;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--listen is needed");
}

int main(int argc, char **argv) {
  static counter_program own;
  mesh_error err;
  if (parse(&own, argc, argv, &err) != GRPC_STATUS_OK) {
    fprintf(stderr, "counter-host: %s\n", err.message);
    return MESH_EXIT_REFUSED;
  }
  own.options.exit_with_parent = true;
  mesh_program_prepare("counter-host", &own.options);
  return mesh_program_run(run, &own);
}
