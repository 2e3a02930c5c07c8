// mesh_relay: one call below another; the stream of the lower is forwarded to the caller.
#ifndef MILLRACE_MESH_OPERATION_RELAY_H
#define MILLRACE_MESH_OPERATION_RELAY_H

#include "mesh/rpc/call.h"

// Calls `method` on `link` with `request` and forwards every message to `caller` until either side
// ends, unchanged but for text that is no UTF-8 (mesh_call_forward_mended()): what is below may be
// anybody's. Batches are split for a caller that does not accept them. Returns the lower call's
// status, details included; cancelling the caller cancels the lower call.
mesh_code mesh_relay(mesh_call *caller, mesh_link *link, const char *method, mesh_frame request,
                     mesh_error *err);

// As mesh_relay(), for a stream without an end, such as a status that is followed: when this
// process leaves, the caller hears it at once, as UNAVAILABLE (DRAINING).
mesh_code mesh_relay_endless(mesh_call *caller, mesh_link *link, const char *method,
                             mesh_frame request, mesh_error *err);

// As mesh_relay(), for a method that streams an operation's OperationEvents: each frame gets the
// time that it spent here (OperationEvent.hops), and is otherwise forwarded without being looked
// at. OK only if the last event was the outcome (mesh_event_tail_end).
mesh_code mesh_relay_events(mesh_call *caller, mesh_link *link, const char *method,
                            mesh_frame request, mesh_error *err);

// As mesh_relay_events(), for events that have no end, such as live bars: when this process leaves,
// the caller gets a Drain event and UNAVAILABLE (DRAINING) at once.
mesh_code mesh_relay_live(mesh_call *caller, mesh_link *link, const char *method,
                          mesh_frame request, mesh_error *err);

#endif
