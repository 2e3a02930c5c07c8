#include "cli/cmd_ops.h"

#include <stdio.h>
#include <string.h>

#include "cli/follow.h"
#include "cli/numbers.h"
#include "cli/operation_text.h"
#include "cli/output.h"

#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name

enum { DEFAULT_LIMIT = 20 };

// ---- list and show ----

static mesh_code print_row(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  int64_t *rows = arg;
  mesh_view view = {frame.data, frame.size_bytes};
  if (own->json) return client_print_json(own, "millrace.v1.Operation", view, err);
  Millrace__V1__Operation *operation =
      millrace__v1__operation__unpack(NULL, frame.size_bytes, frame.data);
  if (operation == NULL) return client_bad_reply("Operation", err);
  if ((*rows)++ == 0) operation_print_header(stdout);
  operation_print_row(stdout, operation);
  millrace__v1__operation__free_unpacked(operation, NULL);
  return GRPC_STATUS_OK;
}

static mesh_code print_whole(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  (void)arg;
  mesh_view view = {frame.data, frame.size_bytes};
  if (own->json) return client_print_json(own, "millrace.v1.Operation", view, err);
  Millrace__V1__Operation *operation =
      millrace__v1__operation__unpack(NULL, frame.size_bytes, frame.data);
  if (operation == NULL) return client_bad_reply("Operation", err);
  operation_print_whole(stdout, operation);
  millrace__v1__operation__free_unpacked(operation, NULL);
  return GRPC_STATUS_OK;
}

static Millrace__V1__OperationState state_of(const char *text) {
  static const char *const names[] = {"",          "running", "cancelling",
                                      "succeeded", "failed",  "cancelled"};
  for (int i = 1; text != NULL && i < (int)(sizeof names / sizeof *names); i++) {
    if (strcmp(names[i], text) == 0) return (Millrace__V1__OperationState)i;
  }
  return STATE(OPERATION_STATE_UNSPECIFIED);
}

static mesh_code run_list(client *own, mesh_error *err) {
  int64_t limit, rows = 0;
  mesh_code code = args_get_number(own->given, "limit", 1, 100000, DEFAULT_LIMIT, &limit, err);
  if (code != GRPC_STATUS_OK) return code;
  Millrace__V1__ListOperationsRequest request = MILLRACE__V1__LIST_OPERATIONS_REQUEST__INIT;
  const char *kind = args_get(own->given, "kind");
  if (kind != NULL) request.kind = (char *)kind;
  request.state = state_of(args_get(own->given, "state"));
  request.limit = (int32_t)limit;
  code =
      client_call(own, "/millrace.v1.OperationsService/List", &request.base, print_row, &rows, err);
  if (code == GRPC_STATUS_OK && rows == 0 && !own->json) printf("no operations\n");
  return code;
}

int cmd_ops_list(const command *self, const args *given) {
  return client_main(self, given, run_list);
}

static mesh_code run_show(client *own, mesh_error *err) {
  Millrace__V1__GetOperationRequest request = MILLRACE__V1__GET_OPERATION_REQUEST__INIT;
  request.name = (char *)own->given->words[0];
  return client_call(own, "/millrace.v1.OperationsService/Get", &request.base, print_whole, NULL,
                     err);
}

int cmd_ops_show(const command *self, const args *given) {
  return client_main(self, given, run_show);
}

// ---- watch and cancel ----

static mesh_code run_watch(client *own, mesh_error *err) {
  Millrace__V1__WatchOperationRequest request = MILLRACE__V1__WATCH_OPERATION_REQUEST__INIT;
  request.name = (char *)own->given->words[0];
  follow operation = {0};
  mesh_code code =
      follow_run(&operation, own, "/millrace.v1.OperationsService/Watch", &request.base, err);
  if (code == GRPC_STATUS_OK) code = follow_conclude(&operation, err);
  follow_clear(&operation);
  return code;
}

int cmd_ops_watch(const command *self, const args *given) {
  return client_main(self, given, run_watch);
}

// A cancel succeeds where the operation ended as cancelled.
static mesh_code conclude_cancel(follow *operation, mesh_error *err) {
  client *own = operation->client;
  mesh_code code = follow_conclude(operation, err);
  if (code == GRPC_STATUS_CANCELLED) {
    if (!own->json) printf("%s cancelled; %s\n", operation->name, err->message);
    return GRPC_STATUS_OK;
  }
  own->exit_code = EXIT_CODE_REFUSED;
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION, "%s had ended before it was cancelled",
                   operation->name);
}

static mesh_code run_cancel(client *own, mesh_error *err) {
  Millrace__V1__CancelOperationRequest request = MILLRACE__V1__CANCEL_OPERATION_REQUEST__INIT;
  request.name = (char *)own->given->words[0];
  request.requested_by = "millrace ops cancel";
  follow operation = {.keep_going = true};
  mesh_code code =
      follow_run(&operation, own, "/millrace.v1.OperationsService/Cancel", &request.base, err);
  if (code == GRPC_STATUS_OK) code = conclude_cancel(&operation, err);
  follow_clear(&operation);
  return code;
}

int cmd_ops_cancel(const command *self, const args *given) {
  return client_main(self, given, run_cancel);
}

// ---- events ----

static mesh_code print_frame(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  (void)arg;
  mesh_view one, view = {frame.data, frame.size_bytes};
  size_t offset = 0;
  bool bad;
  mesh_code code = GRPC_STATUS_OK;
  while (code == GRPC_STATUS_OK && mesh_event_next(view, &offset, &one, &bad)) {
    code = own->json ? client_print_json(own, "millrace.v1.OperationEvent", one, err)
                     : operation_print_event(stdout, one, err);
  }
  return code;
}

static mesh_code run_events(client *own, mesh_error *err) {
  Millrace__V1__ListEventsRequest request = MILLRACE__V1__LIST_EVENTS_REQUEST__INIT;
  request.name = (char *)own->given->words[0];
  return client_call(own, "/millrace.v1.OperationsService/Events", &request.base, print_frame, NULL,
                     err);
}

int cmd_ops_events(const command *self, const args *given) {
  return client_main(self, given, run_events);
}
