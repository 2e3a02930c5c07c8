#include "requests/take.h"

#include <string.h>
#include <time.h>

#include "market/times.h"
#include "mesh/runtime/text.h"

static mesh_code check(const request_table *table, const ProtobufCMessage *request,
                       mesh_error *err) {
  for (size_t i = 0; i < table->count; i++) {
    if (table->rows[i].type == request->descriptor) return table->rows[i].check(request, err);
  }
  return GRPC_STATUS_OK;
}

void *request_take(const request_table *table, const ProtobufCMessageDescriptor *type,
                   mesh_frame frame, mesh_error *err) {
  ProtobufCMessage *request = mesh_message_take(type, frame, err);
  if (request == NULL || check(table, request, err) == GRPC_STATUS_OK) return request;
  protobuf_c_message_free_unpacked(request, NULL);
  return NULL;
}

mesh_code request_pass(const request_table *table, const ProtobufCMessageDescriptor *type,
                       mesh_frame frame, mesh_error *err) {
  ProtobufCMessage *request = request_take(table, type, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  protobuf_c_message_free_unpacked(request, NULL);
  return GRPC_STATUS_OK;
}

mesh_code request_check_symbol(const char *symbol, mesh_error *err) {
  size_t size = strlen(symbol);
  if (size == 0) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "symbol is empty: give one, such as EURUSD");
  }
  if (size > REQUEST_SYMBOL_MAX) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "symbol '%.*s...' has %zu bytes, at most %d", MESH_TEXT_SHOWN(symbol, 20),
                     size, REQUEST_SYMBOL_MAX);
  }
  for (size_t i = 0; i < size; i++) {
    if (symbol[i] > ' ' && symbol[i] < 0x7f) continue;
    bool inside = i > 0 && i + 1 < size && symbol[i - 1] != ' ';
    if (symbol[i] == ' ' && inside) continue;  // BRK B
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "symbol has byte 0x%02x at position %zu: use letters, digits, punctuation",
                     (unsigned char)symbol[i], i + 1);
  }
  return GRPC_STATUS_OK;
}

mesh_code request_check_name(const char *field, const char *name, mesh_error *err) {
  const char *fault = mesh_text_name_fault(name, REQUEST_NAME_MAX);
  if (fault == NULL) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s '%.*s' %s", field,
                   MESH_TEXT_SHOWN(name, 40), fault);
}

static mesh_code check_time(const char *field, const Google__Protobuf__Timestamp *time,
                            mesh_error *err) {
  if (time == NULL) return GRPC_STATUS_OK;
  return mesh_message_check_time(field, time->seconds, time->nanos, err);
}

mesh_code request_check_interval(const Google__Protobuf__Timestamp *from,
                                 const Google__Protobuf__Timestamp *to, mesh_error *err) {
  mesh_code code = check_time("from", from, err);
  if (code == GRPC_STATUS_OK) code = check_time("to", to, err);
  if (code != GRPC_STATUS_OK || from == NULL || to == NULL || from->seconds < to->seconds)
    return code;
  char from_text[TIMES_TEXT_MAX], to_text[TIMES_TEXT_MAX];
  times_format(from->seconds, from_text);
  times_format(to->seconds, to_text);
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "from %s is not before to %s", from_text,
                   to_text);
}

mesh_code request_check_window(const Google__Protobuf__Timestamp *from,
                               const Google__Protobuf__Timestamp *to, mesh_error *err) {
  mesh_code code = request_check_interval(from, to, err);
  if (code != GRPC_STATUS_OK || from == NULL || from->seconds <= (int64_t)time(NULL)) return code;
  char from_text[TIMES_TEXT_MAX];
  times_format(from->seconds, from_text);
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "from %s is in the future", from_text);
}

mesh_code request_check_number(const char *field, int64_t number, int64_t most, mesh_error *err) {
  if (number >= 0 && number <= most) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s is %lld: use 0 to %lld", field,
                   (long long)number, (long long)most);
}
