#include "backend/operations/service.h"

#include <stdlib.h>
#include <string.h>

#include "mesh/event_stream.h"

enum { LIST_LIMIT = 100 };

static mesh_code bad_request(const char *type, mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "the request is no millrace.v1.%s", type);
}

// ---- one Operation message ----

static void set_time(Google__Protobuf__Timestamp *out, int64_t time_ns) {
  google__protobuf__timestamp__init(out);
  out->seconds = time_ns / 1000000000;
  out->nanos = (int32_t)(time_ns % 1000000000);
}

// Sends `record` as an Operation; `progress` is an encoded Progress, empty if there is none.
static mesh_code send_operation(mesh_call *call, const mesh_operation_record *record,
                                mesh_view progress, mesh_error *err) {
  Google__Protobuf__Timestamp created, updated;
  set_time(&created, record->created_ns);
  set_time(&updated, record->updated_ns);
  Millrace__V1__Operation message = MILLRACE__V1__OPERATION__INIT;
  message.name = (char *)record->name;
  message.kind = (char *)record->kind;
  message.title = (char *)record->title;
  message.state = record->state;
  message.created = &created;
  message.updated = &updated;
  message.epoch = record->epoch;
  message.last_sequence = record->last_sequence;
  message.detached = record->detached;
  if (record->outcome.size_bytes > 0) {
    message.outcome =
        millrace__v1__outcome__unpack(NULL, record->outcome.size_bytes, record->outcome.data);
  } else if (progress.size_bytes > 0) {
    message.progress = millrace__v1__progress__unpack(NULL, progress.size_bytes, progress.data);
  }
  size_t size_bytes = millrace__v1__operation__get_packed_size(&message);
  uint8_t *bytes = malloc(size_bytes);
  if (bytes == NULL) abort();
  millrace__v1__operation__pack(&message, bytes);
  if (message.outcome != NULL) millrace__v1__outcome__free_unpacked(message.outcome, NULL);
  if (message.progress != NULL) millrace__v1__progress__free_unpacked(message.progress, NULL);
  mesh_code code = mesh_call_send(call, (mesh_frame){bytes, size_bytes, false}, err);
  free(bytes);
  return code;
}

typedef struct sending {
  operations_service *self;
  mesh_call *call;
  mesh_code code;
  mesh_error *err;
} sending;

// Sends a record of the journal, or what is newer in memory.
static void send_record(void *arg, const mesh_operation_record *record) {
  sending *to = arg;
  if (to->code != GRPC_STATUS_OK) return;
  mesh_operation_record live = *record;
  mesh_view progress = {0};
  mesh_operation_peek(to->self->operations, record->name, &live, &progress);
  to->code = send_operation(to->call, &live, progress, to->err);
}

// ---- methods ----

static mesh_code list(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  operations_service *self = arg;
  Millrace__V1__ListOperationsRequest *request =
      millrace__v1__list_operations_request__unpack(NULL, frame.size_bytes, frame.data);
  if (request == NULL) return bad_request("ListOperationsRequest", err);
  sending to = {self, call, GRPC_STATUS_OK, err};
  int limit = request->limit > 0 ? request->limit : LIST_LIMIT;
  mesh_code code = self->journal->list(self->journal->self, request->kind, request->state, limit,
                                       send_record, &to, err);
  millrace__v1__list_operations_request__free_unpacked(request, NULL);
  return to.code != GRPC_STATUS_OK ? to.code : code;
}

static mesh_code get(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  operations_service *self = arg;
  Millrace__V1__GetOperationRequest *request =
      millrace__v1__get_operation_request__unpack(NULL, frame.size_bytes, frame.data);
  if (request == NULL) return bad_request("GetOperationRequest", err);
  sending to = {self, call, GRPC_STATUS_OK, err};
  mesh_code code =
      self->journal->find(self->journal->self, request->name, NULL, send_record, &to, err);
  millrace__v1__get_operation_request__free_unpacked(request, NULL);
  return to.code != GRPC_STATUS_OK ? to.code : code;
}

static mesh_code watch(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  operations_service *self = arg;
  Millrace__V1__WatchOperationRequest *request =
      millrace__v1__watch_operation_request__unpack(NULL, frame.size_bytes, frame.data);
  if (request == NULL) return bad_request("WatchOperationRequest", err);
  mesh_code code = mesh_operation_watch(self->operations, request->name, request->after_sequence,
                                        true, call, err);
  millrace__v1__watch_operation_request__free_unpacked(request, NULL);
  return code;
}

static void take_sequence(void *arg, const mesh_operation_record *record) {
  *(int64_t *)arg = record->last_sequence;
}

// The events from now on, or the outcome alone where the operation has ended.
static mesh_code cancel_and_watch(operations_service *self, mesh_call *call, const char *name,
                                  const char *requested_by, mesh_error *err) {
  mesh_operation_record record;
  mesh_view progress;
  int64_t sequence = 0;
  if (mesh_operation_peek(self->operations, name, &record, &progress)) {
    sequence = record.last_sequence;
    mesh_code code = mesh_operation_cancel(self->operations, name, requested_by, err);
    if (code != GRPC_STATUS_OK) return code;
  } else {
    mesh_code code =
        self->journal->find(self->journal->self, name, NULL, take_sequence, &sequence, err);
    if (code != GRPC_STATUS_OK) return code;
    sequence--;  // the outcome is the last event
  }
  return mesh_operation_watch(self->operations, name, sequence, false, call, err);
}

static mesh_code cancel(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  Millrace__V1__CancelOperationRequest *request =
      millrace__v1__cancel_operation_request__unpack(NULL, frame.size_bytes, frame.data);
  if (request == NULL) return bad_request("CancelOperationRequest", err);
  const char *requested_by =
      request->requested_by[0] != '\0' ? request->requested_by : "OperationsService.Cancel";
  mesh_code code = cancel_and_watch(arg, call, request->name, requested_by, err);
  millrace__v1__cancel_operation_request__free_unpacked(request, NULL);
  return code;
}

typedef struct replay {
  mesh_event_stream *stream;
  mesh_code code;
  mesh_error *err;
} replay;

static void put_event(void *arg, mesh_view event) {
  replay *own = arg;
  if (own->code != GRPC_STATUS_OK) return;
  own->code = mesh_event_stream_put_bytes(own->stream, event, own->err);
}

static mesh_code events(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  operations_service *self = arg;
  Millrace__V1__ListEventsRequest *request =
      millrace__v1__list_events_request__unpack(NULL, frame.size_bytes, frame.data);
  if (request == NULL) return bad_request("ListEventsRequest", err);
  replay own = {mesh_event_stream_create(call), GRPC_STATUS_OK, err};
  mesh_code code = self->journal->read(self->journal->self, request->name, request->after_sequence,
                                       put_event, &own, err);
  if (own.code != GRPC_STATUS_OK) code = own.code;
  if (code == GRPC_STATUS_OK) code = mesh_event_stream_flush(own.stream, err);
  mesh_event_stream_destroy(own.stream);
  millrace__v1__list_events_request__free_unpacked(request, NULL);
  return code;
}

void operations_service_init(operations_service *self, mesh_operations *operations,
                             const mesh_journal *journal) {
  static const mesh_method methods[] = {{.name = "List", .run = list},
                                        {.name = "Get", .run = get},
                                        {.name = "Watch", .run = watch},
                                        {.name = "Cancel", .run = cancel},
                                        {.name = "Events", .run = events}};
  *self = (operations_service){
      .service = {"millrace.v1.OperationsService", methods, sizeof methods / sizeof *methods, self},
      .operations = operations,
      .journal = journal};
}
