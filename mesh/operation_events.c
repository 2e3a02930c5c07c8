// The events of an operation: encoding, the journal, and the outcome.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/operation_internal.h"
#include "mesh/status_details.h"

#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name

void mesh_store_bytes(mesh_stored_event *stored, const uint8_t *data, size_t size_bytes) {
  uint8_t *copy = malloc(size_bytes + 1);
  if (copy == NULL) abort();
  if (size_bytes > 0) memcpy(copy, data, size_bytes);
  free(stored->data);
  *stored = (mesh_stored_event){copy, size_bytes};
}

mesh_stored_event mesh_operation_encode(const mesh_operation *operation, mesh_event_class class_,
                                        int64_t sequence, int32_t replaced, uint32_t payload,
                                        mesh_view body) {
  mesh_event event = {
      .operation = {(const uint8_t *)operation->name, strlen(operation->name)},
      .epoch = operation->epoch,
      .sequence = sequence,
      .event_class = class_,
      .time_ns = mesh_wall_ns(),
      .replaced = replaced,
      .payload = payload,
      .body = body,
  };
  size_t bound = mesh_event_bound(&event);
  uint8_t *data = malloc(bound);
  if (data == NULL) abort();
  return (mesh_stored_event){data, mesh_event_encode(&event, data, bound)};
}

mesh_operation_record mesh_operation_describe(const mesh_operation *operation) {
  return (mesh_operation_record){
      .name = operation->name,
      .kind = operation->kind,
      .title = operation->title,
      .request_id = operation->request_id,
      .work_key = operation->work_key,
      .state = operation->state,
      .detached = operation->detached,
      .epoch = operation->epoch,
      .last_sequence = operation->base_sequence + (int64_t)operation->event_count,
      .created_ns = operation->created_ns,
      .updated_ns = operation->updated_ns,
      .outcome = {operation->outcome.data, operation->outcome.size_bytes},
  };
}

// ---- durable events ----

static void add_event(mesh_operation *operation, mesh_stored_event event) {
  if (operation->event_count == operation->event_capacity) {
    operation->event_capacity = 2 * operation->event_capacity + 8;
    operation->events =
        realloc(operation->events, operation->event_capacity * sizeof *operation->events);
    if (operation->events == NULL) abort();
  }
  operation->events[operation->event_count++] = event;
}

mesh_code mesh_operation_begin(mesh_operation *operation, uint32_t payload, mesh_view body,
                               mesh_entry *entry, mesh_error *err) {
  while (operation->writing) {  // not below the operation's scope: a cancel must not lose an event
    mesh_code code =
        mesh_signal_wait(&operation->writable, &operation->operations->scope, MESH_NEVER, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  operation->writing = true;
  operation->updated_ns = mesh_wall_ns();
  entry->record = mesh_operation_describe(operation);
  entry->record.last_sequence++;
  mesh_stored_event event =
      mesh_operation_encode(operation, MESH_DURABLE, entry->record.last_sequence, 0, payload, body);
  entry->event = (mesh_view){event.data, event.size_bytes};
  return GRPC_STATUS_OK;
}

static void end_writing(mesh_operation *operation) {
  assert(operation->writing);
  operation->writing = false;
  mesh_signal_notify(&operation->writable);
}

void mesh_operation_publish(mesh_operation *operation, const mesh_entry *entry) {
  add_event(operation, (mesh_stored_event){(uint8_t *)entry->event.data, entry->event.size_bytes});
  end_writing(operation);
  mesh_signal_notify(&operation->changed);
}

void mesh_operation_abandon(mesh_operation *operation, const mesh_entry *entry) {
  free((uint8_t *)entry->event.data);
  end_writing(operation);
}

mesh_code mesh_operation_report(mesh_operation *operation, uint32_t payload, mesh_view body,
                                mesh_error *err) {
  mesh_entry entry;
  mesh_code code = mesh_operation_begin(operation, payload, body, &entry, err);
  if (code != GRPC_STATUS_OK) return code;
  const mesh_journal *journal = operation->operations->journal;
  code = journal->append(journal->self, &entry.record, entry.event, err);
  if (code == GRPC_STATUS_OK) {
    mesh_operation_publish(operation, &entry);
  } else {
    mesh_operation_abandon(operation, &entry);
  }
  return code;
}

void mesh_operation_progress(mesh_operation *operation, const Millrace__V1__Progress *progress) {
  uint8_t bytes[512];
  if (millrace__v1__progress__get_packed_size(progress) > sizeof bytes) return;
  mesh_store_bytes(&operation->progress, bytes, millrace__v1__progress__pack(progress, bytes));
  operation->progress_version++;
  mesh_signal_notify(&operation->changed);
}

// ---- the outcome ----

// The failure as google.rpc.Status, details included; the caller frees it with
// google__rpc__status__free_unpacked().
static Google__Rpc__Status *make_status(mesh_code code, mesh_error *err) {
  err->code = code;
  mesh_error_encode_details(err);
  if (err->details_size > 0) {
    Google__Rpc__Status *status =
        google__rpc__status__unpack(NULL, err->details_size, err->details);
    if (status != NULL) return status;
  }
  Google__Rpc__Status plain = GOOGLE__RPC__STATUS__INIT;
  plain.code = (int32_t)code;
  plain.message = err->message;
  uint8_t bytes[MESH_ERROR_MESSAGE_MAX + 16];
  return google__rpc__status__unpack(NULL, google__rpc__status__pack(&plain, bytes), bytes);
}

static void name_cancel(mesh_operation *operation, Millrace__V1__Cancelled *cancelled) {
  cancelled->requested_by = operation->requested_by;
  if (cancelled->n_stops > 0) {
    cancelled->last_layer = cancelled->stops[cancelled->n_stops - 1]->layer;
  } else {
    cancelled->last_layer = (char *)operation->operations->layer;
  }
}

// Journals the outcome and shows it. On failure watchers are told why there is none.
static mesh_code report_outcome(mesh_operation *operation, const Millrace__V1__Outcome *outcome,
                                Millrace__V1__OperationState state, mesh_error *err) {
  size_t size_bytes = millrace__v1__outcome__get_packed_size(outcome);
  uint8_t *bytes = malloc(size_bytes + 1);
  if (bytes == NULL) abort();
  millrace__v1__outcome__pack(outcome, bytes);
  mesh_store_bytes(&operation->outcome, bytes, size_bytes);
  mesh_operation_enter(operation, state);
  mesh_code code = mesh_operation_report(operation, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_OUTCOME,
                                         (mesh_view){bytes, size_bytes}, err);
  if (code != GRPC_STATUS_OK) operation->journal_error = *err;
  free(bytes);
  return code;
}

mesh_code mesh_operation_finish(mesh_operation *operation, mesh_code code,
                                Millrace__V1__Succeeded *succeeded,
                                Millrace__V1__Cancelled *cancelled, mesh_error *err) {
  Millrace__V1__Outcome outcome = MILLRACE__V1__OUTCOME__INIT;
  Millrace__V1__OperationState state = STATE(FAILED);
  Google__Rpc__Status *failed = NULL;
  if (code == GRPC_STATUS_OK) {
    outcome.outcome_case = MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED;
    outcome.succeeded = succeeded;
    state = STATE(SUCCEEDED);
  } else if (code == GRPC_STATUS_CANCELLED && operation->state == STATE(CANCELLING) &&
             cancelled != NULL) {
    name_cancel(operation, cancelled);
    outcome.outcome_case = MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED;
    outcome.cancelled = cancelled;
    state = STATE(CANCELLED);
  } else {
    failed = make_status(code, err);
    outcome.outcome_case = MILLRACE__V1__OUTCOME__OUTCOME_FAILED;
    outcome.failed = failed;
  }
  code = report_outcome(operation, &outcome, state, err);
  if (failed != NULL) google__rpc__status__free_unpacked(failed, NULL);
  return code;
}
