// The half of a mesh_call that serves: from gRPC's arrival to the status that ends it. For
// server.c. A served call lives in a fiber of its server; that loop's thread only.
#ifndef MILLRACE_MESH_RPC_CALL_SERVER_H
#define MILLRACE_MESH_RPC_CALL_SERVER_H

#include "mesh/rpc/call_internal.h"
#include "mesh/rpc/wire_text.h"

typedef struct mesh_served_call mesh_served_call;

// The calls of a server that hear of its leaving (mesh_call_drain_scope).
typedef struct mesh_drain {
  bool begun;
  mesh_served_call *first;
} mesh_drain;

struct mesh_served_call {
  mesh_call call;
  grpc_call_details details;     // filled by gRPC
  grpc_metadata_array metadata;  // the request's; filled by gRPC
  int cancelled;                 // how the call closed
  int64_t accepted_ns;           // monotonic
  bool works;                    // it counts as work of the server
  bool is_vital;                 // it has a place among those (mesh_connection_admit)
  mesh_wire_type request_type;   // of each message that comes
  mesh_wire_type reply_type;     // of each that goes; its type is NULL where the schema has none
  const char *const *documents;  // the method's
  const char *peer;              // who called, its connection's; NULL: this process
  grpc_slice status_text;        // what is sent at the end
  grpc_metadata status_details;
  void (*on_refused)(void *arg);
  void *on_refused_arg;
  mesh_drain *drain;       // the server's
  mesh_scope drain_scope;  // open while `drains`
  bool drains;
  mesh_served_call *next_draining, *previous_draining;
};

// Makes a place for a call that may arrive, below `parent`. The caller owns it: give it to
// mesh_served_call_begin() once gRPC has filled it, or release it with mesh_served_call_drop().
mesh_served_call *mesh_served_call_create(mesh_scope *parent, mesh_drain *drain);
void mesh_served_call_drop(mesh_served_call *served);

// The call has arrived: its deadline counts, and its scope hears when the caller goes away.
void mesh_served_call_begin(mesh_served_call *served);

// Answers a call that was not begun with `err`, and frees it; then calls on_done(arg). No fiber is
// needed, and none waits.
void mesh_served_call_refuse(mesh_served_call *served, mesh_error *err, void (*on_done)(void *arg),
                             void *arg);

// Answers with `code` and the details of `err`, waits until the caller has it or is gone, closes
// the scope and frees the call. In the call's fiber.
void mesh_served_call_end(mesh_served_call *served, mesh_code code, mesh_error *err);

// The process leaves: the calls that asked for a drain scope hear of it.
void mesh_drain_begin(mesh_drain *drain);

#endif
