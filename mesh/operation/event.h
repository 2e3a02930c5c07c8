// mesh_event: the header of an OperationEvent, read and written in place with nanopb's streams,
// without allocation. The payload stays bytes: whoever knows its type decodes it. Any thread.
#ifndef MILLRACE_MESH_OPERATION_EVENT_H
#define MILLRACE_MESH_OPERATION_EVENT_H

#include <stdbool.h>

#include "mesh/runtime/status.h"
#include "mesh/runtime/view.h"

typedef enum mesh_event_class { MESH_DURABLE = 1, MESH_MERGEABLE = 2 } mesh_event_class;

typedef struct mesh_event {
  mesh_view operation;  // UTF-8, no NUL
  int64_t epoch;
  int64_t sequence;
  mesh_event_class event_class;
  int64_t time_ns;   // since 1970
  int32_t replaced;  // mergeable events that this one stands for, beyond itself
  int64_t source_epoch, source_sequence;  // of the host's event that this one came from; 0: none
  uint32_t payload;  // the field number of the payload in OperationEvent; 0: none
  mesh_view body;    // the payload message
} mesh_event;

// Decodes one event; its views point into `frame`. DATA_LOSS if the bytes are no OperationEvent.
MESH_NODISCARD mesh_code mesh_event_decode(mesh_view frame, mesh_event *out, mesh_error *err);

// Walks the events of a frame, which may be a batch: *offset starts at 0; false after the last.
// `one` is the next event's bytes, inside `frame`. A malformed frame ends the walk with *bad set.
bool mesh_event_next(mesh_view frame, size_t *offset, mesh_view *one, bool *bad);

// True if the frame is a batch (of any number of events).
bool mesh_event_is_batch(mesh_view frame);

// What the end of a stream is judged by: the last of what it carried. Starts zeroed.
typedef struct mesh_event_tail {
  int64_t sequence;  // of the last event; 0: there was none
  bool outcome;      // it was the outcome
} mesh_event_tail;

// Takes a frame (one event, or a batch) that the stream has carried. A malformed one changes
// nothing.
void mesh_event_tail_take(mesh_event_tail *tail, mesh_view frame);

// The status of a stream of events that ends with `code` (and then with `err`). This is the only
// way to end one: OK becomes UNAVAILABLE (NO_OUTCOME), with the event after which to go on, where
// no outcome was carried. What has none is not finished, whoever says so.
mesh_code mesh_event_tail_end(const mesh_event_tail *tail, mesh_code code, mesh_error *err);

enum { MESH_PAYLOAD_DRAIN = 13 };  // the field number of Drain in OperationEvent

// Encodes the body of a Drain event: `layer` (cut to 40 bytes) leaves, go on after event
// `resume_after`. Returns the size in bytes, at most MESH_DRAIN_MAX.
enum { MESH_DRAIN_MAX = 64 };
size_t mesh_event_encode_drain(mesh_view layer, int64_t resume_after, uint8_t out[MESH_DRAIN_MAX]);

// When a layer had the events of a frame: OperationEvent.hops.
typedef struct mesh_hop {
  mesh_view layer;               // such as "DataManager"; UTF-8, no NUL
  int64_t received_ns, sent_ns;  // since 1970
} mesh_hop;

// Walks the hops of a frame, in the order in which it passed the layers: *offset starts at 0; false
// after the last. In a batch they count for each of its events.
bool mesh_event_next_hop(mesh_view frame, size_t *offset, mesh_hop *out);

// Encodes one hop as it is appended to a frame, whatever the frame is: `layer` is cut to 40 bytes.
// Returns the size in bytes, at most MESH_HOP_MAX.
enum { MESH_HOP_MAX = 80 };
size_t mesh_event_encode_hop(const mesh_hop *hop, uint8_t out[MESH_HOP_MAX]);

// The most bytes that mesh_event_encode() writes for `event`.
size_t mesh_event_bound(const mesh_event *event);

// Encodes `event` into `out` and returns its size in bytes. `capacity` >= mesh_event_bound(event)
// is asserted.
size_t mesh_event_encode(const mesh_event *event, uint8_t *out, size_t capacity);

#endif
