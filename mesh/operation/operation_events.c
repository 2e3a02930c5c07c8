// The events of an operation: encoding, the journal, and the outcome.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/operation/operation_internal.h"
#include "mesh/rpc/pack.h"
#include "mesh/rpc/status_details.h"
#include "mesh/rpc/wire_text.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/text.h"
#include "mesh/runtime/time.h"

#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name

mesh_bytes mesh_operation_encode(const mesh_operation *operation, mesh_event_class class_,
                                 int64_t sequence, int32_t replaced, uint32_t payload,
                                 mesh_view body) {
  mesh_event event = {
      .operation = {(const uint8_t *)operation->name, strlen(operation->name)},
      .epoch = operation->epoch,
      .sequence = sequence,
      .event_class = class_,
      .time_ns = class_ == MESH_DURABLE ? operation->updated_ns : mesh_wall_ns(),
      .replaced = replaced,
      .payload = payload,
      .body = body,
  };
  if (class_ == MESH_DURABLE) {
    event.source_epoch = operation->source_epoch;
    event.source_sequence = operation->source_sequence;
  }
  size_t bound = mesh_event_bound(&event);
  mesh_view hops = class_ == MESH_DURABLE ? operation->hops : (mesh_view){0};
  uint8_t *data = malloc(bound + hops.size_bytes);
  if (data == NULL) abort();
  size_t size_bytes = mesh_event_encode(&event, data, bound);
  if (hops.size_bytes > 0) memcpy(data + size_bytes, hops.data, hops.size_bytes);
  size_bytes += hops.size_bytes;
  // What a host says is passed on unread: here, before it is journalled or shown, its text becomes
  // what every protobuf library reads.
  mesh_wire_mend_text(mesh_wire_type_of(&millrace__v1__operation_event__descriptor), data,
                      size_bytes);
  return (mesh_bytes){data, size_bytes};
}

mesh_operation_record mesh_operation_describe(const mesh_operation *operation) {
  return (mesh_operation_record){
      .name = operation->name,
      .kind = operation->kind,
      .title = operation->title,
      .request_id = operation->request_id,
      .work_key = operation->work_key,
      .labels = operation->labels,
      .requested_by = operation->requested_by,
      .state = operation->state,
      .detached = operation->detached,
      .epoch = operation->epoch,
      .last_sequence = operation->last_sequence,
      .source_epoch = operation->source_epoch,
      .source_sequence = operation->source_sequence,
      .created_ns = operation->created_ns,
      .updated_ns = operation->updated_ns,
      .checkpoint = mesh_bytes_view(operation->checkpoint),
      .outcome = mesh_bytes_view(operation->outcome),
  };
}

// ---- durable events ----

static void forget_oldest(mesh_operation *operation, int count) {
  for (int i = 0; i < count; i++) {
    operation->recent_bytes -= operation->recent[i].size_bytes;
    free(operation->recent[i].data);
  }
  operation->recent_count -= count;
  memmove(operation->recent, operation->recent + count,
          (size_t)operation->recent_count * sizeof *operation->recent);
}

// Makes an event the newest one that watchers see. The older half is dropped when there are many.
static void add_event(mesh_operation *operation, mesh_bytes event) {
  operation->recent_bytes += event.size_bytes;
  if (operation->recent_count == MESH_RECENT_EVENTS) {
    forget_oldest(operation, MESH_RECENT_EVENTS / 2);
  } else if (operation->recent_bytes > MESH_RECENT_BYTES) {
    forget_oldest(operation, (operation->recent_count + 1) / 2);
  }
  operation->recent[operation->recent_count++] = event;
  operation->last_sequence++;
  mesh_signal_notify(&operation->changed);
}

// What comes from a host moves on with its event only: another event must not carry its number.
static mesh_code begin(mesh_operation *operation, const mesh_source *source, uint32_t payload,
                       mesh_view body, mesh_entry *entry, mesh_error *err) {
  while (operation->writing) {  // not below the operation's scope: a cancel must not lose an event
    mesh_code code =
        mesh_signal_wait(&operation->writable, &operation->operations->scope, MESH_NEVER, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  if (operation->ended) {
    return mesh_fail(err, GRPC_STATUS_ABORTED, "%s has ended by force", operation->name);
  }
  operation->writing = true;
  entry->source_epoch = operation->source_epoch;
  entry->source_sequence = operation->source_sequence;
  if (source != NULL) {
    operation->source_epoch = source->epoch;
    operation->source_sequence = source->sequence;
    operation->hops = source->hops;
  }
  if (operation->last_sequence > 0) operation->updated_ns = mesh_wall_ns();
  entry->record = mesh_operation_describe(operation);
  entry->record.last_sequence++;
  entry->record.checkpoint = (mesh_view){0};
  if (payload == MILLRACE__V1__OPERATION_EVENT__PAYLOAD_CHECKPOINT) {
    mesh_bytes_set(&operation->checkpoint, body);
    mesh_wire_mend_text(mesh_wire_type_of(&millrace__v1__checkpoint__descriptor),
                        operation->checkpoint.data, operation->checkpoint.size_bytes);
    entry->record.checkpoint = mesh_bytes_view(operation->checkpoint);
  }
  mesh_bytes event =
      mesh_operation_encode(operation, MESH_DURABLE, entry->record.last_sequence, 0, payload, body);
  operation->hops = (mesh_view){0};
  entry->event = mesh_bytes_view(event);
#ifdef MILLRACE_PLANT_SEND_BEFORE_COMMIT
  // The bug that the chaos test must find: watchers see what is not in the journal yet.
  mesh_bytes shown = {0};
  mesh_bytes_set(&shown, entry->event);
  add_event(operation, shown);
#endif
  return GRPC_STATUS_OK;
}

mesh_code mesh_operation_begin(mesh_operation *operation, uint32_t payload, mesh_view body,
                               mesh_entry *entry, mesh_error *err) {
  return begin(operation, NULL, payload, body, entry, err);
}

static void end_writing(mesh_operation *operation) {
  assert(operation->writing);
  operation->writing = false;
  mesh_signal_notify(&operation->writable);
}

void mesh_operation_publish(mesh_operation *operation, const mesh_entry *entry) {
#ifdef MILLRACE_PLANT_SEND_BEFORE_COMMIT
  free((uint8_t *)entry->event.data);
#else
  add_event(operation, (mesh_bytes){(uint8_t *)entry->event.data, entry->event.size_bytes});
#endif
  operation->journal_error.code = GRPC_STATUS_OK;
  end_writing(operation);
}

void mesh_operation_abandon(mesh_operation *operation, const mesh_entry *entry) {
  operation->source_epoch = entry->source_epoch;
  operation->source_sequence = entry->source_sequence;
  free((uint8_t *)entry->event.data);
  end_writing(operation);
}

static mesh_code append_entry(mesh_operation *operation, mesh_entry *entry, mesh_error *err) {
  const mesh_journal *journal = operation->operations->journal;
  mesh_code code = journal->append(journal->self, &entry->record, entry->event, err);
  if (code == GRPC_STATUS_OK) {
    mesh_operation_publish(operation, entry);
  } else {
    mesh_operation_abandon(operation, entry);
  }
  return code;
}

static mesh_code append_once(mesh_operation *operation, const mesh_source *source, uint32_t payload,
                             mesh_view body, mesh_error *err) {
  mesh_entry entry;
  mesh_code code = begin(operation, source, payload, body, &entry, err);
  return code == GRPC_STATUS_OK ? append_entry(operation, &entry, err) : code;
}

mesh_code mesh_operation_append_once(mesh_operation *operation, uint32_t payload, mesh_view body,
                                     mesh_error *err) {
  return append_once(operation, NULL, payload, body, err);
}

mesh_code mesh_operation_append_message(mesh_operation *operation, uint32_t payload,
                                        const ProtobufCMessage *message, mesh_error *err) {
  mesh_bytes bytes = mesh_message_pack(message);
  mesh_code code = append_once(operation, NULL, payload, mesh_bytes_view(bytes), err);
  free(bytes.data);
  return code;
}

// Until it is in the journal, or the work has to stop.
static mesh_code append(mesh_operation *operation, const mesh_source *source, uint32_t payload,
                        mesh_view body, mesh_error *err) {
  mesh_code code;
  do {
    code = append_once(operation, source, payload, body, err);
  } while (code != GRPC_STATUS_OK &&
           mesh_operation_await_journal(operation, err) == GRPC_STATUS_OK);
  return code == GRPC_STATUS_OK ? code : err->code;
}

mesh_code mesh_operation_report(mesh_operation *operation, uint32_t payload, mesh_view body,
                                mesh_error *err) {
  return append(operation, NULL, payload, body, err);
}

mesh_code mesh_operation_report_from(mesh_operation *operation, const mesh_source *source,
                                     uint32_t payload, mesh_view body, mesh_error *err) {
  return payload == 0 ? GRPC_STATUS_OK : append(operation, source, payload, body, err);
}

// ---- a journal that is full or away ----

static bool is_away(mesh_code code) {
  return code == GRPC_STATUS_RESOURCE_EXHAUSTED || code == GRPC_STATUS_UNAVAILABLE;
}

// Watchers are told, and sent away: they see that nothing moves, and why.
static void tell_watchers(mesh_operation *operation, const mesh_error *why) {
  if (operation->journal_error.code == GRPC_STATUS_OK) {
    mesh_log(MESH_LOG_ERROR, operation->operations->layer,
             "%s waits until its journal takes events again: %s", operation->name, why->message);
  }
  operation->journal_error = *why;
  mesh_signal_notify(&operation->changed);
}

mesh_code mesh_operation_await_journal(mesh_operation *operation, mesh_error *err) {
  if (!is_away(err->code) || operation->ended) return err->code;
  mesh_scope *scope = &operation->scope;
  if (scope->code != GRPC_STATUS_OK) return mesh_scope_check(scope, err);
  tell_watchers(operation, err);
  mesh_code code =
      mesh_sleep_until(scope, mesh_time_after_ms(mesh_now_ns(), MESH_JOURNAL_RETRY_MS), err);
  return code;
}

mesh_code mesh_operation_history(mesh_operation *operation, mesh_each_event each, void *arg,
                                 mesh_error *err) {
  const mesh_journal *journal = operation->operations->journal;
  int count = 1;
  mesh_code code = GRPC_STATUS_OK;
  for (int64_t after = 0; code == GRPC_STATUS_OK && count > 0; after += count) {
    code = journal->read(journal->self, operation->name, after, MESH_RECENT_EVENTS, each, arg,
                         &count, err);
  }
  return code;
}

// ---- progress ----

void mesh_operation_progress_bytes(mesh_operation *operation, mesh_view progress) {
  mesh_bytes_set(&operation->progress, progress);
  operation->progress_version++;
  mesh_signal_notify(&operation->changed);
}

void mesh_operation_progress(mesh_operation *operation, const Millrace__V1__Progress *progress) {
  mesh_bytes bytes = mesh_message_pack(&progress->base);
  mesh_operation_progress_bytes(operation, mesh_bytes_view(bytes));
  free(bytes.data);
}
