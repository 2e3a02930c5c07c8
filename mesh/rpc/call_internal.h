// The inside of mesh_call, which both of its halves share: call_client.c and call_server.c have a
// call as their first member and say in a mesh_call_half what differs. Also for server.c,
// event_stream.c and relay.c. Not for others.
#ifndef MILLRACE_MESH_RPC_CALL_INTERNAL_H
#define MILLRACE_MESH_RPC_CALL_INTERNAL_H

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>

#include "mesh/rpc/answers.h"
#include "mesh/rpc/call.h"
#include "mesh/runtime/fiber.h"
#include "mesh/runtime/view.h"

#define MESH_BATCH_METADATA "millrace-accept-batch"
#define MESH_CALLER_METADATA "millrace-caller"  // between the layers of one process
#define MESH_DETAILS_METADATA "grpc-status-details-bin"

// An op that one fiber waits for.
typedef struct mesh_await {
  mesh_op op;
  mesh_call *call;
  mesh_fiber *fiber;  // waits; NULL if nobody does
  bool ok;
  mesh_answer answer;  // what it sends, as far as that is counted
} mesh_await;

// What differs between the two ends of a call.
typedef struct mesh_call_half {
  // There are no more messages: why. OK if the peer has said all that it wanted to.
  mesh_code (*on_end)(mesh_call *call, mesh_error *err);
  // The scope was cancelled: what gRPC is told.
  void (*on_cancel)(mesh_call *call);
  // Releases what the half holds, then the memory of the whole.
  void (*free)(mesh_call *call);
} mesh_call_half;

struct mesh_call {
  const mesh_call_half *half;
  grpc_call *call;  // owned; NULL until there is one
  mesh_scope scope;
  mesh_cancel_hook hook;  // half->on_cancel() with the scope

  mesh_await start, send, receive;
  mesh_await finish;           // the peer's status (client), or that it closed the call (server)
  bool headers_due;            // to go with the first message
  bool closed;                 // free it when no op is pending
  mesh_answers_line *answers;  // where its messages are counted (borrowed); NULL: they are not

  grpc_byte_buffer *received;
  grpc_slice flat;  // `received` in one piece, where it had several
  // Looks at each message before mesh_call_receive() hands it out; NULL: nobody does.
  mesh_code (*check)(const mesh_call *call, mesh_view message, mesh_error *err);
};

// Prepares a zeroed call that lives below `parent`.
void mesh_call_init(mesh_call *call, const mesh_call_half *half, mesh_scope *parent);

// True while gRPC holds an op of the call.
bool mesh_call_is_pending(const mesh_call *call);

// Releases what the call holds, then the call. No op may be pending, and its scope is closed.
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

// Server side: as mesh_call_receive(), for a method whose caller sends one message and then no
// more. Waits for that end; another number of messages is UNIMPLEMENTED, as gRPC's specification
// says.
mesh_code mesh_call_receive_only(mesh_call *call, mesh_frame *frame, mesh_error *err);

// The last received message in one piece.
mesh_frame mesh_call_flatten(mesh_call *call);

// The last received message in one piece, which is the caller's; the call has it no longer. What
// came in pieces is copied, so that the room around them is given back.
grpc_slice mesh_call_take(mesh_call *call);

// As mesh_call_send(), of a slice that is the call's from now on.
MESH_NODISCARD mesh_code mesh_call_send_slice(mesh_call *call, grpc_slice slice, mesh_error *err);

// Starts to send `buffer` (the caller keeps it); `await` completes when the transport took it, and
// its on_done calls mesh_answer_end(). Where peers have too much to take already, a call is
// cancelled, be it this one or another's (answers.h).
void mesh_call_start_send(mesh_call *call, mesh_await *await, grpc_byte_buffer *buffer);

// What received headers count for as HTTP/2 says: names, values, and 32 bytes for each field. gRPC
// holds its own limit against each frame of them alone, and not against their sum.
int64_t mesh_metadata_bytes(const grpc_metadata_array *metadata);

// Why a send on the call failed.
mesh_code mesh_call_send_error(mesh_call *call, mesh_error *err);

#endif
