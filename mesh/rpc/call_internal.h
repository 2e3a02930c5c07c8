// The inside of mesh_call, for call.c, call_client.c, server.c, event_stream.c and relay.c. Not for
// others.
#ifndef MILLRACE_MESH_RPC_CALL_INTERNAL_H
#define MILLRACE_MESH_RPC_CALL_INTERNAL_H

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>

#include "mesh/rpc/call.h"
#include "mesh/runtime/fiber.h"
#include "mesh/runtime/view.h"

#define MESH_BATCH_METADATA "millrace-accept-batch"
#define MESH_DETAILS_METADATA "grpc-status-details-bin"

// An op that one fiber waits for.
typedef struct mesh_await {
  mesh_op op;
  mesh_call *call;
  mesh_fiber *fiber;  // waits; NULL if nobody does
  bool ok;
} mesh_await;

struct mesh_call {
  grpc_call *call;  // owned
  mesh_link *link;  // client side; NULL on the server side
  mesh_scope scope;
  mesh_cancel_hook hook;  // cancels `call` with the scope

  mesh_await start, send, receive,
      finish;         // finish: the status (client), the peer's close (server)
  bool headers_sent;  // server side
  bool closed;        // client side: free when no op is pending

  grpc_byte_buffer *received;
  grpc_slice flat;  // `received` in one piece, where it had several

  grpc_metadata_array initial, trailing;  // client: received; server: `initial` is the request's
  grpc_status_code status;
  grpc_slice status_text;
  int cancelled;  // server side: how the call closed
  mesh_server *server;
  int64_t accepted_ns;     // monotonic
  mesh_scope drain_scope;  // open while `drains`
  bool drains, works;
  mesh_call *next_draining, *previous_draining;  // of the server's
  grpc_call_details details;
};

// Prepares a zeroed call that lives below `parent`.
void mesh_call_init(mesh_call *call, mesh_scope *parent);

// Releases what the call holds, then the call. No op may be pending.
void mesh_call_free(mesh_call *call);

// Server side: the service that is called, without its package: "DataManager". Borrowed from the
// call.
mesh_view mesh_call_layer(const mesh_call *call);

// Starts a batch with `await` as its tag.
void mesh_call_start(mesh_call *call, mesh_await *await, const grpc_op *ops, size_t count);

// Waits until `await` is no longer pending; true if its batch succeeded.
bool mesh_call_await(mesh_call *call, mesh_await *await);

// Receives a message and leaves it in call->received (NULL: there are no more).
mesh_code mesh_call_receive_raw(mesh_call *call, mesh_error *err);

// The last received message in one piece.
mesh_frame mesh_call_flatten(mesh_call *call);

// Starts to send `buffer` (the caller keeps it); `await` completes when the transport took it.
void mesh_call_start_send(mesh_call *call, mesh_await *await, grpc_byte_buffer *buffer);

// Why a send on the call failed.
mesh_code mesh_call_send_error(mesh_call *call, mesh_error *err);

// Client side: the peer's status as an error; OK is GRPC_STATUS_OK.
mesh_code mesh_call_status(mesh_call *call, mesh_error *err);

#endif
