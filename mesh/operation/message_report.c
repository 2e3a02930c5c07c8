#include "mesh/operation/message_report.h"

#include <stdlib.h>

#include "mesh/rpc/pack.h"
#include "mesh/rpc/status_details.h"

mesh_code mesh_message_report(mesh_operation *operation, uint32_t payload,
                              const ProtobufCMessage *message, mesh_error *err) {
  mesh_bytes bytes = mesh_message_pack(message);
  mesh_code code = mesh_operation_report(operation, payload, mesh_bytes_view(bytes), err);
  free(bytes.data);
  return code;
}

mesh_code mesh_operation_report_attempt(mesh_operation *operation, const char *piece, int number,
                                        const mesh_error *why, int64_t wait_ms, mesh_error *err) {
  Millrace__V1__Attempt attempt = MILLRACE__V1__ATTEMPT__INIT;
  Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
  status.code = (int32_t)why->code;
  status.message = (char *)why->message;
  // The reason goes into the history, too: a reader tells by it who was away.
  mesh_error whole = *why;
  mesh_error_encode_details(&whole);
  Google__Rpc__Status *detailed =
      mesh_message_unpack(&google__rpc__status__descriptor, whole.details, whole.details_size);
  if (detailed != NULL) {
    status.n_details = detailed->n_details;
    status.details = detailed->details;
  }
  attempt.piece = (char *)piece;
  attempt.number = number;
  attempt.error = &status;
  attempt.wait_ms = wait_ms;
  mesh_code code = mesh_message_report(operation, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_ATTEMPT,
                                       &attempt.base, err);
  if (detailed != NULL) google__rpc__status__free_unpacked(detailed, NULL);
  return code;
}
