#include "mesh/rpc/server.h"

#include <assert.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "mesh/rpc/call_server.h"
#include "mesh/rpc/channel_args.h"
#include "mesh/rpc/health.h"
#include "mesh/rpc/link_internal.h"
#include "mesh/rpc/listen.h"
#include "mesh/rpc/reflection.h"
#include "mesh/runtime/loop_internal.h"

enum { SERVICES_MAX = 32, WAITING_CALLS = 8 };

// A place for the next call, handed to gRPC; while the server runs, WAITING_CALLS of them wait.
typedef struct arrival {
  mesh_op op;
  mesh_server *server;
  mesh_served_call *served;  // owned; filled by gRPC
} arrival;

struct mesh_server {
  const mesh_schema *schema;
  mesh_loop *loop;
  grpc_server *server;
  mesh_scope scope;  // of all calls
  mesh_health *health;
  mesh_reflection *reflection;
  const mesh_service *services[SERVICES_MAX];
  size_t service_count;
  arrival arrivals[WAITING_CALLS];
  int arrivals_waiting;
  bool bound, running, stopping;
  mesh_drain drain;
  int working;          // calls that run and are work
  mesh_signal changed;  // `working`, or the server leaves
  mesh_await shutdown;
};

static void on_arrival(mesh_op *op, bool ok);

mesh_server *mesh_server_create(mesh_loop *loop, const mesh_schema *schema) {
  mesh_server *server = calloc(1, sizeof *server);
  if (server == NULL) abort();
  server->schema = schema;
  server->loop = loop;
  server->server = grpc_server_create(mesh_server_channel_args(), NULL);
  grpc_server_register_completion_queue(server->server, mesh_loop_queue(loop), NULL);
  mesh_scope_open_root(&server->scope, loop);
  server->health = mesh_health_create(loop);
  server->reflection = mesh_reflection_create(schema);
  mesh_health_set(server->health, "", true);
  mesh_server_add(server, mesh_health_service(server->health));
  mesh_server_add(server, mesh_reflection_service(server->reflection, 0));
  mesh_server_add(server, mesh_reflection_service(server->reflection, 1));
  return server;
}

void mesh_server_add(mesh_server *server, const mesh_service *service) {
  assert(!server->running && server->service_count < SERVICES_MAX);
  server->services[server->service_count++] = service;
  mesh_health_set(server->health, service->name, true);
  mesh_reflection_list(server->reflection, service->name);
}

// A unix socket is this user's alone: nobody else may connect, not even in the moment between the
// bind and the chmod.
static int bind_port(mesh_server *server, const char *address) {
  bool is_unix = strncmp(address, "unix:", 5) == 0;
  mode_t mask = umask(0077);
  grpc_server_credentials *plain = grpc_insecure_server_credentials_create();
  int bound = grpc_server_add_http2_port(server->server, address, plain);
  grpc_server_credentials_release(plain);
  umask(mask);
  if (bound != 0 && is_unix && chmod(address + 5, 0600) != 0) return 0;
  return bound;
}

mesh_code mesh_server_listen(mesh_server *server, const char *address, int *port, mesh_error *err) {
  assert(!server->running);
  mesh_code code = mesh_listen_check(address, err);
  if (code != GRPC_STATUS_OK) return code;
  int bound = bind_port(server, address);
  if (bound == 0) {
    return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "cannot listen on %s", address);
  }
  server->bound = true;
  if (port != NULL) *port = strncmp(address, "unix:", 5) == 0 ? 0 : bound;
  return GRPC_STATUS_OK;
}

mesh_code mesh_server_connect_fd(mesh_server *server, int fd, mesh_error *err) {
  if (!mesh_server_is_running(server)) {
    return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "the server of this process is not running");
  }
  grpc_server_credentials *plain = grpc_insecure_server_credentials_create();
  grpc_server_add_channel_from_fd(server->server, fd, plain);
  grpc_server_credentials_release(plain);
  return GRPC_STATUS_OK;
}

bool mesh_server_is_running(const mesh_server *server) {
  return server->running && !server->stopping;
}

void mesh_server_set_serving(mesh_server *server, const char *service, bool serving) {
  mesh_health_set(server->health, service, serving);
}

// ---- one call ----

// Finds the method of "/package.Service/Method"; NULL if there is none.
static const mesh_method *find_method(const mesh_server *server, const char *path, void **self) {
  const char *slash = strrchr(path, '/');
  if (slash == NULL || slash == path) return NULL;
  size_t name_size = (size_t)(slash - path) - 1;
  for (size_t i = 0; i < server->service_count; i++) {
    const mesh_service *service = server->services[i];
    if (strlen(service->name) != name_size || memcmp(service->name, path + 1, name_size) != 0) {
      continue;
    }
    for (size_t j = 0; j < service->method_count; j++) {
      *self = service->self;
      if (strcmp(service->methods[j].name, slash + 1) == 0) return &service->methods[j];
    }
  }
  return NULL;
}

// What is served to the last, and is no work.
static bool is_control(const char *path) {
  return strncmp(path, "/grpc.", 6) == 0 || strncmp(path, "/millrace.v1.HostControl/", 25) == 0;
}

static mesh_code check_request(const mesh_call *call, mesh_view message, mesh_error *err) {
  const mesh_served_call *served = MESH_CONTAINER_OF(call, const mesh_served_call, call);
  return mesh_wire_check_text(served->request_type, message, served->documents, err);
}

// Whatever the method does with its requests, their text is looked at first. A method that the
// schema does not know takes bytes.
static void check_requests(const mesh_server *server, mesh_served_call *served,
                           const mesh_method *method, const char *path) {
  mesh_method_info info;
  if (mesh_schema_method(server->schema, path, &info, NULL) != GRPC_STATUS_OK) return;
  bool found = mesh_schema_wire_type(server->schema, info.input_type, &served->request_type);
  assert(found);
  (void)found;
  served->documents = method->documents;
  served->call.check = check_request;
}

static mesh_code find_served(mesh_server *server, mesh_served_call *served,
                             const mesh_method **method, void **self, mesh_error *err) {
  char *path = grpc_slice_to_c_string(served->details.method);
  mesh_code code = GRPC_STATUS_OK;
  *method = find_method(server, path, self);
  if (*method == NULL) {
    code = mesh_fail(err, GRPC_STATUS_UNIMPLEMENTED, "no method %s on this server", path);
  } else if (server->drain.begun && !is_control(path) && !(*method)->while_draining) {
    code = mesh_fail_draining(err, path);
  } else if (!is_control(path)) {
    served->works = true;
    server->working++;
    mesh_signal_notify(&server->changed);
  }
  if (code == GRPC_STATUS_OK) check_requests(server, served, *method, path);
  gpr_free(path);
  return code;
}

static mesh_code run_method(mesh_server *server, mesh_served_call *served, mesh_error *err) {
  mesh_call *call = &served->call;
  void *self = NULL;
  const mesh_method *method;
  mesh_frame request = {0};
  mesh_code code = find_served(server, served, &method, &self, err);
  if (code == GRPC_STATUS_OK && !method->streams_requests) {
    code = mesh_call_receive(call, &request, err);
    if (code == GRPC_STATUS_OK && request.end) {
      code = mesh_fail(err, GRPC_STATUS_CANCELLED, "the call ended without a request message");
    }
  }
  return code == GRPC_STATUS_OK ? method->run(call, request, self, err) : code;
}

void mesh_server_drain(mesh_server *server) {
  if (server->drain.begun || !server->running) return;
  mesh_drain_begin(&server->drain);
  mesh_health_stop(server->health);
  mesh_signal_notify(&server->changed);
}

int mesh_server_running(const mesh_server *server) {
  return server->working;
}

mesh_signal *mesh_server_changed(mesh_server *server) {
  return &server->changed;
}

// ---- the life of a call ----

typedef struct serve_arg {
  mesh_server *server;
  mesh_served_call *served;
} serve_arg;

static void serve_call(void *arg) {
  mesh_server *server = ((serve_arg *)arg)->server;
  mesh_served_call *served = ((serve_arg *)arg)->served;
  free(arg);
  mesh_error err;
  mesh_fail(&err, GRPC_STATUS_UNKNOWN, "the method gave no reason");
  mesh_code code = run_method(server, served, &err);
  bool works = served->works;
  mesh_served_call_end(served, code, &err);
  if (!works) return;
  server->working--;
  mesh_signal_notify(&server->changed);
}

static void accept_call(mesh_server *server, mesh_served_call *served) {
  mesh_served_call_begin(served);
  serve_arg *arg = malloc(sizeof *arg);
  if (arg == NULL) abort();
  *arg = (serve_arg){server, served};
  mesh_fiber_start(&server->scope, serve_call, arg);
}

// ---- arrivals ----

static void ask_for_call(mesh_server *server, arrival *slot) {
  mesh_served_call *served = mesh_served_call_create(&server->scope, &server->drain);
  slot->served = served;
  mesh_op_start(server->loop, &slot->op);
  grpc_call_error refused = grpc_server_request_call(
      server->server, &served->call.call, &served->details, &served->metadata,
      mesh_loop_queue(server->loop), mesh_loop_queue(server->loop), &slot->op);
  assert(refused == GRPC_CALL_OK);
  (void)refused;
}

static void on_arrival(mesh_op *op, bool ok) {
  arrival *slot = MESH_CONTAINER_OF(op, arrival, op);
  mesh_server *server = slot->server;
  mesh_served_call *served = slot->served;
  slot->served = NULL;
  if (!ok) {  // the server stops
    mesh_served_call_drop(served);
    server->arrivals_waiting--;
    return;
  }
  accept_call(server, served);
  ask_for_call(server, slot);
}

void mesh_server_start(mesh_server *server) {
  grpc_server_start(server->server);
  server->running = true;
  for (int i = 0; i < WAITING_CALLS; i++) {
    arrival *slot = &server->arrivals[i];
    slot->server = server;
    slot->op.on_done = on_arrival;
    slot->op.name = "server arrival";
    server->arrivals_waiting++;
    ask_for_call(server, slot);
  }
}

// ---- the end ----

static void on_shutdown(mesh_op *op, bool ok) {
  mesh_await *await = MESH_CONTAINER_OF(op, mesh_await, op);
  await->ok = ok;
  if (await->fiber != NULL) mesh_fiber_unpark(await->fiber);
}

static void begin_shutdown(mesh_server *server) {
  server->shutdown = (mesh_await){.op = {.on_done = on_shutdown, .name = "server shutdown"},
                                  .fiber = mesh_fiber_current(server->loop)};
  mesh_op_start(server->loop, &server->shutdown.op);
  grpc_server_shutdown_and_notify(server->server, mesh_loop_queue(server->loop),
                                  &server->shutdown.op);
}

static void await_shutdown(mesh_server *server) {
  while (server->shutdown.op.pending)
    mesh_fiber_park(server->loop);
}

static void on_stop_due(mesh_timer *timer);

typedef struct stop_timer {
  mesh_timer timer;
  mesh_server *server;
} stop_timer;

static void on_stop_due(mesh_timer *timer) {
  mesh_server *server = MESH_CONTAINER_OF(timer, stop_timer, timer)->server;
  mesh_scope_cancel(&server->scope, GRPC_STATUS_UNAVAILABLE, "the server stops");
  grpc_server_cancel_all_calls(server->server);
}

// A caller that keeps a call open and sends nothing holds nobody up.
static void end_silent_calls(mesh_server *server) {
  for (mesh_scope *each = server->scope.first_child; each != NULL; each = each->next_sibling) {
    mesh_call *call = MESH_CONTAINER_OF(each, mesh_call, scope);
    if (!call->receive.op.pending) continue;
    mesh_scope_cancel(each, GRPC_STATUS_UNAVAILABLE, "the server stops");
  }
}

// As long as gRPC takes calls, those that come are refused in our words (DRAINING). Once it stops
// they are CANCELLED, in its own, until their caller has heard of it. (To close the connections at
// once instead was tried: a caller that writes just then loses what it has not read yet.)
static void await_running(mesh_server *server, int64_t deadline_ns) {
  mesh_scope waiting;
  mesh_error err;
  mesh_scope_open_root(&waiting, server->loop);
  while (server->working > 0 &&
         mesh_signal_wait(&server->changed, &waiting, deadline_ns, &err) == GRPC_STATUS_OK) {
  }
  mesh_scope_close(&waiting);
}

void mesh_server_stop(mesh_server *server, int64_t deadline_ns) {
  if (!server->running || server->stopping) return;
  mesh_server_drain(server);
  end_silent_calls(server);
  await_running(server, deadline_ns);
  server->stopping = true;
  end_silent_calls(server);
  begin_shutdown(server);
  stop_timer limit = {.server = server};
  mesh_timer_init(&limit.timer, on_stop_due);
  mesh_timer_start(server->loop, &limit.timer, deadline_ns);
  await_shutdown(server);
  mesh_timer_stop(&limit.timer);
  mesh_scope_cancel(&server->scope, GRPC_STATUS_UNAVAILABLE, "the server stops");
  mesh_scope_join(&server->scope);
  while (server->arrivals_waiting > 0)
    mesh_yield(server->loop);
  mesh_scope_close(&server->scope);
  server->running = false;
}

void mesh_server_destroy(mesh_server *server) {
  if (server == NULL) return;
  assert(!server->running);
  if (server->bound && !server->stopping) {  // gRPC insists
    begin_shutdown(server);
    await_shutdown(server);
  }
  grpc_server_destroy(server->server);
  mesh_health_destroy(server->health);
  mesh_reflection_destroy(server->reflection);
  free(server);
}
