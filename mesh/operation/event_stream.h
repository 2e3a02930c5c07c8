// mesh_event_stream: sends events on a call without making the sender wait for each.
// While one frame is in flight further events gather; a caller that accepts batches gets them in
// one frame, so a backlog moves many events at once, and an idle stream sends each event at once.
// At most 32 KiB gather: then the sender waits.
#ifndef MILLRACE_MESH_OPERATION_EVENT_STREAM_H
#define MILLRACE_MESH_OPERATION_EVENT_STREAM_H

#include "mesh/operation/event.h"
#include "mesh/rpc/call.h"

typedef struct mesh_event_stream mesh_event_stream;

// Creates a stream on the server side of `call`. Nothing else may send on the call until it is
// destroyed.
mesh_event_stream *mesh_event_stream_create(mesh_call *call);

// The caller has the events up to this one: where it goes on if the stream ends without another.
void mesh_event_stream_set_after(mesh_event_stream *stream, int64_t sequence);

// Waits until the next event can be put without waiting: for a sender whose events do not stay
// where they are while it waits.
MESH_NODISCARD mesh_code mesh_event_stream_await_room(mesh_event_stream *stream, mesh_error *err);

// Queues one event; suspends the fiber while 32 KiB wait. CANCELLED once the caller is gone.
MESH_NODISCARD mesh_code mesh_event_stream_put(mesh_event_stream *stream, const mesh_event *event,
                                               mesh_error *err);

// As above, for an event that is encoded already (one event, no batch).
MESH_NODISCARD mesh_code mesh_event_stream_put_bytes(mesh_event_stream *stream, mesh_view event,
                                                     mesh_error *err);

// Waits until all that was put has been taken by the transport.
MESH_NODISCARD mesh_code mesh_event_stream_flush(mesh_event_stream *stream, mesh_error *err);

// Says that this process leaves: a Drain event of `operation` with the resume point, then flushes.
// Returns what the call shall end with: UNAVAILABLE (DRAINING), or why it could not be said.
mesh_code mesh_event_stream_drain(mesh_event_stream *stream, const char *layer,
                                  const char *operation, int64_t epoch, mesh_error *err);

// Ends a stream of an operation's events whose code is `code` (and then `err`); flushes it where
// that is OK. Returns the status for the call: OK only if the outcome was sent, see
// mesh_event_tail_end(). Frees `stream`.
mesh_code mesh_event_stream_end(mesh_event_stream *stream, mesh_code code, mesh_error *err);

// Waits for the frame in flight, drops what still waits, frees. NULL is fine. For what is a list,
// not the stream of an operation; the others end with mesh_event_stream_end().
void mesh_event_stream_destroy(mesh_event_stream *stream);

#endif
