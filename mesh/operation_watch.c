// Watching an operation: history first, then live, without a gap or an overlap.
#include <stdlib.h>

#include "mesh/event_stream.h"
#include "mesh/operation_internal.h"

typedef struct watch {
  mesh_event_stream *stream;
  int64_t sent;              // the number of the last durable event that was put
  int64_t progress_version;  // of the newest progress that was put
  mesh_code code;
  mesh_error *err;
} watch;

static void put_durable(watch *own, mesh_view event) {
  if (own->code != GRPC_STATUS_OK) return;
  own->code = mesh_event_stream_put_bytes(own->stream, event, own->err);
  own->sent++;
}

static void put_progress(watch *own, const mesh_operation *operation) {
  int64_t behind = operation->progress_version - own->progress_version;
  if (own->code != GRPC_STATUS_OK || behind == 0) return;
  own->progress_version = operation->progress_version;
  mesh_stored_event event =
      mesh_operation_encode(operation, MESH_MERGEABLE, own->sent, (int32_t)(behind - 1),
                            MILLRACE__V1__OPERATION_EVENT__PAYLOAD_PROGRESS,
                            (mesh_view){operation->progress.data, operation->progress.size_bytes});
  own->code =
      mesh_event_stream_put_bytes(own->stream, (mesh_view){event.data, event.size_bytes}, own->err);
  free(event.data);
}

static void flush(watch *own) {
  if (own->code == GRPC_STATUS_OK) own->code = mesh_event_stream_flush(own->stream, own->err);
}

// Until the outcome was sent, or the caller is gone. Progress is put only when nothing is in
// flight, so a watcher that is slow gets the newest one, and none piles up.
static void watch_live(watch *own, mesh_operation *operation, mesh_scope *scope) {
  while (own->code == GRPC_STATUS_OK) {
    while (own->code == GRPC_STATUS_OK && own->sent < (int64_t)operation->event_count) {
      const mesh_stored_event *event = &operation->events[own->sent];
      put_durable(own, (mesh_view){event->data, event->size_bytes});
    }
    flush(own);
    if (own->sent < (int64_t)operation->event_count) continue;
    if (operation->ended) break;
    put_progress(own, operation);
    if (own->code != GRPC_STATUS_OK || own->sent < (int64_t)operation->event_count ||
        own->progress_version != operation->progress_version || operation->ended) {
      continue;
    }
    own->code = mesh_signal_wait(&operation->changed, scope, MESH_NEVER, own->err);
  }
  if (own->code == GRPC_STATUS_OK && operation->journal_error.code != GRPC_STATUS_OK) {
    *own->err = operation->journal_error;
    own->code = own->err->code;
  }
}

static void watcher_came(mesh_operation *operation) {
  operation->watchers++;
  mesh_timer_stop(&operation->grace);
}

static void watcher_left(mesh_operation *operation) {
  if (--operation->watchers > 0 || operation->detached || operation->ended) return;
  int64_t grace_ns = operation->grace_ms * 1000000;
  mesh_timer_start(operation->operations->loop, &operation->grace, mesh_now_ns() + grace_ns);
}

static void put_stored(void *arg, mesh_view event) {
  put_durable(arg, event);
}

mesh_code mesh_operation_watch(mesh_operations *operations, const char *name,
                               int64_t after_sequence, bool counts, mesh_call *call,
                               mesh_error *err) {
  watch own = {.stream = mesh_event_stream_create(call),
               .sent = after_sequence < 0 ? 0 : after_sequence,
               .code = GRPC_STATUS_OK,
               .err = err};
  mesh_operation *operation = mesh_operations_find(operations, name);
  if (operation != NULL) {
    mesh_operation_hold(operation);
    if (counts) watcher_came(operation);
    watch_live(&own, operation, mesh_call_scope(call));
    if (counts) watcher_left(operation);
    mesh_operation_release(operation);
  } else {
    const mesh_journal *journal = operations->journal;
    mesh_code code = journal->read(journal->self, name, own.sent, put_stored, &own, err);
    if (own.code == GRPC_STATUS_OK) own.code = code;
    flush(&own);
  }
  mesh_event_stream_destroy(own.stream);
  return own.code;
}
