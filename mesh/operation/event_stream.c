#include "mesh/operation/event_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/call_internal.h"

enum {
  BATCH_TAG_BYTES = 2,       // of field 31, length-delimited
  PREFIX_MAX = 2 + 5,        // tag and length before each event
  GATHER_BYTES = 32 * 1024,  // the sender waits when so much has gathered
  KEPT_BYTES = 512           // of a buffer in which nothing waits
};

// Events gather as fields of a batch, [tag length event]*: a frame that a caller with batches can
// take as it is. For other callers, or a single event, the prefix is left out.
struct mesh_event_stream {
  mesh_call *call;
  bool batches;
  bool failed;
  mesh_await send;      // the frame in flight
  mesh_signal changed;  // a frame has left, or the stream has failed
  uint8_t *gathered;
  size_t size_bytes, capacity;
  size_t start;  // of what is not in flight yet
  mesh_event_tail tail;
  mesh_view layer;  // the short name of the call's service
  int64_t put_ns;   // when the oldest event that waits was put, on the wall clock
};

static void start_frame(mesh_event_stream *stream);

static void on_sent(mesh_op *op, bool ok) {
  mesh_await *await = MESH_CONTAINER_OF(op, mesh_await, op);
  mesh_event_stream *stream = MESH_CONTAINER_OF(await, mesh_event_stream, send);
  mesh_answer_end(&await->answer, ok);
  if (!ok) stream->failed = true;
  if (ok && stream->start < stream->size_bytes) start_frame(stream);
  if (stream->send.fiber != NULL) mesh_fiber_unpark(stream->send.fiber);
  mesh_signal_notify(&stream->changed);
}

mesh_event_stream *mesh_event_stream_create(mesh_call *call) {
  mesh_event_stream *stream = calloc(1, sizeof *stream);
  if (stream == NULL) abort();
  stream->call = call;
  stream->batches = mesh_call_accepts_batch(call);
  stream->send.op.on_done = on_sent;
  stream->send.op.name = "event stream";
  stream->send.call = call;
  stream->layer = mesh_call_layer(call);
  return stream;
}

void mesh_event_stream_set_after(mesh_event_stream *stream, int64_t sequence) {
  stream->tail.sequence = sequence;
}

// The length of the first event that waits; *prefix is what stands before it.
static size_t first_event(const mesh_event_stream *stream, size_t *prefix) {
  const uint8_t *at = stream->gathered + stream->start + BATCH_TAG_BYTES;
  size_t length = 0;
  int shift = 0;
  for (*prefix = BATCH_TAG_BYTES;; shift += 7) {
    length |= (size_t)(*at & 0x7f) << shift;
    ++*prefix;
    if ((*at++ & 0x80) == 0) return length;
  }
}

// The events with the time that they spent here. What waits behind them counts from now on.
static grpc_slice make_frame(mesh_event_stream *stream, const uint8_t *data, size_t length) {
  uint8_t bytes[MESH_HOP_MAX];
  int64_t now_ns = mesh_wall_ns();
  mesh_hop hop = {stream->layer, stream->put_ns, now_ns};
  size_t size_bytes = mesh_event_encode_hop(&hop, bytes);
  grpc_slice slice = grpc_slice_malloc(length + size_bytes);
  memcpy(GRPC_SLICE_START_PTR(slice), data, length);
  memcpy(GRPC_SLICE_START_PTR(slice) + length, bytes, size_bytes);
  return slice;
}

// Nothing waits: a large buffer is not kept, so that an idle stream is small.
static void drop_gathered(mesh_event_stream *stream) {
  stream->start = stream->size_bytes = 0;
  if (stream->capacity <= KEPT_BYTES) return;
  free(stream->gathered);
  stream->gathered = NULL;
  stream->capacity = 0;
}

// Sends what has gathered: all of it in one frame, or one event.
static void start_frame(mesh_event_stream *stream) {
  size_t prefix;
  size_t length = first_event(stream, &prefix);
  const uint8_t *data = stream->gathered + stream->start + prefix;
  size_t waiting = stream->size_bytes - stream->start;
  if (stream->batches && prefix + length < waiting) {
    data = stream->gathered + stream->start;
    length = waiting;
    prefix = 0;
  }
  grpc_slice slice = make_frame(stream, data, length);
  stream->start += prefix + length;
  if (stream->start == stream->size_bytes) drop_gathered(stream);

  grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
  grpc_slice_unref(slice);
  mesh_call_start_send(stream->call, &stream->send, buffer);
  grpc_byte_buffer_destroy(buffer);
}

mesh_code mesh_event_stream_await_room(mesh_event_stream *stream, mesh_error *err) {
  mesh_scope *scope = mesh_call_scope(stream->call);
  while (!stream->failed && stream->size_bytes - stream->start >= GATHER_BYTES) {
    mesh_code code = mesh_signal_wait(&stream->changed, scope, MESH_NEVER, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return stream->failed ? mesh_call_send_error(stream->call, err) : GRPC_STATUS_OK;
}

// Room for `size_bytes` more behind what has gathered.
static uint8_t *reserve(mesh_event_stream *stream, size_t size_bytes) {
  if (stream->start > 0) {
    stream->size_bytes -= stream->start;
    memmove(stream->gathered, stream->gathered + stream->start, stream->size_bytes);
    stream->start = 0;
  }
  if (stream->size_bytes + size_bytes > stream->capacity) {
    stream->capacity = 2 * stream->capacity + size_bytes;
    stream->gathered = realloc(stream->gathered, stream->capacity);
    if (stream->gathered == NULL) abort();
  }
  return stream->gathered + stream->size_bytes;
}

static size_t put_prefix(uint8_t *out, size_t length) {
  size_t size = 0;
  out[size++] = 0xfa;  // field 31, length-delimited: 31 << 3 | 2 = 250, as a varint
  out[size++] = 0x01;
  for (; length >= 0x80; length >>= 7)
    out[size++] = (uint8_t)(length | 0x80);
  out[size++] = (uint8_t)length;
  return size;
}

static void event_added(mesh_event_stream *stream, size_t size_bytes) {
  if (stream->start == stream->size_bytes) stream->put_ns = mesh_wall_ns();
  stream->size_bytes += size_bytes;
  if (!stream->send.op.pending) start_frame(stream);
}

mesh_code mesh_event_stream_put_bytes(mesh_event_stream *stream, mesh_view event, mesh_error *err) {
  mesh_code code = mesh_event_stream_await_room(stream, err);
  if (code != GRPC_STATUS_OK) return code;
  uint8_t *out = reserve(stream, PREFIX_MAX + event.size_bytes);
  size_t size_bytes = put_prefix(out, event.size_bytes);
  memcpy(out + size_bytes, event.data, event.size_bytes);
  mesh_event_tail_take(&stream->tail, event);
  event_added(stream, size_bytes + event.size_bytes);
  return GRPC_STATUS_OK;
}

mesh_code mesh_event_stream_put(mesh_event_stream *stream, const mesh_event *event,
                                mesh_error *err) {
  mesh_code code = mesh_event_stream_await_room(stream, err);
  if (code != GRPC_STATUS_OK) return code;
  size_t bound = mesh_event_bound(event);
  uint8_t *out = reserve(stream, PREFIX_MAX + bound);
  size_t length = mesh_event_encode(event, out + PREFIX_MAX, bound);
  size_t size_bytes = put_prefix(out, length);  // the length's own length was not known before
  memmove(out + size_bytes, out + PREFIX_MAX, length);
  mesh_event_tail_take(&stream->tail, (mesh_view){out + size_bytes, length});
  event_added(stream, size_bytes + length);
  return GRPC_STATUS_OK;
}

mesh_code mesh_event_stream_flush(mesh_event_stream *stream, mesh_error *err) {
  while (!stream->failed && stream->send.op.pending) {
    mesh_code code =
        mesh_signal_wait(&stream->changed, mesh_call_scope(stream->call), MESH_NEVER, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return stream->failed ? mesh_call_send_error(stream->call, err) : GRPC_STATUS_OK;
}

mesh_code mesh_event_stream_drain(mesh_event_stream *stream, const char *layer,
                                  const char *operation, int64_t epoch, mesh_error *err) {
  uint8_t body[MESH_DRAIN_MAX];
  mesh_view name = {(const uint8_t *)layer, strlen(layer)};
  mesh_event event = {.operation = {(const uint8_t *)operation, strlen(operation)},
                      .epoch = epoch,
                      .sequence = stream->tail.sequence,
                      .event_class = MESH_MERGEABLE,
                      .time_ns = mesh_wall_ns(),
                      .payload = MESH_PAYLOAD_DRAIN};
  event.body = (mesh_view){body, mesh_event_encode_drain(name, event.sequence, body)};
  mesh_code code = mesh_event_stream_put(stream, &event, err);
  if (code == GRPC_STATUS_OK) code = mesh_event_stream_flush(stream, err);
  return code == GRPC_STATUS_OK ? mesh_fail_draining(err, layer) : code;
}

mesh_code mesh_event_stream_end(mesh_event_stream *stream, mesh_code code, mesh_error *err) {
  if (code == GRPC_STATUS_OK) code = mesh_event_stream_flush(stream, err);
  code = mesh_event_tail_end(&stream->tail, code, err);
  mesh_event_stream_destroy(stream);
  return code;
}

void mesh_event_stream_destroy(mesh_event_stream *stream) {
  if (stream == NULL) return;
  stream->start = stream->size_bytes = 0;
  stream->send.fiber = mesh_fiber_current(stream->call->scope.loop);
  while (stream->send.op.pending)
    mesh_fiber_park(stream->call->scope.loop);
  free(stream->gathered);
  free(stream);
}
