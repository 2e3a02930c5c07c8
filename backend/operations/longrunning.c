#include "backend/operations/longrunning.h"

#include "backend/operations/longrunning_list.h"
#include "backend/operations/longrunning_message.h"
#include "mesh/rpc/message.h"

static mesh_code send_empty(mesh_call *call, mesh_error *err) {
  return mesh_call_send(call, (mesh_frame){(const uint8_t *)"", 0, false}, err);
}

static mesh_code send_message(mesh_call *call, const Millrace__V1__Operation *operation,
                              mesh_error *err) {
  Google__Longrunning__Operation *message = longrunning_message_of(operation);
  mesh_code code = mesh_message_send(call, &message->base, err);
  google__longrunning__operation__free_unpacked(message, NULL);
  return code;
}

static mesh_code list(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  longrunning_service *self = arg;
  Google__Longrunning__ListOperationsRequest *request =
      mesh_message_take(&google__longrunning__list_operations_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  mesh_code code = longrunning_list(&self->directory, request, call, err);
  google__longrunning__list_operations_request__free_unpacked(request, NULL);
  return code;
}

static mesh_code get(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  longrunning_service *self = arg;
  Google__Longrunning__GetOperationRequest *request =
      mesh_message_take(&google__longrunning__get_operation_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  Millrace__V1__Operation *operation = NULL;
  mesh_code code = operations_directory_find(&self->directory, request->name, &operation, err);
  if (code == GRPC_STATUS_OK) code = send_message(call, operation, err);
  operation_message_destroy(operation);
  google__longrunning__get_operation_request__free_unpacked(request, NULL);
  return code;
}

static mesh_code remove_one(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  longrunning_service *self = arg;
  Google__Longrunning__DeleteOperationRequest *request =
      mesh_message_take(&google__longrunning__delete_operation_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  mesh_code code = operations_directory_remove(&self->directory, request->name, NULL, err);
  if (code == GRPC_STATUS_OK) code = send_empty(call, err);
  google__longrunning__delete_operation_request__free_unpacked(request, NULL);
  return code;
}

static mesh_code cancel(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  longrunning_service *self = arg;
  Google__Longrunning__CancelOperationRequest *request =
      mesh_message_take(&google__longrunning__cancel_operation_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  mesh_code code = operations_directory_cancel(
      &self->directory, request->name, "google.longrunning.Operations.CancelOperation", NULL, err);
  if (code == GRPC_STATUS_OK) {  // the answer is a promise
    code = mesh_operation_await_cancel(self->directory.operations, request->name,
                                       mesh_call_scope(call), err);
  }
  if (code == GRPC_STATUS_OK) code = send_empty(call, err);
  google__longrunning__cancel_operation_request__free_unpacked(request, NULL);
  return code;
}

// ---- wait ----

// MESH_NEVER where the request names none.
static mesh_code take_timeout(const Google__Protobuf__Duration *timeout, int64_t *out_ns,
                              mesh_error *err) {
  *out_ns = MESH_NEVER;
  if (timeout == NULL) return GRPC_STATUS_OK;
  if (!mesh_is_duration(timeout->seconds, timeout->nanos)) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "timeout is %lld s and %d ns: from 0 s to %lld s, please",
                     (long long)timeout->seconds, timeout->nanos, (long long)MESH_DURATION_MOST_S);
  }
  *out_ns = mesh_time_join(timeout->seconds, timeout->nanos);
  return GRPC_STATUS_OK;
}

// OK too when only the timeout is over: *late is true then.
static mesh_code await_end(const longrunning_service *self, mesh_scope *scope, const char *name,
                           int64_t timeout_ns, bool *late, mesh_error *err) {
  mesh_scope waiting;
  mesh_scope_open(&waiting, scope);
  mesh_scope_set_deadline(&waiting, mesh_time_add(mesh_now_ns(), timeout_ns));
  mesh_code code = mesh_operation_await(self->directory.operations, name, &waiting, err);
  mesh_scope_close(&waiting);
  *late = code != GRPC_STATUS_OK;
  return *late ? mesh_scope_check(scope, err) : code;
}

static mesh_code wait_and_find(const longrunning_service *self, mesh_scope *scope,
                               const Google__Longrunning__WaitOperationRequest *request,
                               Millrace__V1__Operation **out, mesh_error *err) {
  int64_t timeout_ns;
  bool late = false;
  mesh_code code = take_timeout(request->timeout, &timeout_ns, err);
  if (code == GRPC_STATUS_OK) code = await_end(self, scope, request->name, timeout_ns, &late, err);
  if (code == GRPC_STATUS_OK)
    code = operations_directory_find(&self->directory, request->name, out, err);
  if (code != GRPC_STATUS_OK || late || (*out)->outcome != NULL) return code;
  // It ended here without an outcome, or runs elsewhere: this process leaves, or ought to.
  mesh_operations_ask_for_owner(self->directory.operations);
  code = mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "%s goes on elsewhere", request->name);
  mesh_error_set_reason(err, "DRAINING", "mesh.millrace");
  return code;
}

static mesh_code wait_for_end(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  Google__Longrunning__WaitOperationRequest *request =
      mesh_message_take(&google__longrunning__wait_operation_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  Millrace__V1__Operation *operation = NULL;
  mesh_code code = wait_and_find(arg, mesh_call_scope(call), request, &operation, err);
  if (code == GRPC_STATUS_OK) code = send_message(call, operation, err);
  operation_message_destroy(operation);
  google__longrunning__wait_operation_request__free_unpacked(request, NULL);
  return code;
}

void longrunning_service_init(longrunning_service *self, mesh_operations *operations,
                              const mesh_journal *journal) {
  static const mesh_method methods[] = {{.name = "ListOperations", .run = list},
                                        {.name = "GetOperation", .run = get},
                                        {.name = "DeleteOperation", .run = remove_one},
                                        {.name = "CancelOperation", .run = cancel},
                                        {.name = "WaitOperation", .run = wait_for_end}};
  *self = (longrunning_service){
      .service = {"google.longrunning.Operations", methods, sizeof methods / sizeof *methods, self},
      .directory = {operations, journal}};
}
