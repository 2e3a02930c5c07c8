#include "backend/training/adapter.h"

#include <string.h>

#include "backend/training/predict.h"
#include "mesh/operation/relay.h"
#include "mesh/rpc/message.h"
#include "millrace/v1/operation.pb-c.h"
#include "millrace/v1/training_host.pb-c.h"
#include "requests/training.h"

enum { ASK_MS = 1000 };

// ---- which host ----

// Asks a host how it is; NULL where it cannot be asked. The caller frees the message.
static Millrace__V1__TrainingHostStatus *ask(mesh_scope *scope, const training_adapter_host *host,
                                             mesh_error *err) {
  mesh_call_options options = {.timeout_ms = ASK_MS};
  mesh_call *call;
  mesh_frame frame;
  Millrace__V1__TrainingHostStatus *status = NULL;
  if (mesh_call_open(scope, host->link, "/millrace.v1.TrainingHost/Status", (mesh_frame){0},
                     &options, &call, err) != GRPC_STATUS_OK)
    return NULL;
  if (mesh_call_receive(call, &frame, err) == GRPC_STATUS_OK && !frame.end) {
    status = mesh_message_unpack(&millrace__v1__training_host_status__descriptor, frame.data,
                                 frame.size_bytes);
  }
  mesh_call_close(call);
  return status;
}

static bool runs(mesh_scope *scope, const training_adapter_host *host, const char *operation) {
  Millrace__V1__TrainingHostStatus *status = ask(scope, host, NULL);
  bool found = false;
  for (size_t i = 0; status != NULL && i < status->n_operations; i++)
    found = found || strcmp(status->operations[i], operation) == 0;
  if (status != NULL) millrace__v1__training_host_status__free_unpacked(status, NULL);
  return found;
}

// Who runs the operation; NULL: nobody that can be asked. `first` (may be "") is asked before the
// others: a host that was given up may come back and still run it for a moment.
static const training_adapter_host *find_run(const training_adapter *self, mesh_scope *scope,
                                             const char *operation, const char *first) {
  for (int pass = 0; pass < 2; pass++) {
    for (int i = 0; i < self->count; i++) {
      const training_adapter_host *host = &self->hosts[i];
      bool chosen = strcmp(host->name, first) == 0;
      if (chosen == (pass == 0) && runs(scope, host, operation)) return host;
    }
  }
  return NULL;
}

static const training_adapter_host *find_named(const training_adapter *self, const char *name) {
  for (int i = 0; i < self->count; i++) {
    if (strcmp(self->hosts[i].name, name) == 0) return &self->hosts[i];
  }
  return &self->hosts[0];
}

static bool answers(const training_adapter_host *host, mesh_scope *scope, mesh_error *err) {
  Millrace__V1__TrainingHostStatus *status = ask(scope, host, err);
  if (status == NULL) return false;
  millrace__v1__training_host_status__free_unpacked(status, NULL);
  return true;
}

// The first that answers; the first at all where none does.
static const training_adapter_host *find_reachable(const training_adapter *self,
                                                   mesh_scope *scope) {
  for (int i = 0; i < self->count && self->count > 1; i++) {
    if (answers(&self->hosts[i], scope, NULL)) return &self->hosts[i];
  }
  return &self->hosts[0];
}

// ---- runs ----

static mesh_code run(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  const training_adapter *self = arg;
  const training_adapter_host *host = &self->hosts[0];
  Millrace__V1__RunRequest *request =
      training_request_take(&millrace__v1__run_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  if (self->count > 1) {
    host = find_run(self, mesh_call_scope(call), request->operation, request->host);
    if (host == NULL) host = find_named(self, request->host);
  }
  millrace__v1__run_request__free_unpacked(request, NULL);
  return mesh_relay_events(call, host->link, "/millrace.v1.TrainingHost/Run", frame, err);
}

static mesh_code cancel(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  const training_adapter *self = arg;
  const training_adapter_host *host = NULL;
  Millrace__V1__CancelOperationRequest *request =
      training_request_take(&millrace__v1__cancel_operation_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  if (self->count > 1) host = find_run(self, mesh_call_scope(call), request->name, request->host);
  millrace__v1__cancel_operation_request__free_unpacked(request, NULL);
  if (host == NULL) host = &self->hosts[0];
  return mesh_relay_events(call, host->link, "/millrace.v1.TrainingHost/Cancel", frame, err);
}

// Whoever has it: the others say NOT_FOUND before they send anything. One that does not answer may
// have it: then it is worth asking again.
static mesh_code fetch_model(mesh_call *call, mesh_frame request, void *arg, mesh_error *err) {
  const training_adapter *self = arg;
  mesh_error away = {.code = GRPC_STATUS_OK};
  mesh_code code =
      training_request_check(&millrace__v1__fetch_model_request__descriptor, request, err);
  if (code != GRPC_STATUS_OK) return code;
  code = GRPC_STATUS_NOT_FOUND;
  for (int i = 0; i < self->count && code == GRPC_STATUS_NOT_FOUND; i++) {
    const training_adapter_host *host = &self->hosts[i];
    if (self->count > 1 && !answers(host, mesh_call_scope(call), &away)) {
      (void)mesh_link_fail(host->link, GRPC_STATUS_UNAVAILABLE, "it does not answer", &away);
      continue;
    }
    code = mesh_relay(call, host->link, "/millrace.v1.TrainingHost/FetchModel", request, err);
  }
  if (code != GRPC_STATUS_NOT_FOUND || away.code == GRPC_STATUS_OK) return code;
  *err = away;
  return away.code;
}

// ---- what any of them can do ----

static mesh_code to_any(mesh_call *call, mesh_frame request, void *arg,
                        const ProtobufCMessageDescriptor *type, const char *method,
                        mesh_error *err) {
  mesh_code code = training_request_check(type, request, err);
  if (code != GRPC_STATUS_OK) return code;
  const training_adapter_host *host = find_reachable(arg, mesh_call_scope(call));
  return mesh_relay(call, host->link, method, request, err);
}

static mesh_code check_strategy(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return to_any(call, request, self, &millrace__v1__check_strategy_request__descriptor,
                "/millrace.v1.TrainingHost/CheckStrategy", err);
}

static mesh_code predict(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  const training_adapter_host *host = find_reachable(self, mesh_call_scope(call));
  return training_relay_predict(call, host->link, "/millrace.v1.TrainingHost/Predict", request,
                                err);
}

static mesh_code export_model(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return to_any(call, request, self, &millrace__v1__model_request__descriptor,
                "/millrace.v1.TrainingHost/ExportModel", err);
}

static mesh_code send_status(mesh_call *call, const training_adapter_host *host, mesh_error *err) {
  Millrace__V1__TrainingHostStatus away = MILLRACE__V1__TRAINING_HOST_STATUS__INIT;
  mesh_error why = {.message = "it does not answer"};
  Millrace__V1__TrainingHostStatus *status = ask(mesh_call_scope(call), host, &why);
  char *old = NULL, *name = (char *)(uintptr_t)host->name;
  if (status == NULL) {
    away.name = name;
    away.unreachable = why.message;
    return mesh_message_send(call, &away.base, err);
  }
  old = status->name;
  status->name = name;
  mesh_code code = mesh_message_send(call, &status->base, err);
  status->name = old;
  millrace__v1__training_host_status__free_unpacked(status, NULL);
  return code;
}

static mesh_code status(mesh_call *call, mesh_frame request, void *arg, mesh_error *err) {
  (void)request;
  const training_adapter *self = arg;
  mesh_code code = GRPC_STATUS_OK;
  for (int i = 0; i < self->count && code == GRPC_STATUS_OK; i++)
    code = send_status(call, &self->hosts[i], err);
  return code;
}

void training_adapter_init(training_adapter *self, const training_adapter_host *hosts, int count) {
  static const char *const documents[] = {"millrace.v1.CheckStrategyRequest.strategy", NULL};
  static const mesh_method methods[] = {
      {.name = "Run", .run = run},
      {.name = "Cancel", .run = cancel},
      {.name = "FetchModel", .run = fetch_model},
      {.name = "CheckStrategy", .run = check_strategy, .documents = documents},
      {.name = "Predict", .run = predict},
      {.name = "ExportModel", .run = export_model},
      {.name = "Status", .run = status},
  };
  *self = (training_adapter){
      .service = {"millrace.v1.TrainingAdapter", methods, sizeof methods / sizeof *methods, self},
      .hosts = hosts,
      .count = count};
}
