// FetchBars and WatchBars.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/ib/service_internal.h"
#include "market/bar_columns.h"
#include "market/timeframe.h"
#include "market/times.h"
#include "mesh/operation/event_stream.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/ib_host.pb-c.h"
#include "requests/data.h"

enum { BATCH_BARS = 4096, NAME_MAX_BYTES = 128 };

// What is asked of the gateway, and what came.
typedef struct bars_query {
  struct sender *to;
  ib_series series;
  ib_bar_window window;
  bool live;
  int64_t from_s, to_s;
  size_t came;       // in the answer, before what was not asked for was left out
  bar_columns bars;  // a history; of a live stream, bars that have ended and were not sent yet
  // Of a live stream: the bar that forms, whether it was sent as it is now, and where the next
  // update is read.
  bar_columns forming, update;
  bool has_update;
} bars_query;

static void encode_query(ib_outbox *out, int id, int server_version, const void *what) {
  (void)server_version;
  const bars_query *query = what;
  ib_encode_bars(out, id, &query->series, &query->window, query->live);
}

// What is made of the data before the end of the request is no whole bar.
static void drop_cut_bars(bars_query *query) {
  bar_columns *bars = &query->bars, whole = {0};
  const ib_bar_window *window = &query->window;
  size_t count = 0;
  while (count < bars->count && timeframe_end(window->frame, bars->times[count]) <= window->end_s)
    count++;
  if (count == bars->count) return;
  for (size_t i = 0; i < bars->count; i++) {
    bool cut = timeframe_end(window->frame, bars->times[i]) > window->end_s;
    if (!cut) bar_columns_copy(&whole, bars, i, 1);
  }
  bar_columns_clear(bars);
  *bars = whole;
}

static mesh_code take_history(bars_query *query, ib_fields *fields, mesh_error *err) {
  size_t count;
  mesh_code code = ib_decode_bars_head(fields, &count, err);
  if (code != GRPC_STATUS_OK) return code;
  query->bars.count = 0;
  query->came = count;
  code = ib_decode_bars(fields, count, query->from_s, query->to_s, &query->bars, err);
  if (code == GRPC_STATUS_OK && !query->live) drop_cut_bars(query);
  if (code == GRPC_STATUS_OK && query->live && query->bars.count > 0) {
    query->forming.count = 0;
    bar_columns_copy(&query->forming, &query->bars, --query->bars.count, 1);
    query->has_update = true;
  }
  return code;
}

// A bar has ended when the next one begins: what is known of it then is not replaced any more.
static mesh_code take_update(bars_query *query, ib_fields *fields, mesh_error *err) {
  mesh_code code = ib_decode_bar_update(fields, &query->update, err);
  if (code != GRPC_STATUS_OK) return code;
  int64_t time = query->update.times[0];
  int64_t now = query->forming.count > 0 ? query->forming.times[0] : INT64_MIN;
  if (time < now) return GRPC_STATUS_OK;  // a late word: the next load brings it
  if (time > now && query->forming.count > 0) bar_columns_copy(&query->bars, &query->forming, 0, 1);
  query->forming.count = 0;
  bar_columns_copy(&query->forming, &query->update, 0, 1);
  query->has_update = true;
  return GRPC_STATUS_OK;
}

// A reply of the gateway; true when it was the last one.
static bool on_reply(ib_request *request, ib_reply reply, ib_fields *fields) {
  bars_query *query = request->arg;
  if (reply == IB_REPLY_BARS) {
    request->code = take_history(query, fields, &request->err);
    return !query->live || request->code != GRPC_STATUS_OK;
  }
  if (reply == IB_REPLY_BAR_UPDATE && query->live) {
    request->code = take_update(query, fields, &request->err);
    return request->code != GRPC_STATUS_OK;
  }
  return false;
}

// ---- events ----

typedef struct sender {
  mesh_event_stream *stream;
  char operation[NAME_MAX_BYTES];
  int64_t sequence;
} sender;

static mesh_code put(sender *to, mesh_event_class class_, uint32_t payload, mesh_view body,
                     mesh_error *err) {
  if (class_ == MESH_DURABLE) to->sequence++;
  mesh_event event = {.operation = {(const uint8_t *)to->operation, strlen(to->operation)},
                      .epoch = 1,
                      .sequence = to->sequence,
                      .event_class = class_,
                      .time_ns = mesh_wall_ns(),
                      .payload = payload,
                      .body = body};
  return mesh_event_stream_put(to->stream, &event, err);
}

static mesh_code put_message(sender *to, mesh_event_class class_, uint32_t payload,
                             const ProtobufCMessage *message, mesh_error *err) {
  mesh_bytes bytes = mesh_message_pack(message);
  mesh_code code = put(to, class_, payload, mesh_bytes_view(bytes), err);
  free(bytes.data);
  return code;
}

static mesh_code put_bars(sender *to, const bar_columns *bars, bool forming, mesh_error *err) {
  uint8_t *bytes = malloc(bar_columns_bound(BATCH_BARS));
  if (bytes == NULL) abort();
  mesh_code code = GRPC_STATUS_OK;
  for (size_t first = 0; first < bars->count && code == GRPC_STATUS_OK; first += BATCH_BARS) {
    size_t count = bars->count - first < BATCH_BARS ? bars->count - first : BATCH_BARS;
    mesh_view body = {bytes, bar_columns_encode(bars, first, count, forming, bytes)};
    code = put(to, forming ? MESH_MERGEABLE : MESH_DURABLE,
               MILLRACE__V1__OPERATION_EVENT__PAYLOAD_BARS, body, err);
  }
  free(bytes);
  return code;
}

static mesh_code put_outcome(sender *to, Millrace__V1__FetchResult *result, mesh_error *err) {
  Millrace__V1__Succeeded succeeded = MILLRACE__V1__SUCCEEDED__INIT;
  Millrace__V1__Outcome outcome = MILLRACE__V1__OUTCOME__INIT;
  succeeded.result_case = MILLRACE__V1__SUCCEEDED__RESULT_FETCH;
  succeeded.fetch = result;
  outcome.outcome_case = MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED;
  outcome.succeeded = &succeeded;
  return put_message(to, MESH_DURABLE, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_OUTCOME,
                     &outcome.base, err);
}

// The caller sees why nothing comes, and until when. Where it cannot be told it has gone.
static void on_wait(ib_request *request, int64_t wait_ns) {
  sender *to = ((bars_query *)request->arg)->to;
  char until[TIMES_TEXT_MAX], note[128];
  mesh_error err;
  Millrace__V1__Progress progress = MILLRACE__V1__PROGRESS__INIT;
  times_format(mesh_time_seconds(mesh_time_add(mesh_wall_ns(), wait_ns)) + 1, until);
  snprintf(note, sizeof note, "waits until %s for Interactive Brokers' pace: %d requests in 10 min",
           until, IB_GOVERNOR_MOST);
  progress.note = note;
  mesh_code code = put_message(to, MESH_MERGEABLE, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_PROGRESS,
                               &progress.base, &err);
  if (code == GRPC_STATUS_OK) code = mesh_event_stream_flush(to->stream, &err);
  if (code != GRPC_STATUS_OK) mesh_log(MESH_LOG_DEBUG, "ib-host", "%s", err.message);
}

static void sender_open(sender *to, ib_service *self, mesh_call *call, const char *operation) {
  to->sequence = 0;
  to->stream = mesh_event_stream_create(call);
  if (operation[0] != '\0') {
    mesh_text_copy(to->operation, sizeof to->operation, operation);
  } else {
    snprintf(to->operation, sizeof to->operation, "fetch-%llu",
             (unsigned long long)++self->next_operation);
  }
}

// ---- FetchBars ----

// The gateway's clock; ours where it has not told.
static int64_t source_now(const ib_service *self) {
  int64_t clock_s = ib_session_clock_s(self->session);
  return clock_s != 0 ? clock_s : mesh_time_seconds(mesh_wall_ns());
}

static mesh_code take_fetch(const ib_service *self, const Millrace__V1__FetchBarsRequest *request,
                            bars_query *query, mesh_error *err) {
  int64_t now_s = source_now(self);
  query->from_s = request->from->seconds;
  query->to_s = request->to->seconds;
  mesh_code code = ib_series_of(request->symbol, request->con_id, request->prices, request->session,
                                &query->series, err);
  if (code != GRPC_STATUS_OK) return code;
  // Where the gateway answers up to now only, what is behind `to` is left out of its answer.
  int64_t to_s = query->series.ends_now && query->to_s < now_s ? now_s : query->to_s;
  return ib_bar_window_of(request->timeframe, query->from_s, to_s, now_s, &query->window, err);
}

static ib_governed govern(const bars_query *query) {
  const ib_bar_window *window = &query->window;
  if (window->frame->seconds > IB_GOVERNOR_BAR_S) return (ib_governed){0};
  uint64_t contract = ib_series_hash(&query->series);
  uint64_t request = ib_governed_hash(contract, window->end);
  request = ib_governed_hash(request, window->duration);
  return (ib_governed){.contract = contract,
                       .request = ib_governed_hash(request, window->bar_size),
                       .twice = strcmp(query->series.prices, "BID_ASK") == 0};
}

static mesh_code fetch(ib_service *self, mesh_call *call, const char *operation, bars_query *query,
                       mesh_error *err) {
  sender to;
  sender_open(&to, self, call, operation);
  query->to = &to;
  ib_request request = {.kind = IB_ASK_BARS,
                        .governed = govern(query),
                        .on_reply = on_reply,
                        .on_wait = on_wait,
                        .arg = query};
  mesh_text_copy(request.operation, sizeof request.operation, to.operation);
  mesh_scope *scope = mesh_call_scope(call);
  mesh_code code = ib_request_open(self->session, scope, &request, encode_query, query, err);
  if (code == GRPC_STATUS_OK) {
    code = ib_request_wait(&request, scope, err);
    if (code == GRPC_STATUS_OK && query->came == 0) code = ib_request_believe(&request, err);
    ib_request_close(&request);
  }
  Google__Protobuf__Timestamp clock = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  Millrace__V1__FetchResult result = MILLRACE__V1__FETCH_RESULT__INIT;
  result.bars = (int64_t)query->bars.count;
  result.empty_reason = request.no_data;
  result.source = (char *)ib_session_source(self->session);
  clock.seconds = ib_session_clock_s(self->session);
  if (clock.seconds != 0) result.source_time = &clock;
  if (code == GRPC_STATUS_OK) code = put_bars(&to, &query->bars, false, err);
  if (code == GRPC_STATUS_OK) code = put_outcome(&to, &result, err);
  return mesh_event_stream_end(to.stream, code, err);
}

mesh_code ib_fetch_bars(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__FetchBarsRequest *request =
      data_request_take(&millrace__v1__fetch_bars_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  bars_query query = {0};
  mesh_code code = take_fetch(self, request, &query, err);
  if (code == GRPC_STATUS_OK) {
    code = fetch(self, call, request->operation, &query, err);
    code = ib_name_symbol(request->symbol, code, err);
  }
  bar_columns_clear(&query.bars);
  millrace__v1__fetch_bars_request__free_unpacked(request, NULL);
  return code;
}

// ---- WatchBars ----

// Sends the bars so far, then each one that ends, and the last as it forms, until the caller goes
// or the gateway fails.
static mesh_code stream_live(ib_request *request, bars_query *query, mesh_scope *scope, sender *to,
                             mesh_error *err) {
  for (;;) {
    bar_columns ended = query->bars;  // more may come while these are sent
    query->bars = (bar_columns){0};
    mesh_code code = put_bars(to, &ended, false, err);
    bar_columns_clear(&ended);
    if (code == GRPC_STATUS_OK && query->bars.count == 0 && query->has_update) {
      query->has_update = false;
      code = put_bars(to, &query->forming, true, err);
    }
    if (code != GRPC_STATUS_OK) return code;
    if (query->bars.count > 0 || query->has_update) continue;  // what came meanwhile
    if (request->done) return ib_request_wait(request, scope, err);
    code = mesh_signal_wait(&request->progress, scope, MESH_NEVER, err);
    if (code != GRPC_STATUS_OK) return code;
  }
}

// The caller may know whose bars it has so far: no others follow them.
static mesh_code check_source(const ib_service *self, const char *wanted, mesh_error *err) {
  const char *source = ib_session_source(self->session);
  if (wanted[0] == '\0' || strcmp(wanted, source) == 0) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                   "bars of %s are wanted, and the gateway that is there has those of %s: they do "
                   "not mix",
                   wanted, source);
}

static mesh_code watch(ib_service *self, mesh_call *call,
                       const Millrace__V1__WatchBarsRequest *wanted, bars_query *query,
                       mesh_error *err) {
  sender to;
  sender_open(&to, self, call, wanted->operation);
  query->to = &to;
  ib_request request = {.kind = IB_ASK_LIVE,
                        .governed = govern(query),
                        .on_reply = on_reply,
                        .on_wait = on_wait,
                        .arg = query};
  mesh_text_copy(request.operation, sizeof request.operation, to.operation);
  mesh_scope *scope = mesh_call_drain_scope(call);
  mesh_code code = ib_request_open(self->session, scope, &request, encode_query, query, err);
  if (code == GRPC_STATUS_OK) {
    code = check_source(self, wanted->source, err);
    if (code == GRPC_STATUS_OK) code = stream_live(&request, query, scope, &to, err);
    ib_request_close(&request);
  }
  if (scope->code == GRPC_STATUS_UNAVAILABLE) {
    code = mesh_event_stream_drain(to.stream, "ib-host", to.operation, 1, err);
  }
  return mesh_event_stream_end(to.stream, code, err);
}

// How far back the stream begins, in seconds.
static int64_t watch_length(const Millrace__V1__WatchBarsRequest *request, int64_t now_s) {
  enum { HISTORY_BARS = 30, HISTORY_BARS_MAX = 1000 };
  int64_t bar_s = timeframe_named(request->timeframe)->seconds;  // it is checked
  int64_t least_s = bar_s * HISTORY_BARS, most_s = bar_s * HISTORY_BARS_MAX;
  const Google__Protobuf__Timestamp *since =
      request->after != NULL ? request->after : request->from;
  if (since == NULL || since->seconds >= now_s - least_s) return least_s;
  return since->seconds < now_s - most_s ? most_s : now_s - since->seconds;
}

mesh_code ib_watch_bars(mesh_call *call, mesh_frame frame, void *self, mesh_error *err) {
  Millrace__V1__WatchBarsRequest *request =
      data_request_take(&millrace__v1__watch_bars_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  bars_query query = {.live = true, .from_s = INT64_MIN, .to_s = INT64_MAX};
  if (request->after != NULL) query.from_s = request->after->seconds + 1;
  int64_t now_s = source_now(self);
  int64_t from_s = now_s - watch_length(request, now_s) - 1;
  mesh_code code =
      ib_series_of(request->symbol, 0, request->prices, request->session, &query.series, err);
  if (code == GRPC_STATUS_OK) {
    code = ib_bar_window_of(request->timeframe, from_s, now_s, now_s, &query.window, err);
  }
  if (code == GRPC_STATUS_OK) {
    code = watch(self, call, request, &query, err);
    code = ib_name_symbol(request->symbol, code, err);
  }
  bar_columns_clear(&query.update);
  bar_columns_clear(&query.forming);
  bar_columns_clear(&query.bars);
  millrace__v1__watch_bars_request__free_unpacked(request, NULL);
  return code;
}
