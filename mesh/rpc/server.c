#include "mesh/rpc/server.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/connection.h"
#include "mesh/rpc/health.h"
#include "mesh/rpc/link_internal.h"
#include "mesh/rpc/reflection.h"
#include "mesh/runtime/loop_internal.h"
#include "mesh/runtime/text.h"

enum { SERVICES_MAX = 32, FULL_RETRY_MS = 1000, PATH_SHOWN_MAX = 200 };

struct mesh_server {
  const mesh_schema *schema;
  mesh_loop *loop;
  mesh_limits limits;
  mesh_connections connections;
  mesh_scope scope;  // of all calls
  mesh_health *health;
  mesh_reflection *reflection;
  const mesh_service *services[SERVICES_MAX];
  size_t service_count;
  bool running, stopping;
  mesh_drain drain;
  int working;          // calls that run and are work
  mesh_signal changed;  // `working`, or the server leaves
};

static void on_call(void *arg, mesh_connection *connection, mesh_served_call *served);

mesh_server *mesh_server_create(mesh_loop *loop, const mesh_schema *schema) {
  mesh_server *server = calloc(1, sizeof *server);
  if (server == NULL) abort();
  server->schema = schema;
  server->loop = loop;
  server->limits = mesh_limits_default();
  server->connections = (mesh_connections){.loop = loop,
                                           .scope = &server->scope,
                                           .drain = &server->drain,
                                           .limits = &server->limits,
                                           .on_call = on_call,
                                           .arg = server};
  mesh_loop_count_sent(loop, SIZE_MAX);  // peers choose how often their pings are answered
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

void mesh_server_limit(mesh_server *server, const mesh_limits *limits) {
  assert(!server->running && server->connections.doorman == NULL);
  server->limits = *limits;
}

mesh_code mesh_server_listen(mesh_server *server, const char *address, int *port, mesh_error *err) {
  assert(!server->running);
  return mesh_connections_listen(&server->connections, address, port, err);
}

mesh_code mesh_server_connect_fd(mesh_server *server, int fd, mesh_error *err) {
  if (!mesh_server_is_running(server)) {
    return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "the server of this process is not running");
  }
  mesh_connections_add_local(&server->connections, fd);
  return GRPC_STATUS_OK;
}

bool mesh_server_is_running(const mesh_server *server) {
  return server->running && !server->stopping;
}

void mesh_server_set_serving(mesh_server *server, const char *service, bool serving) {
  mesh_health_set(server->health, service, serving);
}

// ---- one call ----

// "/package.Service/Method", as it came.
static mesh_view path_of(const mesh_served_call *served) {
  return (mesh_view){GRPC_SLICE_START_PTR(served->details.method),
                     GRPC_SLICE_LENGTH(served->details.method)};
}

static bool equals(mesh_view view, const char *text) {
  return strlen(text) == view.size_bytes && memcmp(text, view.data, view.size_bytes) == 0;
}

static bool begins_with(mesh_view view, const char *text) {
  size_t size = strlen(text);
  return size <= view.size_bytes && memcmp(text, view.data, size) == 0;
}

// Finds the method of a path; NULL if there is none.
static const mesh_method *find_method(const mesh_server *server, mesh_view path, void **self) {
  const uint8_t *slash = memrchr(path.data, '/', path.size_bytes);
  if (slash == NULL || slash == path.data || path.data[0] != '/') return NULL;
  mesh_view name = {path.data + 1, (size_t)(slash - path.data) - 1};
  mesh_view method = {slash + 1, (size_t)(path.data + path.size_bytes - slash) - 1};
  for (size_t i = 0; i < server->service_count; i++) {
    const mesh_service *service = server->services[i];
    if (!equals(name, service->name)) continue;
    for (size_t j = 0; j < service->method_count; j++) {
      *self = service->self;
      if (equals(method, service->methods[j].name)) return &service->methods[j];
    }
  }
  return NULL;
}

// What is served to the last, and is no work.
static bool is_control(mesh_view path) {
  return begins_with(path, "/grpc.") || begins_with(path, "/millrace.v1.HostControl/");
}

static mesh_code check_request(const mesh_call *call, mesh_view message, mesh_error *err) {
  const mesh_served_call *served = MESH_CONTAINER_OF(call, const mesh_served_call, call);
  return mesh_wire_check_text(served->request_type, message, served->documents, err);
}

// Whatever the method does with its requests, their text is looked at first. A method that the
// schema does not know takes and gives bytes.
static void know_types(const mesh_server *server, mesh_served_call *served,
                       const mesh_method *method) {
  mesh_method_info info;
  char path[PATH_SHOWN_MAX + 1];
  mesh_view sent = path_of(served);
  if (sent.size_bytes >= sizeof path) return;
  snprintf(path, sizeof path, "%.*s", (int)sent.size_bytes, (const char *)sent.data);
  if (mesh_schema_method(server->schema, path, &info, NULL) != GRPC_STATUS_OK) return;
  bool found = mesh_schema_wire_type(server->schema, info.input_type, &served->request_type) &&
               mesh_schema_wire_type(server->schema, info.output_type, &served->reply_type);
  assert(found);
  (void)found;
  served->documents = method->documents;
  served->call.check = check_request;
}

static mesh_code find_served(mesh_server *server, mesh_served_call *served,
                             const mesh_method **method, void **self, mesh_error *err) {
  mesh_view path = path_of(served);
  int size = path.size_bytes < PATH_SHOWN_MAX ? (int)path.size_bytes : PATH_SHOWN_MAX;
  *method = find_method(server, path, self);
  if (*method == NULL) {
    return mesh_fail(err, GRPC_STATUS_UNIMPLEMENTED, "no method %.*s on this server", size,
                     (const char *)path.data);
  }
  know_types(server, served, *method);
  if (is_control(path)) return GRPC_STATUS_OK;
  if (server->drain.begun && !(*method)->while_draining) {
    char who[PATH_SHOWN_MAX + 1];
    snprintf(who, sizeof who, "%.*s", size, (const char *)path.data);
    return mesh_fail_draining(err, who);
  }
  served->works = true;
  server->working++;
  mesh_signal_notify(&server->changed);
  return GRPC_STATUS_OK;
}

static mesh_code run_method(mesh_server *server, mesh_served_call *served, mesh_error *err) {
  mesh_call *call = &served->call;
  void *self = NULL;
  const mesh_method *method;
  mesh_frame request = {0};
  mesh_code code = find_served(server, served, &method, &self, err);
  if (code == GRPC_STATUS_OK && !method->streams_requests)
    code = mesh_call_receive_only(call, &request, err);
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
  mesh_connection *connection;
  mesh_served_call *served;
} serve_arg;

// Whom the fiber works for: who is at the other end or, within this process, whom the layer above
// works for.
static void name_caller(mesh_loop *loop, const mesh_served_call *served) {
  char caller[MESH_CALLER_MAX] = "";
  if (served->peer != NULL) {
    mesh_text_copy(caller, sizeof caller, served->peer);
  } else {
    mesh_call_metadata(&served->call, MESH_CALLER_METADATA, caller, sizeof caller);
  }
  mesh_fiber_set_caller(loop, caller);
}

static void serve_call(void *arg) {
  serve_arg own = *(serve_arg *)arg;
  free(arg);
  name_caller(own.server->loop, own.served);
  mesh_error err;
  mesh_fail(&err, GRPC_STATUS_UNKNOWN, "the method gave no reason");
  mesh_code code = run_method(own.server, own.served, &err);
  bool works = own.served->works, is_vital = own.served->is_vital;
  mesh_served_call_end(own.served, code, &err);
  mesh_connection_call_ended(own.connection, is_vital);
  if (!works) return;
  own.server->working--;
  mesh_signal_notify(&own.server->changed);
}

// Starts the call's fiber.
static mesh_code begin_call(mesh_server *server, mesh_connection *connection,
                            mesh_served_call *served, mesh_error *err) {
  serve_arg *arg = malloc(sizeof *arg);
  if (arg == NULL) abort();
  *arg = (serve_arg){server, connection, served};
  if (mesh_fiber_try_start(&server->scope, serve_call, arg)) {
    mesh_served_call_begin(served);
    return GRPC_STATUS_OK;
  }
  free(arg);
  mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED, "this process has no stack left for a call");
  mesh_error_set_reason(err, "TOO_MANY_CALLS", "mesh.millrace");
  mesh_error_set_retry(err, FULL_RETRY_MS);
  return GRPC_STATUS_RESOURCE_EXHAUSTED;
}

static void on_call(void *arg, mesh_connection *connection, mesh_served_call *served) {
  mesh_server *server = arg;
  mesh_error err;
  mesh_code code = mesh_connection_admit(connection, served, is_control(path_of(served)), &err);
  if (code == GRPC_STATUS_OK) code = begin_call(server, connection, served, &err);
  if (code != GRPC_STATUS_OK) mesh_connection_refuse(connection, served, &err);
}

// ---- the life of the server ----

void mesh_server_start(mesh_server *server) {
  server->running = true;
  mesh_connections_open(&server->connections);
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
  mesh_connections_close(&server->connections, deadline_ns);
  mesh_scope_cancel(&server->scope, GRPC_STATUS_UNAVAILABLE, "the server stops");
  mesh_scope_join(&server->scope);
  mesh_scope_close(&server->scope);
  server->running = false;
}

void mesh_server_destroy(mesh_server *server) {
  if (server == NULL) return;
  assert(!server->running);
  mesh_connections_fini(&server->connections);
  mesh_health_destroy(server->health);
  mesh_reflection_destroy(server->reflection);
  free(server);
}
