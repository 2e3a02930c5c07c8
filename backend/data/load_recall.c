// What an adopted load did before its process ended: the store has the bars, the history the
// counts.
#include <stdio.h>
#include <stdlib.h>

#include "backend/data/load_internal.h"
#include "mesh/operation/message_report.h"
#include "mesh/runtime/text.h"

#define SEGMENT_STATE(name) MILLRACE__V1__SEGMENT_REPORT__STATE__##name
#define PAYLOAD(name) MILLRACE__V1__OPERATION_EVENT__PAYLOAD_##name

// ---- counts ----

static void recall_segment(load *own, const Millrace__V1__SegmentReport *report) {
  own->requests += report->attempts;
  if (report->state == SEGMENT_STATE(FAILED)) return;  // it is a gap, and asked for again
  if (own->source[0] == '\0') mesh_text_copy(own->source, sizeof own->source, report->source);
  own->before++;
  own->has_refreshed = own->has_refreshed || report->refresh;
  if (!report->refresh && report->interval != NULL && report->interval->from != NULL &&
      report->interval->to != NULL) {
    intervals_add(&own->answered,
                  (interval){report->interval->from->seconds, report->interval->to->seconds});
  }
  own->bars_stored += report->bars;
  own->bars_refused += report->refused;
  if (report->refused > 0 && own->first_refused[0] == '\0') {
    mesh_text_copy(own->first_refused, sizeof own->first_refused, report->reason);
  }
  if (report->state == SEGMENT_STATE(EMPTY)) {
    own->empty++;
  } else {
    own->stored++;
  }
}

static void recall_event(void *arg, int64_t sequence, mesh_view bytes) {
  (void)sequence;
  mesh_event event;
  if (mesh_event_decode(bytes, &event, NULL) != GRPC_STATUS_OK) return;
  if (event.payload != PAYLOAD(SEGMENT)) return;
  Millrace__V1__SegmentReport *report = mesh_message_unpack(
      &millrace__v1__segment_report__descriptor, event.body.data, event.body.size_bytes);
  if (report == NULL) return;
  recall_segment(arg, report);
  millrace__v1__segment_report__free_unpacked(report, NULL);
}

// ---- the window ----

static void recall_window(load *own, mesh_view bytes) {
  Millrace__V1__Checkpoint *checkpoint =
      mesh_message_unpack(&millrace__v1__checkpoint__descriptor, bytes.data, bytes.size_bytes);
  if (checkpoint == NULL) return;
  Millrace__V1__Interval *window = mesh_message_unpack(
      &millrace__v1__interval__descriptor, checkpoint->state.data, checkpoint->state.len);
  if (window != NULL && window->from != NULL && window->to != NULL) {
    own->window = (interval){window->from->seconds, window->to->seconds};
    own->has_window = true;
  }
  if (window != NULL) millrace__v1__interval__free_unpacked(window, NULL);
  millrace__v1__checkpoint__free_unpacked(checkpoint, NULL);
}

mesh_code load_recall(load *own, mesh_error *err) {
  mesh_operation_record record = mesh_operation_record_of(own->operation);
  if (record.epoch <= 1) return GRPC_STATUS_OK;
  int64_t before_ns = mesh_wall_ns() - record.created_ns;
  if (before_ns > 0) own->started_ns -= before_ns;
  if (record.checkpoint.size_bytes > 0) recall_window(own, record.checkpoint);
  return mesh_operation_history(own->operation, recall_event, own, err);
}

// The tail begins at the newest stored bar, which moves while the load runs.
mesh_code load_keep_window(load *own, mesh_error *err) {
  bool moves = own->mode == MILLRACE__V1__LOAD_REQUEST__MODE__TAIL;
  if (!moves || own->has_window || own->segments.count == 0) return GRPC_STATUS_OK;
  Google__Protobuf__Timestamp from = GOOGLE__PROTOBUF__TIMESTAMP__INIT, to = from;
  Millrace__V1__Interval window = MILLRACE__V1__INTERVAL__INIT;
  from.seconds = own->window.from_s;
  to.seconds = own->window.to_s;
  window.from = &from;
  window.to = &to;
  mesh_bytes state = mesh_message_pack(&window.base);
  Millrace__V1__Checkpoint checkpoint = MILLRACE__V1__CHECKPOINT__INIT;
  checkpoint.total = (int64_t)own->segments.count;
  checkpoint.unit = "segments";
  checkpoint.state = (ProtobufCBinaryData){state.size_bytes, state.data};
  mesh_code code = mesh_message_report(own->operation, PAYLOAD(CHECKPOINT), &checkpoint.base, err);
  free(state.data);
  return code;
}
