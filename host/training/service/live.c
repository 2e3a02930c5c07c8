#include "host/training/service/live.h"

#include <stdlib.h>

#include "market/timeframe.h"
#include "market/times.h"
#include "mesh/operation/event.h"
#include "mesh/rpc/message.h"
#include "mesh/rpc/retry.h"
#include "millrace/v1/data.pb-c.h"
#include "millrace/v1/operation.pb-c.h"

static const mesh_backoff backoff = {.base_ms = 50, .cap_ms = 1000, .attempts = 30};

// ---- bars ----

// Whether bars between two moments should be there and are not stored.
static mesh_code find_gap(const live_timeframe *own, int64_t from_s, int64_t to_s, bool *found,
                          mesh_error *err) {
  Millrace__V1__GapsRequest request = MILLRACE__V1__GAPS_REQUEST__INIT;
  Google__Protobuf__Timestamp from = GOOGLE__PROTOBUF__TIMESTAMP__INIT, to = from;
  request.symbol = (char *)(uintptr_t)own->owner->symbol;
  request.timeframe = (char *)(uintptr_t)own->name;
  from.seconds = from_s;
  to.seconds = to_s;
  request.from = &from;
  request.source = (char *)(uintptr_t)own->owner->whose;
  request.to = &to;
  mesh_call *call;
  mesh_frame frame = {0};
  *found = false;
  mesh_code code =
      mesh_message_open(&own->owner->scope, own->owner->backend, "/millrace.v1.DataService/Gaps",
                        &request.base, NULL, &call, err);
  if (code != GRPC_STATUS_OK) return code;
  code = mesh_call_receive(call, &frame, err);
  *found = code == GRPC_STATUS_OK && !frame.end;
  mesh_call_close(call);
  return code;
}

// The first bars of a stream begin no later than where the known ones end, or in between is a time
// in which there are none.
static mesh_code check_overlap(const live_timeframe *own, const bar_columns *batch,
                               mesh_error *err) {
  char stored[TIMES_TEXT_MAX], first[TIMES_TEXT_MAX];
  bool missing = false;
  int64_t last = own->newest_s;
  if (batch->count == 0 || batch->times[0] <= last) return GRPC_STATUS_OK;
  int64_t next = last + timeframe_seconds(own->name);
  mesh_code code = GRPC_STATUS_OK;
  if (next < batch->times[0]) code = find_gap(own, next, batch->times[0], &missing, err);
  if (code != GRPC_STATUS_OK || !missing) return code;
  times_format(last, stored);
  times_format(batch->times[0], first);
  return mesh_fail(
      err, GRPC_STATUS_FAILED_PRECONDITION,
      "%s %s is stored up to %s, live bars begin at %s; load what is between: millrace "
      "data load %s %s --mode tail",
      own->owner->symbol, own->name, stored, first, own->owner->symbol, own->name);
}

static mesh_code take_bars(live_timeframe *own, mesh_view body, bool *first, mesh_error *err) {
  bar_columns batch = {0};
  mesh_code code = bar_columns_decode(&batch, body, NULL, err);
  if (code == GRPC_STATUS_OK && *first) code = check_overlap(own, &batch, err);
  if (batch.count > 0) *first = false;
  if (code == GRPC_STATUS_OK && batch.count > 0) {
    series_join(&own->news, &batch);
    int64_t last = batch.times[batch.count - 1];
    if (last > own->newest_s) own->newest_s = last;
    mesh_signal_notify(&own->owner->changed);
  }
  bar_columns_clear(&batch);
  return code;
}

static mesh_code take_frame(live_timeframe *own, mesh_frame frame, bool *first, mesh_error *err) {
  mesh_view one, view = {frame.data, frame.size_bytes};
  mesh_event event;
  size_t offset = 0;
  bool bad;
  while (mesh_event_next(view, &offset, &one, &bad)) {
    mesh_code code = mesh_event_decode(one, &event, err);
    if (code == GRPC_STATUS_OK && event.payload == MILLRACE__V1__OPERATION_EVENT__PAYLOAD_BARS) {
      code = take_bars(own, event.body, first, err);
    }
    if (code != GRPC_STATUS_OK) return code;
  }
  return bad ? mesh_fail(err, GRPC_STATUS_DATA_LOSS, "malformed OperationEvent") : GRPC_STATUS_OK;
}

// ---- a stream ----

// One call of Subscribe, until it ends; *heard says whether anything came.
static mesh_code listen_once(live_timeframe *own, bool *heard, mesh_error *err) {
  Millrace__V1__SubscribeRequest request = MILLRACE__V1__SUBSCRIBE_REQUEST__INIT;
  request.symbol = (char *)(uintptr_t)own->owner->symbol;
  request.timeframe = (char *)(uintptr_t)own->name;
  Google__Protobuf__Timestamp from = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  from.seconds = own->newest_s;
  request.from = &from;
  mesh_call *call;
  mesh_frame frame;
  bool first = true;
  *heard = false;
  mesh_code code =
      mesh_message_open(&own->owner->scope, own->owner->backend,
                        "/millrace.v1.DataService/Subscribe", &request.base, NULL, &call, err);
  if (code != GRPC_STATUS_OK) return code;
  while ((code = mesh_call_receive(call, &frame, err)) == GRPC_STATUS_OK && !frame.end) {
    *heard = true;
    code = take_frame(own, frame, &first, err);
    if (code != GRPC_STATUS_OK) break;
  }
  mesh_call_close(call);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "the stream of live bars has ended");
}

static void listen(void *arg) {
  live_timeframe *own = arg;
  mesh_scope *scope = &own->owner->scope;
  mesh_retry_budget *budget = mesh_link_budget(own->owner->backend);
  mesh_error err;
  mesh_code code;
  bool heard;
  int attempt = 0;
  do {
    code = listen_once(own, &heard, &err);
    if (heard) attempt = 0;
  } while (mesh_retry_wait(scope, &backoff, budget, ++attempt, &err) == GRPC_STATUS_OK);
  if (own->owner->code == GRPC_STATUS_OK && scope->code == GRPC_STATUS_OK) {
    own->owner->code = code;
    own->owner->err = err;
  }
  mesh_signal_notify(&own->owner->changed);
}

// ---- all of them ----

void live_open(live *own, mesh_scope *scope, const series_source *source, const char *symbol,
               const char *whose, const strategy *strategy, bar_columns *into) {
  *own = (live){.backend = source->backend,
                .pool = source->pool,
                .symbol = symbol,
                .whose = whose,
                .count = strategy->timeframe_count};
  mesh_scope_open(&own->scope, scope);
  for (int i = 0; i < own->count; i++) {
    own->timeframes[i] = (live_timeframe){.owner = own,
                                          .name = strategy->timeframes[i],
                                          .into = &into[i],
                                          .newest_s = into[i].times[into[i].count - 1]};
    mesh_fiber_start(&own->scope, listen, &own->timeframes[i]);
  }
}

void live_close(live *own) {
  mesh_scope_cancel(&own->scope, GRPC_STATUS_CANCELLED, "nobody listens");
  mesh_scope_close(&own->scope);
  for (int i = 0; i < own->count; i++)
    bar_columns_clear(&own->timeframes[i].news);
}

static bool has_news(const live *own) {
  for (int i = 0; i < own->count; i++) {
    if (own->timeframes[i].news.count > 0) return true;
  }
  return false;
}

typedef struct joining {
  live *own;
  bar_columns taken[STRATEGY_TIMEFRAMES_MAX];  // streams go on meanwhile
} joining;

// On a pool thread: room for one more bar may take a copy of all of them.
static void join(void *arg) {
  joining *news = arg;
  for (int i = 0; i < news->own->count; i++) {
    series_join(news->own->timeframes[i].into, &news->taken[i]);
    bar_columns_clear(&news->taken[i]);
  }
}

mesh_code live_take(live *own, mesh_error *err) {
  mesh_code code = mesh_scope_check(&own->scope, err);
  while (code == GRPC_STATUS_OK && own->code == GRPC_STATUS_OK && !has_news(own))
    code = mesh_signal_wait(&own->changed, &own->scope, MESH_NEVER, err);
  if (code != GRPC_STATUS_OK) return code;
  if (own->code != GRPC_STATUS_OK) {
    *err = own->err;
    return own->code;
  }
  joining news = {.own = own};
  for (int i = 0; i < own->count; i++) {
    news.taken[i] = own->timeframes[i].news;
    own->timeframes[i].news = (bar_columns){0};
  }
  mesh_pool_run(own->pool, own->scope.loop, join, &news);
  return GRPC_STATUS_OK;
}
