#include "host/training/service/series.h"

#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/message.h"
#include "mesh/rpc/retry.h"
#include "mesh/runtime/fiber.h"
#include "millrace/v1/data.pb-c.h"

static const mesh_backoff read_backoff = {.base_ms = 50, .cap_ms = 1000, .attempts = 30};

size_t series_bytes(const bar_columns *own) {
  return own->count * BAR_COLUMNS * BAR_VALUE_BYTES;
}

void series_join(bar_columns *own, const bar_columns *newer) {
  size_t i = 0;
  if (own->count > 0) {
    int64_t last = own->times[own->count - 1];
    while (i < newer->count && newer->times[i] < last)
      i++;
    if (i < newer->count && newer->times[i] == last) own->count--;
  }
  bar_columns_copy(own, newer, i, newer->count - i);
}

static mesh_code read_once(mesh_scope *scope, mesh_link *backend,
                           const Millrace__V1__ReadRequest *request, bar_columns *out,
                           mesh_error *err) {
  mesh_call *call;
  mesh_frame frame;
  out->count = 0;
  mesh_code code = mesh_message_open(scope, backend, "/millrace.v1.DataService/Read",
                                     &request->base, NULL, &call, err);
  if (code != GRPC_STATUS_OK) return code;
  while ((code = mesh_call_receive(call, &frame, err)) == GRPC_STATUS_OK && !frame.end) {
    code = bar_columns_decode(out, (mesh_view){frame.data, frame.size_bytes}, NULL, err);
    if (code != GRPC_STATUS_OK) break;
  }
  mesh_call_close(call);
  return code;
}

mesh_code series_read(mesh_scope *scope, mesh_link *backend, const char *symbol,
                      const char *timeframe, const series_window *window, bar_columns *out,
                      mesh_error *err) {
  Millrace__V1__ReadRequest request = MILLRACE__V1__READ_REQUEST__INIT;
  Google__Protobuf__Timestamp from = GOOGLE__PROTOBUF__TIMESTAMP__INIT, to = from;
  request.symbol = (char *)(uintptr_t)symbol;
  request.timeframe = (char *)(uintptr_t)timeframe;
  from.seconds = window->from_s;
  to.seconds = window->to_s;
  request.from = window->from_s == INT64_MIN ? NULL : &from;
  request.to = window->to_s == INT64_MAX ? NULL : &to;
  request.last = window->last;
  mesh_code code;
  int attempt = 0;
  do {
    code = read_once(scope, backend, &request, out, err);
  } while (code != GRPC_STATUS_OK &&
           mesh_retry_wait(scope, &read_backoff, mesh_link_budget(backend), ++attempt, err) ==
               GRPC_STATUS_OK);
  if (code == GRPC_STATUS_OK) return code;
  bar_columns_clear(out);
  if (code != GRPC_STATUS_NOT_FOUND)
    return mesh_scope_check(scope, NULL) == GRPC_STATUS_OK ? code : mesh_scope_check(scope, err);
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                   "%s %s is not stored; load it first: millrace data load %s %s", symbol,
                   timeframe, symbol, timeframe);
}

train_bars series_bars(const bar_columns *own) {
  return (train_bars){own->count, own->times, own->open,  own->high,
                      own->low,   own->close, own->volume};
}

void series_hash(const bar_columns *own, char out[MESH_SHA256_HEX]) {
  size_t column = own->count * BAR_VALUE_BYTES;
  uint8_t *all = malloc(BAR_COLUMNS * column + 1);
  if (all == NULL) abort();
  const void *columns[] = {own->times, own->open, own->high, own->low, own->close, own->volume};
  for (size_t i = 0; i < BAR_COLUMNS && column > 0; i++)
    memcpy(all + i * column, columns[i], column);
  mesh_sha256((mesh_view){all, BAR_COLUMNS * column}, out);
  free(all);
}
