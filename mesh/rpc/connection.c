#include "mesh/rpc/connection.h"

#include <assert.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <stdlib.h>

#include "mesh/rpc/channel_args.h"
#include "mesh/rpc/listen.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/loop_internal.h"
#include "mesh/runtime/time.h"

enum {
  WAITING_CALLS = 4,
  RETRY_MS = 1000,                 // when a refused caller may come again
  SHARE_LEAST_BYTES = 512 * 1024,  // of memory, for a connection among very many
  SILENT_MS = 500,  // how long a connection without calls may take to say that it has understood
};

// A place for the next call, handed to gRPC; WAITING_CALLS of them wait on each connection.
typedef struct arrival {
  mesh_op op;
  mesh_connection *connection;
  mesh_served_call *served;  // owned; filled by gRPC
} arrival;

//              gRPC or the peer closed it
//   +------------------------------------------+
//   |                                          v
// OPEN -- mesh_connections_close() --> CLOSING --> freed: gRPC has shut down, the doorman has seen
//   |                                     ^        the end (but for a local one), no call runs
//   +---- end_now(): it asks too much ----+
struct mesh_connection {
  mesh_connections *all;
  grpc_server *server;         // owned
  grpc_resource_quota *quota;  // owned; NULL for a local one
  int64_t quota_bytes;
  mesh_visit visit;  // peer NULL: a local one
  mesh_answers_line answers;
  arrival arrivals[WAITING_CALLS];
  int waiting;   // of them
  int calls;     // that run
  int refusing;  // whose answers are on their way
  mesh_op shut;  // gRPC's shutdown
  bool closing, is_shut, is_gone, ended;
  mesh_connection *next, *previous;
};

// ---- what it may take ----

static int power_above(int count) {
  int power = 1;
  while (power < count)
    power *= 2;
  return power;
}

// All may take memory_mib. That is shared by peers, and each peer's part by its connections: who
// opens many gets little for each. Rounded to powers of two, so that it changes rarely.
static void share_memory(mesh_connections *all) {
  const mesh_limits *limits = all->limits;
  int64_t of_peer = (limits->memory_mib << 20) / power_above(all->peers);
  for (mesh_connection *one = all->first; one != NULL; one = one->next) {
    if (one->quota == NULL) continue;
    int64_t bytes = of_peer / power_above(one->visit.peer->visits);
    if (bytes > limits->connection_mib << 20) bytes = limits->connection_mib << 20;
    if (bytes < SHARE_LEAST_BYTES) bytes = SHARE_LEAST_BYTES;
    if (bytes == one->quota_bytes) continue;
    one->quota_bytes = bytes;
    grpc_resource_quota_resize(one->quota, (size_t)bytes);
  }
}

static void count_visit(mesh_connections *all, mesh_peer *peer) {
  if (peer->visits++ == 0) {
    all->peers++;
    peer->answers = (mesh_answers){.room = &all->answers, .name = peer->name};
  }
  share_memory(all);
}

static void forget_visit(mesh_connections *all, mesh_visit *visit) {
  if (--visit->peer->visits == 0) all->peers--;
  mesh_doorman_forget(all->doorman, visit);
  share_memory(all);
}

// ---- the end ----

static void free_if_over(mesh_connection *own) {
  if (!own->is_shut || !own->is_gone || own->waiting > 0 || own->calls > 0 || own->refusing > 0) {
    return;
  }
  mesh_connections *all = own->all;
  if (own->next != NULL) own->next->previous = own->previous;
  if (own->previous != NULL) {
    own->previous->next = own->next;
  } else {
    all->first = own->next;
  }
  grpc_server_destroy(own->server);
  if (own->quota != NULL) grpc_resource_quota_unref(own->quota);
  if (own->visit.peer != NULL) forget_visit(all, &own->visit);
  free(own);
  all->count--;
  mesh_signal_notify(&all->changed);
}

// Lets the calls finish; no more come.
static void begin_closing(mesh_connection *own) {
  if (own->closing) return;
  own->closing = true;
  mesh_op_start(own->all->loop, &own->shut);
  grpc_server_shutdown_and_notify(own->server, mesh_loop_queue(own->all->loop), &own->shut);
}

// Ends it for both sides, whatever runs on it.
static void end_now(mesh_connection *own) {
  begin_closing(own);
  if (own->ended) return;
  own->ended = true;
  grpc_server_cancel_all_calls(own->server);
  // One that is gone may have left its peer's socket to somebody who keeps it open.
  if (own->visit.peer != NULL && !own->is_gone) mesh_visit_end(&own->visit);
}

static void on_shut(mesh_op *op, bool ok) {
  (void)ok;
  mesh_connection *own = MESH_CONTAINER_OF(op, mesh_connection, shut);
  own->is_shut = true;  // `gone` comes of it, once the peer has what gRPC said, or has had time
  free_if_over(own);
}

static void on_gone(mesh_op *op, bool ok) {
  (void)ok;
  mesh_connection *own = MESH_CONTAINER_OF(op, mesh_connection, visit.gone);
  own->is_gone = true;
  end_now(own);
  free_if_over(own);
}

// The peer loses all that it has open: else it would do the same on the next one.
static void expel(mesh_connections *all, const mesh_peer *peer) {
  for (mesh_connection *one = all->first; one != NULL; one = one->next) {
    if (one->visit.peer == peer) end_now(one);
  }
}

// ---- calls ----

static void ask_for_call(arrival *slot) {
  mesh_connection *own = slot->connection;
  mesh_connections *all = own->all;
  slot->served = mesh_served_call_create(all->scope, all->drain);
  mesh_op_start(all->loop, &slot->op);
  grpc_call_error refused = grpc_server_request_call(
      own->server, &slot->served->call.call, &slot->served->details, &slot->served->metadata,
      mesh_loop_queue(all->loop), mesh_loop_queue(all->loop), &slot->op);
  assert(refused == GRPC_CALL_OK);
  (void)refused;
}

static void on_arrival(mesh_op *op, bool ok) {
  arrival *slot = MESH_CONTAINER_OF(op, arrival, op);
  mesh_connection *own = slot->connection;
  mesh_served_call *served = slot->served;
  slot->served = NULL;
  if (!ok) {  // the connection closes
    mesh_served_call_drop(served);
    own->waiting--;
    free_if_over(own);
    return;
  }
  own->calls++;
  if (own->visit.peer != NULL) {
    served->peer = own->visit.peer->name;
    served->call.answers = &own->answers;
    own->visit.peer->calls++;
    own->all->calls++;
  }
  own->all->on_call(own->all->arg, own, served);
  ask_for_call(slot);
}

static void call_is_over(mesh_connection *own, bool was_vital) {
  own->calls--;
  if (own->visit.peer == NULL) return;
  own->visit.peer->calls--;
  own->all->calls--;
  own->all->vital_calls -= was_vital;
}

static mesh_code check_headers(const mesh_served_call *served, int64_t most, mesh_error *err) {
  int64_t bytes = mesh_metadata_bytes(&served->metadata);
  if (bytes <= most) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED,
                   "the headers have %lld bytes, and may have %lld", (long long)bytes,
                   (long long)most);
}

mesh_code mesh_connection_admit(mesh_connection *own, mesh_served_call *served, bool vital,
                                mesh_error *err) {
  const mesh_limits *limits = own->all->limits;
  const char *what = NULL;
  int64_t most = 0;
  if (own->visit.peer == NULL) return GRPC_STATUS_OK;
  served->is_vital = vital;
  own->all->vital_calls += vital;
  int like_it = vital ? own->all->vital_calls : own->all->calls - own->all->vital_calls;
  bool always = vital && own->visit.peer->is_parent;
  if (own->calls > limits->streams) {
    what = "on this connection";
    most = limits->streams;
  } else if (own->visit.peer->calls > limits->calls / 2) {
    what = own->visit.peer->name;
    most = limits->calls / 2;
  } else if (like_it > limits->calls && !always) {
    what = "in all";
    most = limits->calls;
  }
  if (what == NULL) return check_headers(served, limits->header_kib << 10, err);
  mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED, "too many calls at a time: %s, %lld may run", what,
            (long long)most);
  mesh_error_set_reason(err, "TOO_MANY_CALLS", "mesh.millrace");
  mesh_error_set_retry(err, RETRY_MS);
  return GRPC_STATUS_RESOURCE_EXHAUSTED;
}

static void on_refused(void *arg) {
  mesh_connection *own = arg;
  own->refusing--;
  free_if_over(own);
}

void mesh_connection_refuse(mesh_connection *own, mesh_served_call *served, mesh_error *err) {
  call_is_over(own, served->is_vital);
  own->refusing++;
  bool many = own->visit.peer != NULL && own->refusing > own->all->limits->streams;
  mesh_served_call_refuse(served, err, on_refused, own);
  if (!many || own->ended) return;
  if (mesh_log_is_due(&own->all->deaf, mesh_now_ns())) {
    mesh_log(MESH_LOG_WARN, "server", "%s loses its connections: it takes no answers to %d calls",
             own->visit.peer->name, own->refusing);
  }
  expel(own->all, own->visit.peer);
}

void mesh_connection_call_ended(mesh_connection *own, bool was_vital) {
  call_is_over(own, was_vital);
  free_if_over(own);
}

// ---- the begin ----

static void on_stuck(mesh_answers_line *line) {
  mesh_connection *own = MESH_CONTAINER_OF(line, mesh_connection, answers);
  if (own->ended) return;
  if (mesh_log_is_due(&own->all->deaf, mesh_now_ns())) {
    mesh_log(MESH_LOG_WARN, "server", "%s loses a connection: it takes no answers on it",
             own->visit.peer->name);
  }
  end_now(own);
}

static mesh_connection *create(mesh_connections *all, int fd, mesh_visit visit) {
  mesh_connection *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->all = all;
  own->visit = visit;
  own->visit.gone = (mesh_op){.on_done = on_gone, .name = "connection gone"};
  own->shut = (mesh_op){.on_done = on_shut, .name = "connection shut"};
  own->is_gone = visit.peer == NULL;
  if (visit.peer != NULL) own->answers = (mesh_answers_line){&visit.peer->answers, 0, on_stuck};
  if (visit.peer != NULL) own->quota = grpc_resource_quota_create(visit.peer->name);
  own->server = mesh_grpc_server_create(own->quota, all->limits);
  grpc_server_register_completion_queue(own->server, mesh_loop_queue(all->loop), NULL);
  grpc_server_start(own->server);
  own->next = all->first;
  if (own->next != NULL) own->next->previous = own;
  all->first = own;
  all->count++;
  for (int i = 0; i < WAITING_CALLS; i++) {
    arrival *slot = &own->arrivals[i];
    *slot = (arrival){.op = {.on_done = on_arrival, .name = "server arrival"}, .connection = own};
    own->waiting++;
    ask_for_call(slot);
  }
  grpc_server_credentials *plain = grpc_insecure_server_credentials_create();
  grpc_server_add_channel_from_fd(own->server, fd, plain);
  grpc_server_credentials_release(plain);
  return own;
}

void mesh_connections_add_local(mesh_connections *all, int fd) {
  create(all, fd, (mesh_visit){.peer = NULL});
}

static void on_visitor(void *arg, int fd, struct mesh_passage *passage, mesh_peer *peer) {
  mesh_connections *all = arg;
  mesh_connection *own = create(all, fd, (mesh_visit){.peer = peer, .passage = passage});
  count_visit(all, peer);
  mesh_doorman_watch(all->doorman, &own->visit);
}

mesh_code mesh_connections_listen(mesh_connections *all, const char *address, int *port,
                                  mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  if (all->doorman == NULL) {
    all->answers.most = all->limits->answers_mib << 20;
    code = mesh_doorman_create(all->loop, all->limits, on_visitor, all, &all->doorman, err);
  }
  mesh_listening listening;
  if (code == GRPC_STATUS_OK) code = mesh_listen_open(address, &listening, err);
  if (code != GRPC_STATUS_OK) return code;
  if (port != NULL) *port = listening.port;
  return mesh_doorman_listen(all->doorman, listening.fd, listening.path, err);
}

void mesh_connections_open(mesh_connections *all) {
  if (all->doorman != NULL) mesh_doorman_open(all->doorman);
}

// ---- all of them ----

// Waits until all have ended, or `due_ns`.
static void await_none(mesh_connections *all, int64_t due_ns) {
  mesh_scope waiting;  // one that no cancel ends
  mesh_error err;
  mesh_scope_open_root(&waiting, all->loop);
  while (all->count > 0 &&
         mesh_signal_wait(&all->changed, &waiting, due_ns, &err) == GRPC_STATUS_OK) {
  }
  mesh_scope_close(&waiting);
}

static void close_silent(mesh_connection *own) {
  if (own->calls == 0) end_now(own);
}

static void close_each(mesh_connections *all, void (*close)(mesh_connection *own)) {
  for (mesh_connection *one = all->first, *next; one != NULL; one = next) {
    next = one->next;
    close(one);
  }
}

void mesh_connections_close(mesh_connections *all, int64_t deadline_ns) {
  if (all->doorman != NULL) mesh_doorman_shut(all->doorman);
  while (all->doorman != NULL && mesh_doorman_is_telling(all->doorman))
    mesh_yield(all->loop);
  int64_t silent_ns = mesh_time_after_ms(mesh_now_ns(), SILENT_MS);
  close_each(all, begin_closing);
  await_none(all, silent_ns < deadline_ns ? silent_ns : deadline_ns);
  close_each(all, close_silent);
  await_none(all, deadline_ns);
  if (all->count == 0) return;
  mesh_scope_cancel(all->scope, GRPC_STATUS_UNAVAILABLE, "the server stops");
  close_each(all, end_now);
  await_none(all, MESH_NEVER);
}

void mesh_connections_fini(mesh_connections *all) {
  assert(all->count == 0);
  mesh_doorman_destroy(all->doorman);
  all->doorman = NULL;
}
