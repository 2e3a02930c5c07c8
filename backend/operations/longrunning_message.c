#include "backend/operations/longrunning_message.h"

#include <grpc/impl/codegen/status.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/operations/operation_message.h"
#include "mesh/rpc/pack.h"

static void *allocate(size_t size_bytes) {
  void *memory = malloc(size_bytes);
  if (memory == NULL) abort();
  return memory;
}

static Google__Protobuf__Any *make_any(const ProtobufCMessage *message) {
  const char *type = message->descriptor->name;
  Google__Protobuf__Any *any = allocate(sizeof *any);
  google__protobuf__any__init(any);
  if (asprintf(&any->type_url, "type.googleapis.com/%s", type) < 0) abort();
  mesh_bytes bytes = mesh_message_pack(message);
  any->value = (ProtobufCBinaryData){bytes.size_bytes, bytes.data};
  return any;
}

static Google__Rpc__Status *copy_status(const Google__Rpc__Status *from) {
  mesh_bytes bytes = mesh_message_pack(&from->base);
  Google__Rpc__Status *copy =
      mesh_message_unpack(&google__rpc__status__descriptor, bytes.data, bytes.size_bytes);
  free(bytes.data);
  if (copy != NULL) return copy;
  copy = allocate(sizeof *copy);  // details that take too much memory: the message stays
  google__rpc__status__init(copy);
  copy->code = from->code;
  operation_message_set_text(&copy->message, from->message, strlen(from->message));
  return copy;
}

static Google__Rpc__Status *make_cancelled(const Millrace__V1__Operation *operation) {
  const Millrace__V1__Cancelled *cancelled = operation->outcome->cancelled;
  Google__Rpc__Status *status = allocate(sizeof *status);
  google__rpc__status__init(status);
  status->code = GRPC_STATUS_CANCELLED;
  if (asprintf(&status->message, "%s was cancelled by %s%s", operation->name,
               cancelled->requested_by, cancelled->forced ? ", by force" : "") < 0) {
    abort();
  }
  return status;
}

static void set_error(Google__Longrunning__Operation *message, Google__Rpc__Status *error) {
  message->result_case = GOOGLE__LONGRUNNING__OPERATION__RESULT_ERROR;
  message->error = error;
}

static void set_result(Google__Longrunning__Operation *message,
                       const Millrace__V1__Operation *operation) {
  const Millrace__V1__Outcome *outcome = operation->outcome;
  switch (outcome->outcome_case) {
    case MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED:
      message->result_case = GOOGLE__LONGRUNNING__OPERATION__RESULT_RESPONSE;
      message->response = make_any(&outcome->succeeded->base);
      break;
    case MILLRACE__V1__OUTCOME__OUTCOME_FAILED:
      set_error(message, copy_status(outcome->failed));
      break;
    case MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED:
      set_error(message, make_cancelled(operation));
      break;
    default:
      return;
  }
  message->done = true;
}

Google__Longrunning__Operation *longrunning_message_of(const Millrace__V1__Operation *operation) {
  Google__Longrunning__Operation *message = allocate(sizeof *message);
  google__longrunning__operation__init(message);
  operation_message_set_text(&message->name, operation->name, strlen(operation->name));
  message->metadata = make_any(&operation->base);
  if (operation->outcome != NULL) set_result(message, operation);
  return message;
}
