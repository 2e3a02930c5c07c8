// Watching an operation: history first, then live, without a gap or an overlap.
#include <stdlib.h>

#include "mesh/operation/event_stream.h"
#include "mesh/operation/operation_internal.h"
#include "mesh/rpc/pack.h"
#include "mesh/runtime/log.h"

#define PAYLOAD(name) MILLRACE__V1__OPERATION_EVENT__PAYLOAD_##name

enum { PAGE_EVENTS = 64 };  // of history, at a time

// Each watcher beside the first one lets events gather for so long, up to a bound, where they come
// in quick succession: to wake many of them for each event would take the processor from the work.
#define GATHER_NS_PER_WATCHER INT64_C(500000)
#define GATHER_NS_MOST INT64_C(10000000)

typedef struct watch {
  mesh_event_stream *stream;
  int64_t sent;              // the number of the last durable event that was put
  int64_t progress_version;  // of the newest progress that was put
  int64_t woken_ns;          // when it last had something to send, monotonic
  mesh_code code;
  mesh_error *err;
} watch;

static void put_durable(watch *own, mesh_view event) {
  if (own->code != GRPC_STATUS_OK) return;
  own->code = mesh_event_stream_put_bytes(own->stream, event, own->err);
  own->sent++;
}

static void put_stored(void *arg, int64_t sequence, mesh_view event) {
  watch *own = arg;
  put_durable(own, event);
  if (own->code == GRPC_STATUS_OK) own->sent = sequence;  // a host's journal forgets old ones
}

// A mergeable event, which belongs behind what was sent so far.
static void put_mergeable(watch *own, const mesh_operation *operation, int64_t replaced,
                          uint32_t payload, mesh_view body) {
  if (own->code != GRPC_STATUS_OK) return;
  mesh_bytes event =
      mesh_operation_encode(operation, MESH_MERGEABLE, own->sent, (int32_t)replaced, payload, body);
  own->code =
      mesh_event_stream_put_bytes(own->stream, (mesh_view){event.data, event.size_bytes}, own->err);
  free(event.data);
}

static void put_progress(watch *own, const mesh_operation *operation) {
  int64_t behind = operation->progress_version - own->progress_version;
  if (behind == 0) return;
  own->progress_version = operation->progress_version;
  put_mergeable(own, operation, behind - 1, PAYLOAD(PROGRESS),
                (mesh_view){operation->progress.data, operation->progress.size_bytes});
}

static void put_message(watch *own, const mesh_operation *operation, uint32_t payload,
                        const ProtobufCMessage *message) {
  mesh_bytes bytes = mesh_message_pack(message);
  put_mergeable(own, operation, 0, payload, mesh_bytes_view(bytes));
  free(bytes.data);
}

static void put_joined(watch *own, const mesh_operation *operation, const char *because) {
  Millrace__V1__Joined joined = MILLRACE__V1__JOINED__INIT;
  joined.because = (char *)because;
  put_message(own, operation, PAYLOAD(JOINED), &joined.base);
}

static void flush(watch *own) {
  if (own->code == GRPC_STATUS_OK) own->code = mesh_event_stream_flush(own->stream, own->err);
}

static int64_t first_recent(const mesh_operation *operation) {
  return operation->last_sequence - operation->recent_count + 1;
}

// A page of what is only in the journal.
static void put_history(watch *own, mesh_operation *operation) {
  const mesh_journal *journal = operation->operations->journal;
  int count = 0;
  mesh_code code = journal->read(journal->self, operation->name, own->sent, PAGE_EVENTS, put_stored,
                                 own, &count, own->err);
  if (own->code != GRPC_STATUS_OK || (code == GRPC_STATUS_OK && count > 0)) return;
  own->code = code != GRPC_STATUS_OK
                  ? code
                  : mesh_fail(own->err, GRPC_STATUS_DATA_LOSS,
                              "%s: event %lld of %lld is not in the journal", operation->name,
                              (long long)own->sent + 1, (long long)operation->last_sequence);
}

// The event is looked up behind the wait: what is recent now may be forgotten then.
static void put_next(watch *own, mesh_operation *operation) {
  own->code = mesh_event_stream_await_room(own->stream, own->err);
  if (own->code != GRPC_STATUS_OK) return;
  if (own->sent + 1 < first_recent(operation)) {
    put_history(own, operation);
    return;
  }
  const mesh_bytes *event = &operation->recent[own->sent + 1 - first_recent(operation)];
  put_durable(own, (mesh_view){event->data, event->size_bytes});
}

// True when all there is was put.
static bool catch_up(watch *own, mesh_operation *operation) {
  while (own->code == GRPC_STATUS_OK && own->sent < operation->last_sequence)
    put_next(own, operation);
  if (own->code != GRPC_STATUS_OK) return false;
  bool has_progress = operation->progress_version != own->progress_version;
  if (!operation->ended && !has_progress) return true;
  // Progress only when nothing is in flight: a slow watcher gets the newest one, and none piles up.
  flush(own);
  if (own->code != GRPC_STATUS_OK || own->sent < operation->last_sequence) return false;
  if (operation->ended) return true;
  put_progress(own, operation);
  return false;
}

// Not for what comes after a quiet time, nor for the end.
static void gather(watch *own, mesh_operation *operation, mesh_scope *scope) {
  int64_t window_ns = (operation->watchers - 1) * GATHER_NS_PER_WATCHER;
  int64_t due_ns = own->woken_ns + (window_ns < GATHER_NS_MOST ? window_ns : GATHER_NS_MOST);
  while (own->code == GRPC_STATUS_OK && !operation->ended && mesh_now_ns() < due_ns &&
         mesh_operation_scope(operation)->code == GRPC_STATUS_OK) {
    own->code = mesh_signal_wait(&operation->changed, scope, due_ns, own->err);
    if (own->code == GRPC_STATUS_DEADLINE_EXCEEDED && scope->code == GRPC_STATUS_OK) {
      own->code = GRPC_STATUS_OK;
    }
  }
  own->woken_ns = mesh_now_ns();
}

// Waits for something to send; a heartbeat where nothing comes for long.
static void await_change(watch *own, mesh_operation *operation, mesh_scope *scope) {
  int64_t beat_ns = mesh_ms_ns(operation->operations->options.heartbeat_ms);
  own->code =
      mesh_signal_wait(&operation->changed, scope, mesh_time_add(mesh_now_ns(), beat_ns), own->err);
  if (own->code == GRPC_STATUS_OK) gather(own, operation, scope);
  if (own->code != GRPC_STATUS_DEADLINE_EXCEEDED || scope->code != GRPC_STATUS_OK) return;
  own->code = GRPC_STATUS_OK;
  put_mergeable(own, operation, 0, PAYLOAD(HEARTBEAT), (mesh_view){(const uint8_t *)"", 0});
}

// The operation goes on elsewhere, or will: a Drain event with the resume point.
static void send_elsewhere(watch *own, const mesh_operations *operations, const char *name,
                           int64_t epoch) {
  if (own->code != GRPC_STATUS_OK) return;
  own->code = mesh_event_stream_drain(own->stream, operations->layer, name, epoch, own->err);
}

// The stream ends without an outcome: this process leaves, or cannot write it down.
static void send_away(watch *own, const mesh_operation *operation) {
  if (operation->journal_error.code == GRPC_STATUS_OK ||
      operation->journal_error.code == GRPC_STATUS_ABORTED) {
    send_elsewhere(own, operation->operations, operation->name, operation->epoch);
    return;
  }
  *own->err = operation->journal_error;
  own->code = own->err->code;
}

// Until the outcome was sent, or the caller is gone, or the operation goes on elsewhere.
static void watch_live(watch *own, mesh_operation *operation, mesh_scope *scope) {
  while (own->code == GRPC_STATUS_OK) {
    if (!catch_up(own, operation)) continue;
    bool over = operation->outcome.data != NULL && operation->ended &&
                operation->journal_error.code == GRPC_STATUS_OK;
    if (over) return;
    if (operation->ended || operation->operations->left ||
        operation->journal_error.code != GRPC_STATUS_OK) {
      send_away(own, operation);
      return;
    }
    await_change(own, operation, scope);
  }
}

static void refuse_number(watch *own, const char *name, int64_t last_sequence) {
  own->code = mesh_fail(own->err, GRPC_STATUS_OUT_OF_RANGE,
                        "%s has %lld events: nothing can be after event %lld", name,
                        (long long)last_sequence, (long long)own->sent);
}

static void come(mesh_operations *operations, mesh_watching *self) {
  self->at = &operations->first_watching;
  self->next = *self->at;
  *self->at = self;
  if (self->next != NULL) self->next->at = &self->next;
  operations->watching++;
  mesh_signal_notify(&operations->ended);
}

static void go(mesh_operations *operations, mesh_watching *self) {
  *self->at = self->next;
  if (self->next != NULL) self->next->at = self->at;
  operations->watching--;
  mesh_signal_notify(&operations->ended);
}

static void watch_running(watch *own, mesh_operation *operation, const mesh_watch *how,
                          mesh_scope *scope) {
  mesh_operations *operations = operation->operations;
  mesh_operation_hold(operation);
  mesh_watching self = {.call = scope};
  operation->watchers++;
  come(operations, &self);
  if (how->counts) mesh_operation_keep(operation);
  if (how->joined != NULL) put_joined(own, operation, how->joined);
  if (own->sent > operation->last_sequence) {
    refuse_number(own, operation->name, operation->last_sequence);
  } else {
    watch_live(own, operation, scope);
  }
  if (how->counts) mesh_operation_unkeep(operation);
  operation->watchers--;
  go(operations, &self);
  mesh_operation_release(operation);
}

// The journal failed (an event is missing): what was read before it is shown, then why there is no
// more.
static void fail_behind(watch *own, mesh_code code) {
  mesh_error why = *own->err;
  flush(own);
  if (own->code != GRPC_STATUS_OK) return;
  *own->err = why;
  own->code = code;
}

// ---- what does not run here ----

typedef struct stored {
  int64_t last_sequence, epoch;
  bool ended;
} stored;

static void take_stored(void *arg, const mesh_operation_record *record) {
  *(stored *)arg = (stored){record->last_sequence, record->epoch, record->outcome.size_bytes > 0};
}

static void put_stored_events(watch *own, mesh_operations *operations, const char *name,
                              int64_t last_sequence) {
  const mesh_journal *journal = operations->journal;
  int count = 1;
  while (own->code == GRPC_STATUS_OK && own->sent < last_sequence && count > 0) {
    mesh_code code = journal->read(journal->self, name, own->sent, PAGE_EVENTS, put_stored, own,
                                   &count, own->err);
    if (own->code == GRPC_STATUS_OK && code != GRPC_STATUS_OK) fail_behind(own, code);
  }
}

// Whoever asks for what comes after the outcome would wait for ever, or take the end of the stream
// for an outcome.
static void refuse_end(watch *own, const char *name) {
  own->code =
      mesh_fail(own->err, GRPC_STATUS_OUT_OF_RANGE,
                "%s has ended with event %lld: nothing comes after it", name, (long long)own->sent);
}

void mesh_operations_ask_for_owner(mesh_operations *operations) {
  const mesh_journal *journal = operations->journal;
  mesh_error err;
  if (operations->draining || journal->check_owner == NULL) return;
  if (journal->check_owner(journal->self, &err) == GRPC_STATUS_OK) return;
  mesh_log(MESH_LOG_WARN, operations->layer, "%s", err.message);
}

// The journal has all of it, if it has ended. If it has not, somebody else runs it: a process that
// follows this one, or that has taken the journal over.
static void watch_journal(watch *own, mesh_operations *operations, const char *name) {
  const mesh_journal *journal = operations->journal;
  stored at = {0};
  own->code = journal->find(journal->self, name, NULL, take_stored, &at, own->err);
  if (own->code != GRPC_STATUS_OK) return;
  if (own->sent > at.last_sequence) {
    refuse_number(own, name, at.last_sequence);
  } else if (at.ended && own->sent == at.last_sequence) {
    refuse_end(own, name);
  } else {
    put_stored_events(own, operations, name, at.last_sequence);
    if (!at.ended) mesh_operations_ask_for_owner(operations);
    if (!at.ended) send_elsewhere(own, operations, name, at.epoch);
  }
}

// It may begin to run here, or end, while the journal is asked.
static void watch_wherever(watch *own, mesh_operations *operations, const char *name,
                           const mesh_watch *how, mesh_scope *scope) {
  mesh_operation *operation = mesh_operations_find(operations, name);
  if (operation != NULL) {
    watch_running(own, operation, how, scope);
  } else {
    watch_journal(own, operations, name);
  }
}

mesh_code mesh_operation_watch(mesh_operations *operations, const char *name, const mesh_watch *how,
                               mesh_call *call, mesh_error *err) {
  watch own = {.stream = mesh_event_stream_create(call),
               .sent = how->after_sequence < 0 ? 0 : how->after_sequence,
               .code = GRPC_STATUS_OK,
               .err = err};
  mesh_event_stream_set_after(own.stream, own.sent);
  watch_wherever(&own, operations, name, how, mesh_call_scope(call));
  return mesh_event_stream_end(own.stream, own.code, err);
}
