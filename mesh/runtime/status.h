// mesh_error: why something failed, as gRPC's codes, one line for people, and the standard rich
// details. A plain value without owned memory: copy it, return it, forget it. Any thread.
#ifndef MILLRACE_MESH_RUNTIME_STATUS_H
#define MILLRACE_MESH_RUNTIME_STATUS_H

#include <grpc/impl/codegen/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESH_NODISCARD __attribute__((warn_unused_result))
#define MESH_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

// GRPC_STATUS_OK or one of gRPC's error codes: the vocabulary of every layer.
typedef grpc_status_code mesh_code;

enum {
  MESH_ERROR_MESSAGE_MAX = 512,   // bytes, with the NUL; longer messages are cut between characters
  MESH_ERROR_REASON_MAX = 48,     // bytes, with the NUL
  MESH_ERROR_DETAILS_MAX = 2048,  // bytes; larger details are dropped, the message stays
};

typedef struct mesh_error {
  mesh_code code;
  char message[MESH_ERROR_MESSAGE_MAX];
  char reason[MESH_ERROR_REASON_MAX];  // google.rpc.ErrorInfo.reason, such as PACING_VIOLATION; ""
                                       // if none
  char domain[MESH_ERROR_REASON_MAX];  // google.rpc.ErrorInfo.domain, such as ib-host.millrace
  int64_t retry_after_ms;              // google.rpc.RetryInfo; 0 if none
  // The serialized google.rpc.Status as it came from the peer that failed first; sent on unchanged.
  // 0 bytes for an error of our own: it is made from the fields above when it is sent.
  size_t details_size;
  uint8_t details[MESH_ERROR_DETAILS_MAX];
} mesh_error;

// Fills `err` (NULL is fine) with `code` and a printf-style message, clears the rest, returns
// `code`. The message is UTF-8 whatever the arguments are (mesh_text_format()).
mesh_code mesh_fail(mesh_error *err, mesh_code code, const char *format, ...) MESH_PRINTF(3, 4);

// Puts "prefix: " in front of the message of an error of our own; code, reason and retry stay.
// Returns the code.
mesh_code mesh_error_prefix(mesh_error *err, const char *prefix);

// Adds ErrorInfo to an error of our own. Strings are copied.
void mesh_error_set_reason(mesh_error *err, const char *reason, const char *domain);

// Adds RetryInfo: trying again helps, but not before `after_ms` milliseconds (> 0).
void mesh_error_set_retry(mesh_error *err, int64_t after_ms);

// True where the same request may succeed later: UNAVAILABLE, or any code with RetryInfo.
bool mesh_error_is_retryable(const mesh_error *err);

// The code of a failure whose number came from outside: never OK. UNKNOWN for 0, and for a number
// that gRPC does not define.
mesh_code mesh_failure_code(int64_t number);

// "UNAVAILABLE" for GRPC_STATUS_UNAVAILABLE, and so on; "UNKNOWN" for a number that gRPC does not
// define.
const char *mesh_code_name(mesh_code code);

#endif
