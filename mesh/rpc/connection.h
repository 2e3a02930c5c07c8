// mesh_connections: the connections of a server. Each has a grpc_server of its own: so gRPC bounds
// what each may hold, the calls of one do not queue behind another's, it is known whose call a call
// is, and one can be ended (docs/decisions/2026-11-26-a-doorman.md). The server's loop only.
#ifndef MILLRACE_MESH_RPC_CONNECTION_H
#define MILLRACE_MESH_RPC_CONNECTION_H

#include "mesh/rpc/call_server.h"
#include "mesh/rpc/doorman.h"
#include "mesh/rpc/limits.h"

typedef struct mesh_connection mesh_connection;

// A call has arrived. Give it to mesh_served_call_begin() and, once that has ended,
// mesh_connection_call_ended(); or to mesh_connection_refuse().
typedef void (*mesh_connection_on_call)(void *arg, mesh_connection *connection,
                                        mesh_served_call *served);

typedef struct mesh_connections {  // private, but for what the caller fills in
  mesh_loop *loop;
  mesh_scope *scope;          // of all calls
  mesh_drain *drain;          // likewise
  const mesh_limits *limits;  // borrowed; they do not change once there is a connection
  mesh_connection_on_call on_call;
  void *arg;

  mesh_doorman *doorman;  // owned; NULL until something is listened on
  mesh_connection *first;
  int count, peers;
  int calls;                  // from outside, that run
  int vital_calls;            // of them
  mesh_answers_room answers;  // likewise, to them
  mesh_log_pace deaf;         // of ends of connections that take no answers
  mesh_signal changed;        // `count`
} mesh_connections;

// Listens on `address`; *port (may be NULL) as of mesh_server_listen().
MESH_NODISCARD mesh_code mesh_connections_listen(mesh_connections *all, const char *address,
                                                 int *port, mesh_error *err);

// Begins to accept.
void mesh_connections_open(mesh_connections *all);

// Adds one of this process, that no limit holds for; it stays until mesh_connections_close(). `fd`
// is gRPC's from now on.
void mesh_connections_add_local(mesh_connections *all, int fd);

// Stops listening, lets each connection finish its calls, and waits until all have ended; at
// `deadline_ns` (monotonic) ends what is left. In a fiber that is not of all->scope.
void mesh_connections_close(mesh_connections *all, int64_t deadline_ns);

// Ends the thread at the door. There are no connections.
void mesh_connections_fini(mesh_connections *all);

// Why a call that has just arrived is one too many, with RetryInfo, or brings too many headers; OK
// if it is neither. `vital` ones (health) have as many places again, of their own, so that neither
// kind is kept out by the other; those of the parent process are always let in, where it has not
// too many itself.
MESH_NODISCARD mesh_code mesh_connection_admit(mesh_connection *connection,
                                               mesh_served_call *served, bool vital,
                                               mesh_error *err);

// Answers a call with `err`, without a fiber, and frees it. A peer that has very many refused and
// takes no answers loses the connection.
void mesh_connection_refuse(mesh_connection *connection, mesh_served_call *served, mesh_error *err);

// A call that was begun has ended; `was_vital` is its is_vital.
void mesh_connection_call_ended(mesh_connection *connection, bool was_vital);

#endif
