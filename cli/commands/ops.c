#include "cli/commands/ops.h"

#include <stdio.h>
#include <string.h>

#include "cli/bars.h"
#include "cli/follow.h"
#include "cli/operation_text.h"
#include "cli/start_options.h"
#include "cli/terminal/numbers.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "mesh/rpc/pack.h"
#include "mesh/runtime/text.h"

#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name

enum { DEFAULT_LIMIT = 20 };

// ---- list and show ----

typedef struct listing {
  int64_t count;
  char last[FOLLOW_NAME_MAX];  // the name of the last row
} listing;

static mesh_code print_row(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  listing *rows = arg;
  mesh_view view = {frame.data, frame.size_bytes};
  if (own->json) return client_print_json(own, "millrace.v1.Operation", view, err);
  Millrace__V1__Operation *operation =
      mesh_message_unpack(&millrace__v1__operation__descriptor, frame.data, frame.size_bytes);
  if (rows->count++ == 0) operation_print_header(stdout);
  if (operation == NULL) {  // the others are shown all the same
    print_text(stdout, "%-16s %-10s\n", "?", "DAMAGED");
    own->exit_code = EXIT_CODE_FAILED;
    return GRPC_STATUS_OK;
  }
  mesh_text_copy(rows->last, sizeof rows->last, operation->name);
  operation_print_row(stdout, operation);
  millrace__v1__operation__free_unpacked(operation, NULL);
  return GRPC_STATUS_OK;
}

static mesh_code print_whole(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  (void)arg;
  mesh_view view = {frame.data, frame.size_bytes};
  if (own->json) return client_print_json(own, "millrace.v1.Operation", view, err);
  Millrace__V1__Operation *operation =
      mesh_message_unpack(&millrace__v1__operation__descriptor, frame.data, frame.size_bytes);
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

// The filter's labels, in the messages of a list request.
typedef struct label_filter {
  start_options from;
  Millrace__V1__ListOperationsRequest__LabelsEntry entries[START_LABELS_MAX];
  Millrace__V1__ListOperationsRequest__LabelsEntry *pointers[START_LABELS_MAX];
} label_filter;

static mesh_code read_labels(const args *given, label_filter *labels,
                             Millrace__V1__ListOperationsRequest *request, mesh_error *err) {
  millrace__v1__start_options__init(&labels->from.message);
  mesh_code code = start_labels_read(given, &labels->from, err);
  size_t count = labels->from.message.n_labels;
  for (size_t i = 0; i < count; i++) {
    millrace__v1__list_operations_request__labels_entry__init(&labels->entries[i]);
    labels->entries[i].key = labels->from.entries[i].key;
    labels->entries[i].value = labels->from.entries[i].value;
    labels->pointers[i] = &labels->entries[i];
  }
  request->n_labels = count;
  request->labels = labels->pointers;
  return code;
}

static mesh_code list_page(client *own, Millrace__V1__ListOperationsRequest *request,
                           mesh_error *err) {
  listing rows = {0};
  mesh_code code = client_call(own, "/millrace.v1.OperationsService/List", &request->base,
                               print_row, &rows, err);
  if (code != GRPC_STATUS_OK || own->json) return code;
  if (rows.count == 0) print_text(stdout, "no operations\n");
  if (rows.count == request->limit && own->terminal)
    print_text(stdout, "more: --after %s\n", rows.last);
  return GRPC_STATUS_OK;
}

static mesh_code run_list(client *own, mesh_error *err) {
  int64_t limit;
  bars_window window;
  label_filter labels;
  Millrace__V1__ListOperationsRequest request = MILLRACE__V1__LIST_OPERATIONS_REQUEST__INIT;
  mesh_code code = args_get_number(own->given, "limit", 1, 100000, DEFAULT_LIMIT, &limit, err);
  if (code == GRPC_STATUS_OK) code = bars_window_read(own->given, &window, err);
  if (code == GRPC_STATUS_OK) code = read_labels(own->given, &labels, &request, err);
  if (code != GRPC_STATUS_OK) return code;
  const char *kind = args_get(own->given, "kind"), *after = args_get(own->given, "after");
  if (kind != NULL) request.kind = (char *)kind;
  if (after != NULL) request.after = (char *)after;
  request.created_from = window.from;
  request.created_to = window.to;
  request.state = state_of(args_get(own->given, "state"));
  request.limit = (int32_t)limit;
  return list_page(own, &request, err);
}

int cmd_ops_list(const command *self, const args *given) {
  return client_main(self, given, run_list);
}

// ---- which operation ----

static mesh_code take_name(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  (void)own;
  Millrace__V1__Operation *operation =
      mesh_message_unpack(&millrace__v1__operation__descriptor, frame.data, frame.size_bytes);
  if (operation == NULL) return client_bad_reply("Operation", err);
  mesh_text_copy(arg, FOLLOW_NAME_MAX, operation->name);
  millrace__v1__operation__free_unpacked(operation, NULL);
  return GRPC_STATUS_OK;
}

// The name that was given; without one, that of the newest operation. NOT_FOUND: there is none.
static mesh_code find_name(client *own, char out[FOLLOW_NAME_MAX], mesh_error *err) {
  out[0] = '\0';
  if (own->given->word_count > 0) {
    if (mesh_text_copy(out, FOLLOW_NAME_MAX, own->given->words[0])) return GRPC_STATUS_OK;
    return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no operation has a name of %zu bytes",
                     strlen(own->given->words[0]));
  }
  Millrace__V1__ListOperationsRequest newest = MILLRACE__V1__LIST_OPERATIONS_REQUEST__INIT;
  newest.limit = 1;
  mesh_code code =
      client_call(own, "/millrace.v1.OperationsService/List", &newest.base, take_name, out, err);
  if (code != GRPC_STATUS_OK || out[0] != '\0') return code;
  return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "there are no operations yet");
}

static mesh_code run_show(client *own, mesh_error *err) {
  char name[FOLLOW_NAME_MAX];
  Millrace__V1__GetOperationRequest request = MILLRACE__V1__GET_OPERATION_REQUEST__INIT;
  request.name = name;
  mesh_code code = args_get_number(own->given, "at", 1, INT64_MAX, 0, &request.at_sequence, err);
  if (code == GRPC_STATUS_OK) code = find_name(own, name, err);
  if (code != GRPC_STATUS_OK) return code;
  return client_call(own, "/millrace.v1.OperationsService/Get", &request.base, print_whole, NULL,
                     err);
}

int cmd_ops_show(const command *self, const args *given) {
  return client_main(self, given, run_show);
}

// ---- watch and cancel ----

static mesh_code run_watch(client *own, mesh_error *err) {
  char name[FOLLOW_NAME_MAX];
  Millrace__V1__WatchOperationRequest request = MILLRACE__V1__WATCH_OPERATION_REQUEST__INIT;
  request.name = name;
  follow operation = {0};
  mesh_code code =
      args_get_number(own->given, "after", 0, INT64_MAX, 0, &request.after_sequence, err);
  if (code == GRPC_STATUS_OK) code = find_name(own, name, err);
  if (code != GRPC_STATUS_OK) return code;
  operation.sequence = request.after_sequence;
  timing times = {0};
  if (args_get(own->given, "timing") != NULL) operation.times = &times;
  code = follow_run(&operation, own, "/millrace.v1.OperationsService/Watch", &request.base, err);
  if (code == GRPC_STATUS_OK) code = follow_conclude(&operation, err);
  if (!own->json) timing_print(&times, stdout);
  timing_clear(&times);
  follow_clear(&operation);
  return code;
}

int cmd_ops_watch(const command *self, const args *given) {
  return client_main(self, given, run_watch);
}

// A cancel succeeds where the operation ended as cancelled.
static mesh_code conclude_cancel(follow *operation, mesh_error *err) {
  client *own = operation->client;
  bool cancelled = operation->outcome->outcome_case == MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED;
  if (cancelled && follow_conclude(operation, err) == GRPC_STATUS_CANCELLED) {
    if (!own->json) print_text(stdout, "%s cancelled; %s\n", operation->name, err->message);
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
  follow operation = {0};
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
  char name[FOLLOW_NAME_MAX];
  Millrace__V1__ListEventsRequest request = MILLRACE__V1__LIST_EVENTS_REQUEST__INIT;
  request.name = name;
  mesh_code code = find_name(own, name, err);
  if (code != GRPC_STATUS_OK) return code;
  return client_call(own, "/millrace.v1.OperationsService/Events", &request.base, print_frame, NULL,
                     err);
}

int cmd_ops_events(const command *self, const args *given) {
  return client_main(self, given, run_events);
}

// ---- delete ----

static mesh_code take_deleted(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  mesh_view view = {frame.data, frame.size_bytes};
  if (own->json) return client_print_json(own, "millrace.v1.DeleteOperationResponse", view, err);
  Millrace__V1__DeleteOperationResponse *reply = mesh_message_unpack(
      &millrace__v1__delete_operation_response__descriptor, frame.data, frame.size_bytes);
  if (reply == NULL) return client_bad_reply("DeleteOperationResponse", err);
  print_text(stdout, "%s is forgotten, with its %lld events\n", (const char *)arg,
             (long long)reply->events);
  millrace__v1__delete_operation_response__free_unpacked(reply, NULL);
  return output_flush(err);
}

static mesh_code run_delete(client *own, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  for (int i = 0; i < own->given->word_count && code == GRPC_STATUS_OK; i++) {
    Millrace__V1__DeleteOperationRequest request = MILLRACE__V1__DELETE_OPERATION_REQUEST__INIT;
    request.name = (char *)own->given->words[i];
    code = client_call(own, "/millrace.v1.OperationsService/Delete", &request.base, take_deleted,
                       request.name, err);
  }
  return code;
}

int cmd_ops_delete(const command *self, const args *given) {
  return client_main(self, given, run_delete);
}
