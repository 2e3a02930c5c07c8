// The TWS decoder: any bytes as a stream, cut into messages, each given to whatever decodes its
// number.
#include <string.h>

#include "host/ib/codec.h"
#include "tests/fuzz/target.h"

static void decode_bars(ib_fields *fields) {
  size_t count;
  mesh_error err;
  if (ib_decode_bars_head(fields, &count, &err) != GRPC_STATUS_OK) return;
  bar_columns bars = {0};
  mesh_code code = ib_decode_bars(fields, count, INT64_MIN, INT64_MAX, &bars, &err);
  (void)code;
  bar_columns_clear(&bars);
}

static void decode_symbols(ib_fields *fields) {
  size_t count;
  mesh_error err;
  ib_contract contract;
  mesh_code code = ib_decode_symbol_count(fields, &count, &err);
  for (size_t i = 0; i < count && code == GRPC_STATUS_OK; i++) {
    code = ib_decode_symbol(fields, &contract, &err);
  }
}

static void decode(ib_message message) {
  mesh_error err;
  ib_greeting greeting;
  int64_t time_s;
  ib_contract contract;
  ib_error_reply error;
  bar_columns bars = {0};
  mesh_code code = ib_decode_greeting(message, &greeting, &err);
  ib_fields fields = ib_fields_of(message);
  switch (ib_take_int(&fields, 0)) {
    case IB_REPLY_ERROR:
      code = ib_decode_error(&fields, &error, &err);
      break;
    case IB_REPLY_BARS:
      ib_take_int(&fields, -1);
      decode_bars(&fields);
      break;
    case IB_REPLY_BAR_UPDATE:
      ib_take_int(&fields, -1);
      code = ib_decode_bar_update(&fields, &bars, &err);
      bar_columns_clear(&bars);
      break;
    case IB_REPLY_HEAD:
      ib_take_int(&fields, -1);
      code = ib_decode_head(&fields, &time_s, &err);
      break;
    case IB_REPLY_CONTRACT:
      ib_take_int(&fields, -1);
      code = ib_decode_contract(&fields, &contract, &err);
      break;
    case IB_REPLY_BOND:
      ib_take_int(&fields, -1);
      code = ib_decode_bond(&fields, &contract, &err);
      break;
    case IB_REPLY_SYMBOLS:
      ib_take_int(&fields, -1);
      decode_symbols(&fields);
      break;
    default:
      break;
  }
  (void)code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
  ib_inbox inbox = {0};
  ib_message message;
  size_t step = size_bytes > 0 ? 1 + data[0] % 64u : 1;  // the input chooses how it is cut
  for (size_t at = 0; at < size_bytes; at += step) {
    size_t piece = size_bytes - at < step ? size_bytes - at : step;
    char *room = ib_inbox_reserve(&inbox, piece);
    if (room == NULL) break;
    memcpy(room, data + at, piece);
    ib_inbox_filled(&inbox, piece);
    ib_take taken;
    while ((taken = ib_inbox_take(&inbox, &message)) == IB_TAKE_DONE)
      decode(message);
    if (taken == IB_TAKE_BROKEN) break;
  }
  ib_inbox_fini(&inbox);
  return 0;
}
