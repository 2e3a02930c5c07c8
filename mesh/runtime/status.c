#include "mesh/runtime/status.h"

#include <stdarg.h>
#include <string.h>

#include "mesh/runtime/text.h"

mesh_code mesh_fail(mesh_error *err, mesh_code code, const char *format, ...) {
  if (err == NULL) return code;
  char message[MESH_ERROR_MESSAGE_MAX];  // apart from `err`: its old message may be an argument
  va_list args;
  va_start(args, format);
  mesh_text_vformat(message, sizeof message, format, args);
  va_end(args);

  err->code = code;
  memcpy(err->message, message, sizeof message);
  err->reason[0] = '\0';
  err->domain[0] = '\0';
  err->retry_after_ms = 0;
  err->details_size = 0;
  return code;
}

mesh_code mesh_error_prefix(mesh_error *err, const char *prefix) {
  char message[MESH_ERROR_MESSAGE_MAX];
  mesh_text_format(message, sizeof message, "%.*s: %s",
                   MESH_TEXT_SHOWN(prefix, MESH_ERROR_MESSAGE_MAX / 4), err->message);
  memcpy(err->message, message, sizeof message);
  err->details_size = 0;  // they hold the message too
  return err->code;
}

void mesh_error_set_reason(mesh_error *err, const char *reason, const char *domain) {
  if (err == NULL) return;
  mesh_text_copy(err->reason, sizeof err->reason, reason);
  mesh_text_copy(err->domain, sizeof err->domain, domain);
  err->details_size = 0;  // what came from a peer no longer says all
}

void mesh_error_set_retry(mesh_error *err, int64_t after_ms) {
  if (err == NULL) return;
  err->retry_after_ms = after_ms;
  err->details_size = 0;
}

bool mesh_error_is_retryable(const mesh_error *err) {
  return err->code == GRPC_STATUS_UNAVAILABLE ||
         (err->code != GRPC_STATUS_OK && err->retry_after_ms > 0);
}

mesh_code mesh_failure_code(int64_t number) {
  bool known = number > GRPC_STATUS_OK && number <= GRPC_STATUS_UNAUTHENTICATED;
  return known ? (mesh_code)number : GRPC_STATUS_UNKNOWN;
}

const char *mesh_code_name(mesh_code code) {
  static const char *const names[] = {
      [GRPC_STATUS_OK] = "OK",
      [GRPC_STATUS_CANCELLED] = "CANCELLED",
      [GRPC_STATUS_UNKNOWN] = "UNKNOWN",
      [GRPC_STATUS_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
      [GRPC_STATUS_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
      [GRPC_STATUS_NOT_FOUND] = "NOT_FOUND",
      [GRPC_STATUS_ALREADY_EXISTS] = "ALREADY_EXISTS",
      [GRPC_STATUS_PERMISSION_DENIED] = "PERMISSION_DENIED",
      [GRPC_STATUS_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
      [GRPC_STATUS_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
      [GRPC_STATUS_ABORTED] = "ABORTED",
      [GRPC_STATUS_OUT_OF_RANGE] = "OUT_OF_RANGE",
      [GRPC_STATUS_UNIMPLEMENTED] = "UNIMPLEMENTED",
      [GRPC_STATUS_INTERNAL] = "INTERNAL",
      [GRPC_STATUS_UNAVAILABLE] = "UNAVAILABLE",
      [GRPC_STATUS_DATA_LOSS] = "DATA_LOSS",
      [GRPC_STATUS_UNAUTHENTICATED] = "UNAUTHENTICATED",
  };
  size_t index = (size_t)code;
  if (index >= sizeof names / sizeof *names || names[index] == NULL) return "UNKNOWN";
  return names[index];
}
