#include "backend/operations/service.h"

#include "backend/operations/filter.h"
#include "backend/operations/replay.h"
#include "mesh/operation/event_stream.h"
#include "mesh/rpc/message.h"

enum { PAGE_EVENTS = 256 };

static mesh_code send_operation(void *call, const Millrace__V1__Operation *message,
                                mesh_error *err) {
  return mesh_message_send(call, &message->base, err);
}

static mesh_code list(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  operations_service *self = arg;
  Millrace__V1__ListOperationsRequest *request =
      mesh_message_take(&millrace__v1__list_operations_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  operation_filter filter;
  mesh_code code = operation_filter_init(&filter, request, err);
  if (code == GRPC_STATUS_OK) {
    code = operations_directory_list(&self->directory, &filter.filter, send_operation, call, err);
  }
  operation_filter_fini(&filter);
  millrace__v1__list_operations_request__free_unpacked(request, NULL);
  return code;
}

// The operation as it is, or as it was.
static mesh_code find(const operations_service *self,
                      const Millrace__V1__GetOperationRequest *request,
                      Millrace__V1__Operation **out, mesh_error *err) {
  if (request->at_sequence == 0)
    return operations_directory_find(&self->directory, request->name, out, err);
  if (request->at_sequence < 0) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "at_sequence is %lld: the first event is 1",
                     (long long)request->at_sequence);
  }
  return operation_replay(self->directory.journal, request->name, request->at_sequence, out, err);
}

static mesh_code get(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  Millrace__V1__GetOperationRequest *request =
      mesh_message_take(&millrace__v1__get_operation_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  Millrace__V1__Operation *message = NULL;
  mesh_code code = find(arg, request, &message, err);
  if (code == GRPC_STATUS_OK) code = send_operation(call, message, err);
  operation_message_destroy(message);
  millrace__v1__get_operation_request__free_unpacked(request, NULL);
  return code;
}

static mesh_code watch(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  operations_service *self = arg;
  Millrace__V1__WatchOperationRequest *request =
      mesh_message_take(&millrace__v1__watch_operation_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  mesh_watch how = {.after_sequence = request->after_sequence, .counts = true};
  mesh_code code = mesh_operation_watch(self->directory.operations, request->name, &how, call, err);
  millrace__v1__watch_operation_request__free_unpacked(request, NULL);
  return code;
}

static mesh_code cancel(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  operations_service *self = arg;
  Millrace__V1__CancelOperationRequest *request =
      mesh_message_take(&millrace__v1__cancel_operation_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  const char *requested_by =
      request->requested_by[0] != '\0' ? request->requested_by : "OperationsService.Cancel";
  mesh_watch how = {0};
  mesh_code code = GRPC_STATUS_OK;
  if (request->unless_held) {
    code = mesh_operation_check_unheld(self->directory.operations, request->name, err);
  }
  if (code == GRPC_STATUS_OK) {
    code = operations_directory_cancel(&self->directory, request->name, requested_by,
                                       &how.after_sequence, err);
  }
  if (code == GRPC_STATUS_OK)
    code = mesh_operation_watch(self->directory.operations, request->name, &how, call, err);
  millrace__v1__cancel_operation_request__free_unpacked(request, NULL);
  return code;
}

// ---- the history ----

typedef struct history {
  mesh_event_stream *stream;
  int64_t sent;  // the number of the last event
  mesh_code code;
  mesh_error *err;
} history;

static void put_event(void *arg, int64_t sequence, mesh_view event) {
  history *own = arg;
  if (own->code != GRPC_STATUS_OK) return;
  own->code = mesh_event_stream_put_bytes(own->stream, event, own->err);
  own->sent = sequence;
}

// What was read before the journal failed (a missing event) is shown, and then why there is no
// more.
static mesh_code send_rest(history *own, mesh_code code) {
  mesh_error ignored;
  mesh_code sent = mesh_event_stream_flush(own->stream, &ignored);
  if (sent == GRPC_STATUS_OK) return code;
  *own->err = ignored;
  return sent;
}

static mesh_code send_history(const mesh_journal *journal, const char *name, history *own) {
  int count = 1;
  while (count > 0) {
    mesh_code code = journal->read(journal->self, name, own->sent, PAGE_EVENTS, put_event, own,
                                   &count, own->err);
    if (own->code != GRPC_STATUS_OK) return own->code;
    if (code != GRPC_STATUS_OK) return send_rest(own, code);
  }
  return mesh_event_stream_flush(own->stream, own->err);
}

static mesh_code events(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  operations_service *self = arg;
  Millrace__V1__ListEventsRequest *request =
      mesh_message_take(&millrace__v1__list_events_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  history own = {mesh_event_stream_create(call), request->after_sequence, GRPC_STATUS_OK, err};
  mesh_code code = send_history(self->directory.journal, request->name, &own);
  mesh_event_stream_destroy(own.stream);
  millrace__v1__list_events_request__free_unpacked(request, NULL);
  return code;
}

static mesh_code remove_one(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  operations_service *self = arg;
  Millrace__V1__DeleteOperationRequest *request =
      mesh_message_take(&millrace__v1__delete_operation_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  Millrace__V1__DeleteOperationResponse response = MILLRACE__V1__DELETE_OPERATION_RESPONSE__INIT;
  mesh_code code =
      operations_directory_remove(&self->directory, request->name, &response.events, err);
  if (code == GRPC_STATUS_OK) code = mesh_message_send(call, &response.base, err);
  millrace__v1__delete_operation_request__free_unpacked(request, NULL);
  return code;
}

void operations_service_init(operations_service *self, mesh_operations *operations,
                             const mesh_journal *journal) {
  static const mesh_method methods[] = {
      {.name = "List", .run = list},     {.name = "Get", .run = get},
      {.name = "Watch", .run = watch},   {.name = "Cancel", .run = cancel},
      {.name = "Events", .run = events}, {.name = "Delete", .run = remove_one}};
  *self = (operations_service){
      .service = {"millrace.v1.OperationsService", methods, sizeof methods / sizeof *methods, self},
      .directory = {operations, journal}};
}
