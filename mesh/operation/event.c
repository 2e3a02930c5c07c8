#include "mesh/operation/event.h"

#include <assert.h>
#include <pb_decode.h>
#include <pb_encode.h>
#include <string.h>

#include "google/protobuf/timestamp.pb.h"
#include "mesh/runtime/text.h"
#include "mesh/runtime/time.h"
#include "millrace/v1/operation.pb.h"

#define TAG(field) millrace_v1_OperationEvent_##field##_tag
#define HOP_TAG(field) millrace_v1_HopTime_##field##_tag

enum {
  HEADER_BOUND = 120
};  // every field of the header but the name, and the payload's tag and length

// ---- decode ----

static pb_istream_t open_view(mesh_view view) {
  return pb_istream_from_buffer(view.data, view.size_bytes);
}

// Takes a length-delimited field as a view into the bytes that the stream reads.
static bool take_view(pb_istream_t *stream, mesh_view *out) {
  uint32_t size;
  if (!pb_decode_varint32(stream, &size) || size > stream->bytes_left) return false;
  *out = (mesh_view){stream->state, size};  // a buffer stream's state is its read position
  return pb_read(stream, NULL, size);
}

static bool take_int64(pb_istream_t *stream, int64_t *out) {
  uint64_t value;
  if (!pb_decode_varint(stream, &value)) return false;
  *out = (int64_t)value;
  return true;
}

static bool take_time(pb_istream_t *stream, int64_t *time_ns) {
  mesh_view view;
  if (!take_view(stream, &view)) return false;
  pb_istream_t inner = open_view(view);
  int64_t seconds = 0, nanos = 0;
  uint32_t tag;
  pb_wire_type_t type;
  bool end;
  while (pb_decode_tag(&inner, &type, &tag, &end)) {
    bool ok = tag == google_protobuf_Timestamp_seconds_tag && type == PB_WT_VARINT
                  ? take_int64(&inner, &seconds)
              : tag == google_protobuf_Timestamp_nanos_tag && type == PB_WT_VARINT
                  ? take_int64(&inner, &nanos)
                  : pb_skip_field(&inner, type);
    if (!ok) return false;
  }
  *time_ns = mesh_time_join(seconds, (int32_t)nanos);
  return end;
}

static bool take_varint_field(pb_istream_t *stream, uint32_t tag, mesh_event *out) {
  int64_t value;
  if (!take_int64(stream, &value)) return false;
  if (tag == TAG(epoch)) out->epoch = value;
  if (tag == TAG(sequence)) out->sequence = value;
  if (tag == TAG(event_class)) out->event_class = (mesh_event_class)value;
  if (tag == TAG(replaced)) out->replaced = (int32_t)value;
  if (tag == TAG(source_epoch)) out->source_epoch = value;
  if (tag == TAG(source_sequence)) out->source_sequence = value;
  return true;
}

static bool take_field(pb_istream_t *stream, pb_wire_type_t type, uint32_t tag, mesh_event *out) {
  if (type == PB_WT_VARINT) return take_varint_field(stream, tag, out);
  if (type != PB_WT_STRING) return pb_skip_field(stream, type);
  if (tag == TAG(operation)) return take_view(stream, &out->operation);
  if (tag == TAG(time)) return take_time(stream, &out->time_ns);
  if (tag >= TAG(accepted) && tag < TAG(batch)) {
    out->payload = tag;
    return take_view(stream, &out->body);
  }
  return pb_skip_field(stream, type);
}

mesh_code mesh_event_decode(mesh_view frame, mesh_event *out, mesh_error *err) {
  *out = (mesh_event){0};
  pb_istream_t stream = open_view(frame);
  uint32_t tag;
  pb_wire_type_t type;
  bool end;
  while (pb_decode_tag(&stream, &type, &tag, &end)) {
    if (!take_field(&stream, type, tag, out)) {
      return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "no OperationEvent: field %u at byte %zu: %s",
                       tag, frame.size_bytes - stream.bytes_left, PB_GET_ERROR(&stream));
    }
  }
  if (end) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "no OperationEvent: bad field at byte %zu",
                   frame.size_bytes - stream.bytes_left);
}

// ---- batches ----

bool mesh_event_is_batch(mesh_view frame) {
  pb_istream_t stream = open_view(frame);
  uint32_t tag;
  pb_wire_type_t type;
  bool end;
  return pb_decode_tag(&stream, &type, &tag, &end) && tag == TAG(batch) && type == PB_WT_STRING;
}

// The next event of a batch: what is not one (hops) is passed over. *offset moves behind it.
static bool next_of_batch(mesh_view frame, size_t *offset, mesh_view *one, bool *bad) {
  pb_istream_t stream = open_view((mesh_view){frame.data + *offset, frame.size_bytes - *offset});
  uint32_t tag;
  pb_wire_type_t type;
  bool end;
  while (pb_decode_tag(&stream, &type, &tag, &end)) {
    bool event = tag == TAG(batch) && type == PB_WT_STRING;
    bool ok = event ? take_view(&stream, one)
                    : tag == TAG(hops) && type == PB_WT_STRING && pb_skip_field(&stream, type);
    *bad = !ok;
    if (event || !ok) {
      *offset = frame.size_bytes - stream.bytes_left;
      return ok;
    }
  }
  *bad = !end;
  *offset = frame.size_bytes;
  return false;
}

bool mesh_event_next(mesh_view frame, size_t *offset, mesh_view *one, bool *bad) {
  *bad = false;
  if (*offset >= frame.size_bytes) return false;
  if (*offset > 0 || mesh_event_is_batch(frame)) return next_of_batch(frame, offset, one, bad);
  *one = frame;
  *offset = frame.size_bytes;
  return true;
}

// ---- the end of a stream ----

// For each event of each watcher: reads no more of it than these two.
static bool take_tail(mesh_view one, mesh_event_tail *tail) {
  pb_istream_t stream = open_view(one);
  mesh_event_tail taken = {0};
  uint32_t tag;
  pb_wire_type_t type;
  bool end;
  while (pb_decode_tag(&stream, &type, &tag, &end)) {
    bool ok = tag == TAG(sequence) && type == PB_WT_VARINT ? take_int64(&stream, &taken.sequence)
                                                           : pb_skip_field(&stream, type);
    if (!ok) return false;
    if (tag < TAG(accepted)) continue;
    taken.outcome = tag == TAG(outcome);
    break;  // hops may follow the payload, and nothing else
  }
  *tail = taken;
  return true;
}

void mesh_event_tail_take(mesh_event_tail *tail, mesh_view frame) {
  mesh_view one;
  size_t offset = 0;
  bool bad;
  while (!tail->outcome && mesh_event_next(frame, &offset, &one, &bad))
    if (!take_tail(one, tail)) return;
}

mesh_code mesh_event_tail_end(const mesh_event_tail *tail, mesh_code code, mesh_error *err) {
  enum { RETRY_MS = 100 };
  if (code != GRPC_STATUS_OK || tail->outcome) return code;
  code = mesh_fail(err, GRPC_STATUS_UNAVAILABLE,
                   "the stream ends without an outcome: go on after event %lld",
                   (long long)tail->sequence);
  mesh_error_set_reason(err, "NO_OUTCOME", "mesh.millrace");
  mesh_error_set_retry(err, RETRY_MS);
  return code;
}

// ---- hops ----

static bool take_hop(mesh_view bytes, mesh_hop *out) {
  pb_istream_t stream = open_view(bytes);
  uint32_t tag;
  pb_wire_type_t type;
  bool end;
  *out = (mesh_hop){0};
  while (pb_decode_tag(&stream, &type, &tag, &end)) {
    bool ok = type == PB_WT_STRING && tag == HOP_TAG(layer) ? take_view(&stream, &out->layer)
              : type == PB_WT_VARINT && tag == HOP_TAG(received_ns)
                  ? take_int64(&stream, &out->received_ns)
              : type == PB_WT_VARINT && tag == HOP_TAG(sent_ns) ? take_int64(&stream, &out->sent_ns)
                                                                : pb_skip_field(&stream, type);
    if (!ok) return false;
  }
  return end;
}

bool mesh_event_next_hop(mesh_view frame, size_t *offset, mesh_hop *out) {
  while (*offset < frame.size_bytes) {
    pb_istream_t stream = open_view((mesh_view){frame.data + *offset, frame.size_bytes - *offset});
    uint32_t tag;
    pb_wire_type_t type;
    bool end, ok = pb_decode_tag(&stream, &type, &tag, &end);
    bool is_hop = ok && tag == TAG(hops) && type == PB_WT_STRING;
    mesh_view bytes;
    ok = ok && (is_hop ? take_view(&stream, &bytes) : pb_skip_field(&stream, type));
    *offset = ok ? frame.size_bytes - stream.bytes_left : frame.size_bytes;
    if (is_hop && ok && take_hop(bytes, out)) return true;
  }
  return false;
}

// ---- encode ----

size_t mesh_event_bound(const mesh_event *event) {
  return HEADER_BOUND + event->operation.size_bytes + event->body.size_bytes;
}

static bool put_varint(pb_ostream_t *stream, uint32_t tag, int64_t value) {
  return value == 0 ||
         (pb_encode_tag(stream, PB_WT_VARINT, tag) && pb_encode_varint(stream, (uint64_t)value));
}

static bool put_view(pb_ostream_t *stream, uint32_t tag, mesh_view view) {
  return pb_encode_tag(stream, PB_WT_STRING, tag) &&
         pb_encode_string(stream, view.data, view.size_bytes);
}

static bool put_time(pb_ostream_t *stream, int64_t time_ns) {
  uint8_t bytes[32];
  pb_ostream_t inner = pb_ostream_from_buffer(bytes, sizeof bytes);
  return put_varint(&inner, google_protobuf_Timestamp_seconds_tag, mesh_time_seconds(time_ns)) &&
         put_varint(&inner, google_protobuf_Timestamp_nanos_tag, mesh_time_nanos(time_ns)) &&
         put_view(stream, TAG(time), (mesh_view){bytes, inner.bytes_written});
}

size_t mesh_event_encode(const mesh_event *event, uint8_t *out, size_t capacity) {
  pb_ostream_t stream = pb_ostream_from_buffer(out, capacity);
  bool ok = put_view(&stream, TAG(operation), event->operation) &&
            put_varint(&stream, TAG(epoch), event->epoch) &&
            put_varint(&stream, TAG(sequence), event->sequence) &&
            put_varint(&stream, TAG(event_class), event->event_class) &&
            put_time(&stream, event->time_ns) &&
            put_varint(&stream, TAG(replaced), event->replaced) &&
            put_varint(&stream, TAG(source_epoch), event->source_epoch) &&
            put_varint(&stream, TAG(source_sequence), event->source_sequence) &&
            (event->payload == 0 || put_view(&stream, event->payload, event->body));
  assert(ok);
  (void)ok;
  return stream.bytes_written;
}

enum { LAYER_MAX = 40 };

static mesh_view cut_layer(mesh_view layer) {
  layer.size_bytes = mesh_text_cut((const char *)layer.data, layer.size_bytes, LAYER_MAX);
  return layer;
}

size_t mesh_event_encode_drain(mesh_view layer, int64_t resume_after, uint8_t out[MESH_DRAIN_MAX]) {
  pb_ostream_t stream = pb_ostream_from_buffer(out, MESH_DRAIN_MAX);
  bool ok = put_view(&stream, millrace_v1_Drain_layer_tag, cut_layer(layer)) &&
            put_varint(&stream, millrace_v1_Drain_resume_after_tag, resume_after);
  assert(ok);
  (void)ok;
  return stream.bytes_written;
}

size_t mesh_event_encode_hop(const mesh_hop *hop, uint8_t out[MESH_HOP_MAX]) {
  uint8_t bytes[MESH_HOP_MAX];
  pb_ostream_t inner = pb_ostream_from_buffer(bytes, sizeof bytes);
  pb_ostream_t outer = pb_ostream_from_buffer(out, MESH_HOP_MAX);
  bool ok = put_view(&inner, HOP_TAG(layer), cut_layer(hop->layer)) &&
            put_varint(&inner, HOP_TAG(received_ns), hop->received_ns) &&
            put_varint(&inner, HOP_TAG(sent_ns), hop->sent_ns) &&
            put_view(&outer, TAG(hops), (mesh_view){bytes, inner.bytes_written});
  assert(ok);
  (void)ok;
  return outer.bytes_written;
}
