#include "host/training/service/series.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/message.h"
#include "mesh/rpc/retry.h"
#include "mesh/runtime/fiber.h"
#include "mesh/runtime/text.h"
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

typedef struct reading {
  const series_source *source;
  mesh_frame frame;
  bar_columns *out;
  mesh_code code;
  mesh_error err;
} reading;

// On a pool thread: a frame has as many bars as a message may, and room for more is made with a
// copy of all that are there.
static void take_frame(void *arg) {
  reading *own = arg;
  mesh_view batch = {own->frame.data, own->frame.size_bytes};
  own->code = bar_columns_decode(own->out, batch, NULL, &own->err);
  int64_t most = own->source->bytes_most;
  if (own->code != GRPC_STATUS_OK || most == 0 || (int64_t)series_bytes(own->out) <= most) return;
  own->code = mesh_fail(&own->err, GRPC_STATUS_RESOURCE_EXHAUSTED,
                        "its bars take more than the %lld MiB that this host gives a training",
                        (long long)most >> 20);
}

static mesh_code read_once(const series_source *source, mesh_scope *scope,
                           const Millrace__V1__ReadRequest *request, bar_columns *out,
                           mesh_error *err) {
  reading own = {.source = source, .out = out};
  mesh_call *call;
  out->count = 0;
  mesh_code code = mesh_message_open(scope, source->backend, "/millrace.v1.DataService/Read",
                                     &request->base, NULL, &call, err);
  if (code != GRPC_STATUS_OK) return code;
  while ((code = mesh_call_receive(call, &own.frame, err)) == GRPC_STATUS_OK && !own.frame.end) {
    mesh_pool_run(source->pool, scope->loop, take_frame, &own);
    code = own.code;
    if (code == GRPC_STATUS_OK) continue;
    *err = own.err;
    break;
  }
  mesh_call_close(call);
  return code;
}

mesh_code series_read(const series_source *source, mesh_scope *scope, const series_name *name,
                      const series_window *window, bar_columns *out, mesh_error *err) {
  Millrace__V1__ReadRequest request = MILLRACE__V1__READ_REQUEST__INIT;
  Google__Protobuf__Timestamp from = GOOGLE__PROTOBUF__TIMESTAMP__INIT, to = from;
  request.symbol = (char *)(uintptr_t)name->symbol;
  request.timeframe = (char *)(uintptr_t)name->timeframe;
  request.source = (char *)(uintptr_t)name->source;
  from.seconds = window->from_s;
  to.seconds = window->to_s;
  request.from = window->from_s == INT64_MIN ? NULL : &from;
  request.to = window->to_s == INT64_MAX ? NULL : &to;
  request.last = window->last;
  mesh_code code;
  int attempt = 0;
  do {
    code = read_once(source, scope, &request, out, err);
  } while (code != GRPC_STATUS_OK &&
           mesh_retry_wait(scope, &read_backoff, mesh_link_budget(source->backend), ++attempt,
                           err) == GRPC_STATUS_OK);
  if (code == GRPC_STATUS_OK) return code;
  bar_columns_clear(out);
  if (code == GRPC_STATUS_RESOURCE_EXHAUSTED) {
    char what[64];
    mesh_text_format(what, sizeof what, "%.*s %s", MESH_TEXT_SHOWN(name->symbol, 40),
                     name->timeframe);
    return mesh_error_prefix(err, what);
  }
  if (code != GRPC_STATUS_NOT_FOUND)
    return mesh_scope_check(scope, NULL) == GRPC_STATUS_OK ? code : mesh_scope_check(scope, err);
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                   "%s %s is not stored; load it first: millrace data load %s %s", name->symbol,
                   name->timeframe, name->symbol, name->timeframe);
}

train_bars series_bars(const bar_columns *own) {
  return (train_bars){own->count, own->times, own->open,  own->high,
                      own->low,   own->close, own->volume};
}

void series_hash(const bar_columns *own, char out[MESH_SHA256_HEX]) {
  const void *columns[] = {own->times, own->open, own->high, own->low, own->close, own->volume};
  mesh_view views[BAR_COLUMNS];
  for (size_t i = 0; i < BAR_COLUMNS; i++)
    views[i] = (mesh_view){columns[i], own->count * BAR_VALUE_BYTES};
  mesh_sha256_views(views, BAR_COLUMNS, out);
}
