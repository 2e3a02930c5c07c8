#include "backend/data/check.h"

#include <string.h>
#include <time.h>

#include "market/timeframe.h"
#include "market/times.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/text.h"

static mesh_code check_symbol(const char *symbol, mesh_error *err) {
  size_t size = strlen(symbol);
  if (size == 0) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "symbol is empty: give one, such as EURUSD");
  }
  if (size > CHECK_SYMBOL_MAX) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "symbol '%.*s...' has %zu bytes, at most %d", MESH_TEXT_SHOWN(symbol, 20),
                     size, CHECK_SYMBOL_MAX);
  }
  for (size_t i = 0; i < size; i++) {
    if (symbol[i] > ' ' && symbol[i] < 0x7f) continue;
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "symbol has byte 0x%02x at position %zu: use letters, digits, punctuation",
                     (unsigned char)symbol[i], i + 1);
  }
  return GRPC_STATUS_OK;
}

mesh_code check_series(const char *symbol, const char *timeframe_text, mesh_error *err) {
  const timeframe *found;
  mesh_code code = check_symbol(symbol, err);
  return code == GRPC_STATUS_OK ? timeframe_parse(timeframe_text, &found, err) : code;
}

static mesh_code check_time(const char *field, const Google__Protobuf__Timestamp *time,
                            mesh_error *err) {
  if (time == NULL) return GRPC_STATUS_OK;
  return mesh_message_check_time(field, time->seconds, time->nanos, err);
}

mesh_code check_window(const Google__Protobuf__Timestamp *from,
                       const Google__Protobuf__Timestamp *to, mesh_error *err) {
  char from_text[TIMES_TEXT_MAX], to_text[TIMES_TEXT_MAX];
  mesh_code code = check_time("from", from, err);
  if (code == GRPC_STATUS_OK) code = check_time("to", to, err);
  if (code != GRPC_STATUS_OK || from == NULL) return code;
  times_format(from->seconds, from_text);
  if (to != NULL && from->seconds >= to->seconds) {
    times_format(to->seconds, to_text);
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "from %s is not before to %s", from_text,
                     to_text);
  }
  if (from->seconds > (int64_t)time(NULL)) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "from %s is in the future", from_text);
  }
  return GRPC_STATUS_OK;
}
