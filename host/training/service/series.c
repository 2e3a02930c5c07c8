#include "host/training/service/series.h"

#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/message.h"
#include "mesh/rpc/retry.h"
#include "mesh/runtime/fiber.h"
#include "millrace/v1/data.pb-c.h"

enum { COLUMNS = 6, WIDTH = 8 };

static const mesh_backoff read_backoff = {.base_ms = 50, .cap_ms = 1000, .attempts = 30};

void series_clear(series *own) {
  free(own->times);
  *own = (series){0};
}

size_t series_bytes(const series *own) {
  return own->count * COLUMNS * WIDTH;
}

// One block for the six columns: `times` is its start.
static void reserve(series *own, size_t count) {
  if (count <= own->capacity) return;
  size_t capacity = 2 * own->capacity > count ? 2 * own->capacity : count;
  series grown = {.count = own->count, .capacity = capacity};
  grown.times = malloc(capacity * COLUMNS * WIDTH);
  if (grown.times == NULL) abort();
  double **columns[] = {&grown.open, &grown.high, &grown.low, &grown.close, &grown.volume};
  double *old[] = {own->open, own->high, own->low, own->close, own->volume};
  if (own->count > 0) memcpy(grown.times, own->times, own->count * WIDTH);
  for (size_t i = 0; i < 5; i++) {
    *columns[i] = (double *)grown.times + (i + 1) * capacity;
    if (own->count > 0) memcpy(*columns[i], old[i], own->count * WIDTH);
  }
  free(own->times);
  *own = grown;
}

static mesh_code check(const Millrace__V1__BarBatch *batch, mesh_error *err) {
  size_t counts[] = {batch->n_open, batch->n_high, batch->n_low, batch->n_close, batch->n_volume};
  for (int i = 0; i < 5; i++) {
    if (counts[i] == batch->n_times) continue;
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "malformed BarBatch: columns differ in length");
  }
  return GRPC_STATUS_OK;
}

static void copy(series *own, size_t to, const train_bars *from, size_t first, size_t count) {
  double *columns[] = {own->open, own->high, own->low, own->close, own->volume};
  const double *values[] = {from->open, from->high, from->low, from->close, from->volume};
  memcpy(own->times + to, from->times + first, count * WIDTH);
  for (int i = 0; i < 5; i++)
    memcpy(columns[i] + to, values[i] + first, count * WIDTH);
}

static train_bars bars_of(const Millrace__V1__BarBatch *batch) {
  return (train_bars){batch->n_times, batch->times, batch->open,  batch->high,
                      batch->low,     batch->close, batch->volume};
}

static mesh_code append(series *own, const Millrace__V1__BarBatch *batch, mesh_error *err) {
  mesh_code code = check(batch, err);
  if (code != GRPC_STATUS_OK || batch->n_times == 0) return code;
  train_bars bars = bars_of(batch);
  reserve(own, own->count + bars.count);
  copy(own, own->count, &bars, 0, bars.count);
  own->count += bars.count;
  return GRPC_STATUS_OK;
}

static void put_newer(series *own, const train_bars *bars) {
  reserve(own, own->count + bars->count);
  size_t i = 0;
  if (own->count > 0) {
    int64_t last = own->times[own->count - 1];
    while (i < bars->count && bars->times[i] < last)
      i++;
    if (i < bars->count && bars->times[i] == last) own->count--;
  }
  if (i == bars->count) return;
  copy(own, own->count, bars, i, bars->count - i);
  own->count += bars->count - i;
}

mesh_code series_merge(series *own, const Millrace__V1__BarBatch *batch, mesh_error *err) {
  mesh_code code = check(batch, err);
  train_bars bars = bars_of(batch);
  if (code == GRPC_STATUS_OK) put_newer(own, &bars);
  return code;
}

void series_join(series *own, const series *newer) {
  train_bars bars = series_bars(newer);
  put_newer(own, &bars);
}

static mesh_code take_frame(series *own, mesh_frame frame, mesh_error *err) {
  Millrace__V1__BarBatch *batch =
      millrace__v1__bar_batch__unpack(NULL, frame.size_bytes, frame.data);
  if (batch == NULL) return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "malformed BarBatch");
  mesh_code code = append(own, batch, err);
  millrace__v1__bar_batch__free_unpacked(batch, NULL);
  return code;
}

static mesh_code read_once(mesh_scope *scope, mesh_link *backend,
                           const Millrace__V1__ReadRequest *request, series *out, mesh_error *err) {
  mesh_call *call;
  mesh_frame frame;
  out->count = 0;
  mesh_code code = mesh_message_open(scope, backend, "/millrace.v1.DataService/Read",
                                     &request->base, NULL, &call, err);
  if (code != GRPC_STATUS_OK) return code;
  while ((code = mesh_call_receive(call, &frame, err)) == GRPC_STATUS_OK && !frame.end) {
    code = take_frame(out, frame, err);
    if (code != GRPC_STATUS_OK) break;
  }
  mesh_call_close(call);
  return code;
}

mesh_code series_read(mesh_scope *scope, mesh_link *backend, const char *symbol,
                      const char *timeframe, const series_window *window, series *out,
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
  series_clear(out);
  if (code != GRPC_STATUS_NOT_FOUND)
    return mesh_scope_check(scope, NULL) == GRPC_STATUS_OK ? code : mesh_scope_check(scope, err);
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                   "%s %s is not stored; load it first: millrace data load %s %s", symbol,
                   timeframe, symbol, timeframe);
}

train_bars series_bars(const series *own) {
  return (train_bars){own->count, own->times, own->open,  own->high,
                      own->low,   own->close, own->volume};
}

void series_hash(const series *own, char out[MESH_SHA256_HEX]) {
  size_t column = own->count * WIDTH;
  uint8_t *all = malloc(COLUMNS * column + 1);
  if (all == NULL) abort();
  const void *columns[] = {own->times, own->open, own->high, own->low, own->close, own->volume};
  for (size_t i = 0; i < COLUMNS && column > 0; i++)
    memcpy(all + i * column, columns[i], column);
  mesh_sha256((mesh_view){all, COLUMNS * column}, out);
  free(all);
}
