// request_take: a request out of bytes, checked by the row of a table that its type has; and the
// checks that fields of all domains share. For requests/ itself, and the bounds for who keeps what
// was checked. Any thread.
#ifndef MILLRACE_REQUESTS_TAKE_H
#define MILLRACE_REQUESTS_TAKE_H

#include "google/protobuf/timestamp.pb-c.h"
#include "mesh/rpc/message.h"

enum { REQUEST_SYMBOL_MAX = 63, REQUEST_NAME_MAX = 127 };  // bytes

typedef struct request_check {
  const ProtobufCMessageDescriptor *type;
  mesh_code (*check)(const ProtobufCMessage *request, mesh_error *err);  // INVALID_ARGUMENT
} request_check;

// The rows of a domain: constants. A type without a row is only unpacked.
typedef struct request_table {
  const request_check *rows;
  size_t count;
} request_table;

// The request in `frame`, checked; the caller releases it with its __free_unpacked(request, NULL).
// NULL: it is none, or not right: INVALID_ARGUMENT in `err`.
void *request_take(const request_table *table, const ProtobufCMessageDescriptor *type,
                   mesh_frame frame, mesh_error *err);

// The same for who passes the frame on: OK, or why request_take() would say no.
MESH_NODISCARD mesh_code request_pass(const request_table *table,
                                      const ProtobufCMessageDescriptor *type, mesh_frame frame,
                                      mesh_error *err);

// ---- fields; INVALID_ARGUMENT names the field, what it is, and what would be right ----

// 1 to REQUEST_SYMBOL_MAX visible ASCII characters; between two of them may be one blank.
MESH_NODISCARD mesh_code request_check_symbol(const char *symbol, mesh_error *err);

// A name (mesh_text_name_fault) of at most REQUEST_NAME_MAX bytes.
MESH_NODISCARD mesh_code request_check_name(const char *field, const char *name, mesh_error *err);

// Both are times in the years 1 to 9999, `from` is before `to`; NULL is unset and always right.
MESH_NODISCARD mesh_code request_check_interval(const Google__Protobuf__Timestamp *from,
                                                const Google__Protobuf__Timestamp *to,
                                                mesh_error *err);

// As request_check_interval(), and `from` is not in the future.
MESH_NODISCARD mesh_code request_check_window(const Google__Protobuf__Timestamp *from,
                                              const Google__Protobuf__Timestamp *to,
                                              mesh_error *err);

// A number from 0 to `most`.
MESH_NODISCARD mesh_code request_check_number(const char *field, int64_t number, int64_t most,
                                              mesh_error *err);

#endif
