#include "mesh/program/host_control.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mesh/rpc/message.h"
#include "millrace/v1/hosts.pb-c.h"

enum { DEFAULT_LIMIT_MS = 10000 };

static mesh_code send_host(const mesh_host_control *self, mesh_call *call, int running,
                           mesh_error *err) {
  Google__Protobuf__Timestamp started = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  Millrace__V1__Host host = MILLRACE__V1__HOST__INIT;
  started.seconds = mesh_time_seconds(self->started_ns);
  started.nanos = mesh_time_nanos(self->started_ns);
  host.name = (char *)self->name;
  host.state =
      self->draining ? MILLRACE__V1__HOST__STATE__DRAINING : MILLRACE__V1__HOST__STATE__SERVING;
  host.running = running;
  host.started = &started;
  host.pid = getpid();
  return mesh_message_send(call, &host.base, err);
}

static mesh_code get(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request;
  return send_host(self, call, mesh_server_running(((mesh_host_control *)self)->server), err);
}

// Tells each change until nothing runs, which is told too, or the limit is over. What changes while
// the last change is sent is not waited for.
static mesh_code await_empty(const mesh_host_control *self, mesh_call *call, int64_t limit_ms,
                             mesh_error *err) {
  int64_t deadline_ns = mesh_time_after_ms(mesh_now_ns(), limit_ms);
  int told = mesh_server_running(self->server);
  mesh_code code = send_host(self, call, told, err);
  while (code == GRPC_STATUS_OK && told > 0) {
    if (mesh_server_running(self->server) == told) {
      code = mesh_signal_wait(mesh_server_changed(self->server), mesh_call_scope(call), deadline_ns,
                              err);
      if (code != GRPC_STATUS_OK) break;
    }
    told = mesh_server_running(self->server);
    code = send_host(self, call, told, err);
  }
  bool over =
      code == GRPC_STATUS_DEADLINE_EXCEEDED && mesh_call_scope(call)->code == GRPC_STATUS_OK;
  return over ? GRPC_STATUS_OK : code;
}

static mesh_code drain(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  mesh_host_control *self = arg;
  Millrace__V1__DrainRequest *request =
      mesh_message_take(&millrace__v1__drain_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  int64_t limit_ms = request->limit_ms > 0 ? request->limit_ms : DEFAULT_LIMIT_MS;
  millrace__v1__drain_request__free_unpacked(request, NULL);
  self->draining = true;
  mesh_server_drain(self->server);
  mesh_code code = await_empty(self, call, limit_ms, err);
  mesh_program_stop(self->program);  // whoever asked may be gone
  return code;
}

void mesh_host_control_init(mesh_host_control *control, const char *name, mesh_program *program,
                            mesh_server *server) {
  static const mesh_method methods[] = {{.name = "Get", .run = get},
                                        {.name = "Drain", .run = drain}};
  *control = (mesh_host_control){
      .service = {"millrace.v1.HostControl", methods, sizeof methods / sizeof *methods, control},
      .name = name,
      .program = program,
      .server = server,
      .started_ns = mesh_wall_ns()};
}
