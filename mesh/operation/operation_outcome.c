// The outcome of an operation: one, journalled, whatever the work did.
#include <stdlib.h>
#include <string.h>

#include "mesh/operation/operation_internal.h"
#include "mesh/rpc/pack.h"
#include "mesh/rpc/status_details.h"
#include "mesh/rpc/wire_text.h"
#include "mesh/runtime/log.h"

#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name

// The failure as google.rpc.Status, details included; the caller frees it with
// google__rpc__status__free_unpacked().
static Google__Rpc__Status *make_status(mesh_code code, mesh_error *err) {
  err->code = code;
  mesh_error_encode_details(err);
  if (err->details_size > 0) {
    Google__Rpc__Status *status =
        mesh_message_unpack(&google__rpc__status__descriptor, err->details, err->details_size);
    if (status != NULL) return status;
  }
  Google__Rpc__Status plain = GOOGLE__RPC__STATUS__INIT;
  plain.code = (int32_t)code;
  plain.message = err->message;
  mesh_bytes bytes = mesh_message_pack(&plain.base);
  Google__Rpc__Status *status =
      mesh_message_unpack(&google__rpc__status__descriptor, bytes.data, bytes.size_bytes);
  free(bytes.data);
  return status;
}

static void name_cancel(mesh_operation *operation, Millrace__V1__Cancelled *cancelled,
                        Google__Protobuf__Timestamp *requested) {
  google__protobuf__timestamp__init(requested);
  requested->seconds = mesh_time_seconds(operation->requested_ns);
  requested->nanos = mesh_time_nanos(operation->requested_ns);
  cancelled->requested = requested;
  cancelled->requested_by = operation->requested_by;
  cancelled->forced = operation->forced;
  if (cancelled->n_stops > 0) {
    cancelled->last_layer = cancelled->stops[cancelled->n_stops - 1]->layer;
  } else {
    cancelled->last_layer = (char *)operation->operations->layer;
  }
}

// Appends the outcome's event. A journal that is full or away is asked again until this process
// leaves; meanwhile watchers are told why there is no outcome yet. A journal that another process
// has taken over is left alone: that process goes on with the operation.
static mesh_code journal_outcome(mesh_operation *operation, mesh_view body, mesh_error *err) {
  mesh_scope *scope = &operation->operations->scope;
  for (;;) {
    mesh_code code = mesh_operation_append_once(
        operation, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_OUTCOME, body, err);
    if (code == GRPC_STATUS_OK) return code;
    operation->journal_error = *err;
    mesh_signal_notify(&operation->changed);
    mesh_log(MESH_LOG_ERROR, operation->operations->layer,
             "%s: the outcome is not in the journal: %s", operation->name, err->message);
    if (code == GRPC_STATUS_ABORTED || operation->operations->draining) return code;
    mesh_error ignored;
    if (mesh_sleep_until(scope, mesh_time_after_ms(mesh_now_ns(), MESH_JOURNAL_RETRY_MS),
                         &ignored) != GRPC_STATUS_OK) {
      return code;
    }
  }
}

static mesh_code report_outcome(mesh_operation *operation, const Millrace__V1__Outcome *outcome,
                                Millrace__V1__OperationState state, mesh_error *err) {
  mesh_bytes bytes = mesh_message_pack(&outcome->base);
  mesh_bytes_set(&operation->outcome, mesh_bytes_view(bytes));
  mesh_operation_enter(operation, state);
  mesh_code code = journal_outcome(operation, mesh_bytes_view(bytes), err);
  free(bytes.data);
  return code;
}

// CancelRequested stands before the outcome.
static void await_cancel_report(mesh_operation *operation) {
  mesh_error err;
  mesh_scope *scope = &operation->operations->scope;
  while (operation->reporting_cancel &&
         mesh_signal_wait(&operation->changed, scope, MESH_NEVER, &err) == GRPC_STATUS_OK) {
  }
}

mesh_code mesh_operation_finish(mesh_operation *operation, mesh_code code,
                                Millrace__V1__Succeeded *succeeded,
                                Millrace__V1__Cancelled *cancelled, mesh_error *err) {
  Millrace__V1__Outcome outcome = MILLRACE__V1__OUTCOME__INIT;
  Millrace__V1__OperationState state = STATE(FAILED);
  Google__Rpc__Status *failed = NULL;
  Google__Protobuf__Timestamp requested;
  await_cancel_report(operation);
  if (code == GRPC_STATUS_OK) {
    outcome.outcome_case = MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED;
    outcome.succeeded = succeeded;
    state = STATE(SUCCEEDED);
  } else if (code == GRPC_STATUS_CANCELLED && operation->state == STATE(CANCELLING)) {
    name_cancel(operation, cancelled, &requested);
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
