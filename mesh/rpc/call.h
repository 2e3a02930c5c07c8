// mesh_call: one streaming gRPC call, seen from either end. Its functions are called in fibers and
// suspend them; one send is in flight at a time, so a slow reader slows its sender and costs a
// bounded amount of memory.
#ifndef MILLRACE_MESH_RPC_CALL_H
#define MILLRACE_MESH_RPC_CALL_H

#include "mesh/rpc/link.h"
#include "mesh/runtime/bytes.h"
#include "mesh/runtime/scope.h"

typedef struct mesh_call mesh_call;

// A message as bytes. Received ones are borrowed until the next receive on the same call.
typedef struct mesh_frame {
  const uint8_t *data;
  size_t size_bytes;  // an empty message is legal: look at `end`, not at the size
  bool end;           // received: there are no more messages, and the peer's status is OK
} mesh_frame;

typedef struct mesh_call_options {
  int64_t timeout_ms;   // 0: only the scope's deadline counts
  bool accept_batch;    // the peer may put several events into one frame (OperationEvent.batch)
  bool wait_for_ready;  // wait for the link to come up instead of failing at once; bounded by the
                        // deadline
} mesh_call_options;

// Calls `method` ("/millrace.v1.DataService/Load") on `link` with one request, below `scope`:
// cancelled with it, and within its deadline. On OK the caller owns *out; release it with
// mesh_call_close(). The reply, UNAVAILABLE included, comes from mesh_call_receive(). `options` may
// be NULL.
MESH_NODISCARD mesh_code mesh_call_open(mesh_scope *scope, mesh_link *link, const char *method,
                                        mesh_frame request, const mesh_call_options *options,
                                        mesh_call **out, mesh_error *err);

// As mesh_call_open(), for a method with streaming requests: nothing is sent yet. Send with
// mesh_call_send(), then mesh_call_send_end().
MESH_NODISCARD mesh_code mesh_call_open_stream(mesh_scope *scope, mesh_link *link,
                                               const char *method, const mesh_call_options *options,
                                               mesh_call **out, mesh_error *err);

// Waits for the next message. OK with frame->end set after the last one. Anything else is the
// peer's status (client side), or why the scope was cancelled; errors of the link carry its name
// and address.
MESH_NODISCARD mesh_code mesh_call_receive(mesh_call *call, mesh_frame *frame, mesh_error *err);

// Sends one message and waits until the transport took it. CANCELLED once the peer is gone. The
// bytes are copied.
MESH_NODISCARD mesh_code mesh_call_send(mesh_call *call, mesh_frame frame, mesh_error *err);

// The same of bytes that malloc() gave, without a copy: they are freed, whatever comes back.
MESH_NODISCARD mesh_code mesh_call_send_bytes(mesh_call *call, mesh_bytes bytes, mesh_error *err);

// Sends on the message that `from` received last, without copying it.
MESH_NODISCARD mesh_code mesh_call_forward(mesh_call *to, mesh_call *from, mesh_error *err);

// The same for a message that a program of somebody else's may have made: in a method that the
// server's schema knows, each damaged byte of its text becomes '?' (mesh_wire_mend_text()), so that
// any library reads it. Copied only where it was damaged or came in pieces; `from` has it no
// longer.
MESH_NODISCARD mesh_code mesh_call_forward_mended(mesh_call *to, mesh_call *from, mesh_error *err);

// Client side: no more messages will be sent.
MESH_NODISCARD mesh_code mesh_call_send_end(mesh_call *call, mesh_error *err);

// Client side: cancels the call if it still runs, and frees it. NULL is fine.
void mesh_call_close(mesh_call *call);

// The scope of the call. Server side: cancelled when the caller goes away, bounded by the caller's
// deadline; work that a method starts belongs below it.
mesh_scope *mesh_call_scope(mesh_call *call);

// Server side: a scope below the call's that is cancelled with UNAVAILABLE as soon as this process
// begins to leave, while the call itself can still be answered. For streams that have no end.
mesh_scope *mesh_call_drain_scope(mesh_call *call);

// Fails as a process does that leaves: UNAVAILABLE, DRAINING, try again soon.
mesh_code mesh_fail_draining(mesh_error *err, const char *who);

// Server side: copies the value of a request metadata key, cut to capacity - 1 bytes; false if it
// is absent.
bool mesh_call_metadata(const mesh_call *call, const char *key, char *value, size_t capacity);

// Server side: the caller takes several events in one frame.
bool mesh_call_accepts_batch(const mesh_call *call);

// Server side: who called: "unix:pid 4711, uid 1000", "ipv4:127.0.0.1", "in-process". Borrowed from
// the call.
const char *mesh_call_peer(const mesh_call *call);

#endif
