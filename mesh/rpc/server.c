#include "mesh/rpc/server.h"

#include <assert.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/call_internal.h"
#include "mesh/rpc/channel_args.h"
#include "mesh/rpc/health.h"
#include "mesh/rpc/link_internal.h"
#include "mesh/rpc/listen.h"
#include "mesh/rpc/reflection.h"
#include "mesh/rpc/status_details.h"
#include "mesh/runtime/loop_internal.h"

enum { SERVICES_MAX = 32, WAITING_CALLS = 8, DRAINING_RETRY_MS = 100 };

// By how much a call ends before its caller's deadline: a sixteenth, within these.
enum { MARGIN_LEAST_NS = 2000000, MARGIN_MOST_NS = 20000000 };

// A place for the next call, handed to gRPC; while the server runs, WAITING_CALLS of them wait.
typedef struct arrival {
  mesh_op op;
  mesh_server *server;
  mesh_call *call;  // owned; filled by gRPC
} arrival;

struct mesh_server {
  mesh_loop *loop;
  grpc_server *server;
  mesh_scope scope;  // of all calls
  mesh_health *health;
  mesh_reflection *reflection;
  const mesh_service *services[SERVICES_MAX];
  size_t service_count;
  arrival arrivals[WAITING_CALLS];
  int arrivals_waiting;
  bool running, draining, stopping;
  int working;               // calls that run and are work
  mesh_signal changed;       // `working`, or the server leaves
  mesh_call *drained_first;  // the calls that hear of a drain
  mesh_await shutdown;
};

static void on_arrival(mesh_op *op, bool ok);

mesh_server *mesh_server_create(mesh_loop *loop, const mesh_schema *schema) {
  mesh_server *server = calloc(1, sizeof *server);
  if (server == NULL) abort();
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

mesh_code mesh_server_listen(mesh_server *server, const char *address, int *port, mesh_error *err) {
  assert(!server->running);
  mesh_code code = mesh_listen_check(address, err);
  if (code != GRPC_STATUS_OK) return code;
  grpc_server_credentials *plain = grpc_insecure_server_credentials_create();
  int bound = grpc_server_add_http2_port(server->server, address, plain);
  grpc_server_credentials_release(plain);
  if (bound == 0) {
    return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "cannot listen on %s", address);
  }
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

static mesh_code find_served(mesh_server *server, mesh_call *call, const mesh_method **method,
                             void **self, mesh_error *err) {
  char *path = grpc_slice_to_c_string(call->details.method);
  mesh_code code = GRPC_STATUS_OK;
  *method = find_method(server, path, self);
  if (*method == NULL) {
    code = mesh_fail(err, GRPC_STATUS_UNIMPLEMENTED, "no method %s on this server", path);
  } else if (server->draining && !is_control(path)) {
    code = mesh_fail_draining(err, path);
  } else if (!is_control(path)) {
    call->works = true;
    server->working++;
    mesh_signal_notify(&server->changed);
  }
  gpr_free(path);
  return code;
}

static mesh_code run_method(mesh_server *server, mesh_call *call, mesh_error *err) {
  void *self = NULL;
  const mesh_method *method;
  mesh_frame request = {0};
  mesh_code code = find_served(server, call, &method, &self, err);
  if (code == GRPC_STATUS_OK && !method->streams_requests) {
    code = mesh_call_receive(call, &request, err);
    if (code == GRPC_STATUS_OK && request.end) {
      code = mesh_fail(err, GRPC_STATUS_CANCELLED, "the call ended without a request message");
    }
  }
  return code == GRPC_STATUS_OK ? method->run(call, request, self, err) : code;
}

// "...; DataAdapter had it for 188 ms": each layer on the way up adds what it used.
static void account_deadline(const mesh_call *call, mesh_error *err) {
  mesh_view layer = mesh_call_layer(call);
  size_t size = strlen(err->message);
  long long used_ms = (mesh_now_ns() - call->accepted_ns) / 1000000;
  snprintf(err->message + size, sizeof err->message - size, "; %.*s had it for %lld ms",
           (int)layer.size_bytes, (const char *)layer.data, used_ms);
  err->details_size = 0;  // they repeat the message; what else they say is in the other fields
}

// Sends the status that ends the call, with the details of `err`.
static void send_status(mesh_call *call, mesh_code code, mesh_error *err) {
  grpc_op ops[2] = {0};
  size_t count = 0;
  if (!call->headers_sent) ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
  call->headers_sent = true;

  grpc_op *op = &ops[count++];
  op->op = GRPC_OP_SEND_STATUS_FROM_SERVER;
  op->data.send_status_from_server.status = code;
  grpc_slice text = grpc_empty_slice();
  grpc_metadata details = {.key = grpc_slice_from_static_string(MESH_DETAILS_METADATA),
                           .value = grpc_empty_slice()};
  if (code != GRPC_STATUS_OK) {
    err->code = code;
    mesh_error_encode_details(err);
    text = grpc_slice_from_copied_string(err->message);
    op->data.send_status_from_server.status_details = &text;
    if (err->details_size > 0) {
      details.value = grpc_slice_from_copied_buffer((const char *)err->details, err->details_size);
      op->data.send_status_from_server.trailing_metadata = &details;
      op->data.send_status_from_server.trailing_metadata_count = 1;
    }
  }
  mesh_call_start(call, &call->send, ops, count);
  mesh_call_await(call, &call->send);
  grpc_slice_unref(text);
  grpc_slice_unref(details.value);
}

// The peer closed the call, or it ended: what still runs for it is told.
static void on_closed(mesh_op *op, bool ok) {
  (void)ok;
  mesh_await *await = MESH_CONTAINER_OF(op, mesh_await, op);
  mesh_call *call = await->call;
  if (call->cancelled) {
    mesh_scope_cancel(&call->scope, GRPC_STATUS_CANCELLED, "the caller went away");
  }
  if (await->fiber != NULL) mesh_fiber_unpark(await->fiber);
}

// ---- drain ----

mesh_code mesh_fail_draining(mesh_error *err, const char *who) {
  mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "%s: this process is leaving", who);
  mesh_error_set_reason(err, "DRAINING", "mesh.millrace");
  mesh_error_set_retry(err, DRAINING_RETRY_MS);
  return GRPC_STATUS_UNAVAILABLE;
}

static void cancel_drained(mesh_call *call) {
  mesh_scope_cancel(&call->drain_scope, GRPC_STATUS_UNAVAILABLE, "this process is leaving");
}

mesh_scope *mesh_call_drain_scope(mesh_call *call) {
  mesh_server *server = call->server;
  if (call->drains) return &call->drain_scope;
  call->drains = true;
  mesh_scope_open(&call->drain_scope, &call->scope);
  call->next_draining = server->drained_first;
  if (call->next_draining != NULL) call->next_draining->previous_draining = call;
  server->drained_first = call;
  if (server->draining) cancel_drained(call);
  return &call->drain_scope;
}

static void end_drain_scope(mesh_call *call) {
  if (!call->drains) return;
  mesh_scope_close(&call->drain_scope);
  if (call->next_draining != NULL) call->next_draining->previous_draining = call->previous_draining;
  if (call->previous_draining != NULL) {
    call->previous_draining->next_draining = call->next_draining;
  } else {
    call->server->drained_first = call->next_draining;
  }
}

void mesh_server_drain(mesh_server *server) {
  if (server->draining || !server->running) return;
  server->draining = true;
  mesh_health_stop(server->health);
  for (mesh_call *call = server->drained_first; call != NULL; call = call->next_draining)
    cancel_drained(call);
  mesh_signal_notify(&server->changed);
}

int mesh_server_running(const mesh_server *server) {
  return server->working;
}

mesh_signal *mesh_server_changed(mesh_server *server) {
  return &server->changed;
}

// ---- the life of a call ----

typedef struct served_call {
  mesh_server *server;
  mesh_call *call;
} served_call;

static void serve_call(void *arg) {
  served_call served = *(served_call *)arg;
  free(arg);
  mesh_call *call = served.call;
  mesh_error err;
  mesh_fail(&err, GRPC_STATUS_UNKNOWN, "the method gave no reason");
  mesh_code code = run_method(served.server, call, &err);
  if (code == GRPC_STATUS_DEADLINE_EXCEEDED) account_deadline(call, &err);
  send_status(call, code, &err);
  mesh_call_await(call, &call->finish);
  mesh_scope_remove_hook(&call->hook);
  end_drain_scope(call);
  mesh_scope_close(&call->scope);
  if (call->works) {
    served.server->working--;
    mesh_signal_notify(&served.server->changed);
  }
  mesh_call_free(call);
}

static int64_t monotonic_ns(gpr_timespec deadline) {
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) return MESH_NEVER;
  deadline = gpr_convert_clock_type(deadline, GPR_CLOCK_MONOTONIC);
  return mesh_time_join(deadline.tv_sec, deadline.tv_nsec);
}

// A little before the caller's own: so that the answer, with what each layer used, is there in
// time.
static int64_t deadline_before(int64_t deadline_ns, int64_t now_ns) {
  if (deadline_ns == MESH_NEVER) return MESH_NEVER;
  int64_t left_ns = deadline_ns - now_ns, margin_ns = left_ns / 16;
  if (margin_ns < MARGIN_LEAST_NS) margin_ns = MARGIN_LEAST_NS;
  if (margin_ns > MARGIN_MOST_NS) margin_ns = MARGIN_MOST_NS;
  if (margin_ns > left_ns / 4) margin_ns = left_ns / 4;
  return deadline_ns - margin_ns;
}

static void accept_call(mesh_server *server, mesh_call *call) {
  call->server = server;
  call->accepted_ns = mesh_now_ns();
  int64_t deadline_ns = monotonic_ns(call->details.deadline);
  mesh_scope_set_deadline(&call->scope, deadline_before(deadline_ns, call->accepted_ns));
  call->finish.op.on_done = on_closed;
  grpc_op op = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
  op.data.recv_close_on_server.cancelled = &call->cancelled;
  mesh_call_start(call, &call->finish, &op, 1);
  mesh_scope_add_hook(&call->scope, &call->hook);

  served_call *served = malloc(sizeof *served);
  if (served == NULL) abort();
  *served = (served_call){server, call};
  mesh_fiber_start(&server->scope, serve_call, served);
}

// ---- arrivals ----

static void free_unused(mesh_call *call) {
  mesh_scope_close(&call->scope);
  grpc_metadata_array_destroy(&call->initial);
  grpc_metadata_array_destroy(&call->trailing);
  grpc_call_details_destroy(&call->details);
  free(call);
}

static void ask_for_call(mesh_server *server, arrival *slot) {
  slot->call = calloc(1, sizeof *slot->call);
  if (slot->call == NULL) abort();
  mesh_call_init(slot->call, &server->scope);
  mesh_op_start(server->loop, &slot->op);
  grpc_call_error refused = grpc_server_request_call(
      server->server, &slot->call->call, &slot->call->details, &slot->call->initial,
      mesh_loop_queue(server->loop), mesh_loop_queue(server->loop), &slot->op);
  assert(refused == GRPC_CALL_OK);
  (void)refused;
}

static void on_arrival(mesh_op *op, bool ok) {
  arrival *slot = MESH_CONTAINER_OF(op, arrival, op);
  mesh_server *server = slot->server;
  mesh_call *call = slot->call;
  slot->call = NULL;
  if (!ok) {  // the server stops
    free_unused(call);
    server->arrivals_waiting--;
    return;
  }
  accept_call(server, call);
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

void mesh_server_stop(mesh_server *server, int64_t deadline_ns) {
  if (!server->running || server->stopping) return;
  server->stopping = true;
  mesh_health_stop(server->health);
  server->shutdown = (mesh_await){.op = {.on_done = on_shutdown, .name = "server shutdown"},
                                  .fiber = mesh_fiber_current(server->loop)};
  mesh_op_start(server->loop, &server->shutdown.op);
  grpc_server_shutdown_and_notify(server->server, mesh_loop_queue(server->loop),
                                  &server->shutdown.op);
  stop_timer limit = {.server = server};
  mesh_timer_init(&limit.timer, on_stop_due);
  mesh_timer_start(server->loop, &limit.timer, deadline_ns);
  while (server->shutdown.op.pending)
    mesh_fiber_park(server->loop);
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
  grpc_server_destroy(server->server);
  mesh_health_destroy(server->health);
  mesh_reflection_destroy(server->reflection);
  free(server);
}
