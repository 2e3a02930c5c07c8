// ib_transport: one TCP connection to a gateway, served by a thread of its own, because gRPC's
// completion queue polls no other sockets. What arrives is posted to the loop; what is sent goes
// out at once where the socket takes it. Created, used and destroyed on the loop.
#ifndef MILLRACE_HOST_IB_TRANSPORT_H
#define MILLRACE_HOST_IB_TRANSPORT_H

#include "host/ib/wire.h"
#include "mesh/runtime/loop.h"
#include "mesh/runtime/status.h"

typedef struct ib_transport ib_transport;

// Called on the loop. `arg` is the one of ib_transport_open().
typedef struct ib_transport_events {
  void (*on_connected)(void *arg);
  void (*on_message)(void *arg, ib_message message);  // borrowed during the call
  // The last call, once: the peer closed, an error, garbage, or ib_transport_close(). Then destroy
  // the transport.
  void (*on_closed)(void *arg, const char *why);
} ib_transport_events;

// Begins to connect to host:port, for at most `timeout_ms`. Events come later, so the caller has
// the transport when the first one does; all but `host` must live until on_closed(). Never NULL:
// what fails is told by on_closed(). The caller owns it; ib_transport_destroy().
ib_transport *ib_transport_open(mesh_loop *loop, const char *host, int port, int timeout_ms,
                                const ib_transport_events *events, void *arg);

// Sends what `outbox` (the caller's) holds and empties it. A connection that takes nothing for long
// and has 16 MiB waiting is closed.
void ib_transport_send(ib_transport *transport, ib_outbox *outbox);

// When bytes came last, whole messages or not; monotonic, 0: none did.
int64_t ib_transport_heard_ns(const ib_transport *transport);

// Asks for the end; on_closed() follows. Twice is fine.
void ib_transport_close(ib_transport *transport);

// Frees a transport whose on_closed() was called. NULL is fine.
void ib_transport_destroy(ib_transport *transport);

#endif
