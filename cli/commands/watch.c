#include "cli/commands/watch.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/outage.h"
#include "cli/patience.h"
#include "cli/source.h"
#include "cli/terminal/numbers.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "market/bar_columns.h"
#include "market/series_key.h"
#include "market/times.h"
#include "mesh/operation/event.h"
#include "mesh/rpc/pack.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/data.pb-c.h"
#include "millrace/v1/ib_host.pb-c.h"

enum { BACKEND_RETRY_S = 30 };

typedef struct watch {
  int64_t heard_ns;  // when the last message came, monotonic
  int64_t since_ns;  // when it began, or was heard last before it broke, monotonic
  int64_t patience_ms;
  outage away;
  int64_t shown_s;                 // the time of the bar on the line that is still open; 0: none is
  int64_t ended_s;                 // the time of the last bar that has ended
  bool has_ended;                  // there was one
  char source[SERIES_SOURCE_MAX];  // whose they are; "" while that is not known
} watch;

static void print_bar(client *own, watch *state, const bar_columns *batch, size_t i) {
  char time[TIMES_TEXT_MAX], volume[NUMBERS_TEXT_MAX] = "-";
  char prices[4][NUMBERS_TEXT_MAX];
  const double values[] = {batch->open[i], batch->high[i], batch->low[i], batch->close[i]};
  for (int k = 0; k < 4; k++)
    numbers_shortest(values[k], prices[k]);
  if (!isnan(batch->volume[i])) numbers_shortest(batch->volume[i], volume);
  times_format_short(batch->times[i], time);
  // On a terminal a bar that still forms is drawn over.
  bool same = own->terminal && state->shown_s == batch->times[i];
  if (own->terminal) print_text(stdout, same ? "\r\033[K" : state->shown_s != 0 ? "\n" : "");
  print_text(stdout, "%-17s  open %s  high %s  low %s  close %s  volume %s", time, prices[0],
             prices[1], prices[2], prices[3], volume);
  if (!own->terminal) print_text(stdout, "\n");
  state->shown_s = batch->times[i];
}

static mesh_code take_bars(client *own, watch *state, const mesh_event *event, mesh_error *err) {
  bar_columns batch = {0};
  mesh_code code = bar_columns_decode(&batch, event->body, NULL, err);
  for (size_t i = 0; i < batch.count && !own->json; i++)
    print_bar(own, state, &batch, i);
  if (event->event_class == MESH_DURABLE && batch.count > 0) {
    state->ended_s = batch.times[batch.count - 1];
    state->has_ended = true;
  }
  bar_columns_clear(&batch);
  return code;
}

static mesh_code print_event(client *own, watch *state, mesh_view bytes, mesh_error *err) {
  mesh_event event;
  mesh_code code = mesh_event_decode(bytes, &event, err);
  if (code == GRPC_STATUS_OK && event.payload == MILLRACE__V1__OPERATION_EVENT__PAYLOAD_BARS) {
    code = take_bars(own, state, &event, err);
  }
  if (code != GRPC_STATUS_OK) return code;
  if (own->json) return client_print_json(own, "millrace.v1.OperationEvent", bytes, err);
  return output_flush(err);
}

static mesh_code print_frame(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  mesh_view one, view = {frame.data, frame.size_bytes};
  size_t offset = 0;
  bool bad;
  ((watch *)arg)->heard_ns = mesh_now_ns();
  while (mesh_event_next(view, &offset, &one, &bad)) {
    mesh_code code = print_event(own, arg, one, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return bad ? client_bad_reply("OperationEvent", err) : GRPC_STATUS_OK;
}

// ---- a source that is away ----

// Whether to call again: a host, a gateway or a backend that comes back is no end. On a terminal
// and in a log it is one line on standard error, however often it is tried.
static mesh_code wait_for(client *own, watch *state, int attempt, mesh_error *err) {
  char who[OUTAGE_TEXT_MAX], text[OUTAGE_TEXT_MAX];
  int64_t now_ns = mesh_now_ns();
  bool backend = client_backend_is_down(own, err);
  bool is_outage = !backend && outage_read(err, who, text);
  own->streaming = is_outage || state->heard_ns > 0;
  if (is_outage && outage_is_news(&state->away, who, now_ns, 0)) {
    if (own->terminal && state->shown_s != 0) print_text(stdout, "\n");
    state->shown_s = 0;
    print_text(stderr, "%s\n", text);
  }
  int64_t limit_s = backend ? BACKEND_RETRY_S : state->patience_ms / 1000;
  return client_retry(own, attempt, state->since_ns, limit_s < INT_MAX ? (int)limit_s : INT_MAX,
                      err);
}

static mesh_code take_status(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  (void)own;
  Millrace__V1__HostStatus *status =
      mesh_message_unpack(&millrace__v1__host_status__descriptor, frame.data, frame.size_bytes);
  if (status == NULL) return client_bad_reply("HostStatus", err);
  mesh_text_copy(arg, SERIES_SOURCE_MAX, status->source);
  millrace__v1__host_status__free_unpacked(status, NULL);
  return GRPC_STATUS_OK;
}

// What is watched is of one source: that of the gateway that is there at first. Where it cannot be
// asked, the subscription says why.
static void ask_source(client *own, watch *state) {
  Millrace__V1__HostStatusRequest request = MILLRACE__V1__HOST_STATUS_REQUEST__INIT;
  mesh_error err;
  if (state->source[0] != '\0') return;
  if (client_call(own, "/millrace.v1.DataAdapter/Status", &request.base, take_status, state->source,
                  &err) != GRPC_STATUS_OK) {
    state->source[0] = '\0';
  }
  if (!own->json && strcmp(state->source, SERIES_SOURCE_PAPERGATE) == 0) {
    print_text(stderr, "millrace: the bars are simulated (papergate)\n");
  }
}

// Goes on behind the last bar that has ended, or from the beginning while there was none.
static mesh_code subscribe(client *own, watch *state, Millrace__V1__SubscribeRequest *request,
                           mesh_error *err) {
  static const char method[] = "/millrace.v1.DataService/Subscribe";
  Google__Protobuf__Timestamp after = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  after.seconds = state->ended_s;
  request->after = state->has_ended ? &after : NULL;
  own->streaming = false;  // what is away is told, not tried in silence
  ask_source(own, state);
  request->source = state->source;
  mesh_code code = client_call(own, method, &request->base, print_frame, state, err);
  request->after = NULL;
  return code == GRPC_STATUS_OK ? client_ended_early(method, err) : code;
}

static mesh_code run(client *own, mesh_error *err) {
  Millrace__V1__SubscribeRequest request = MILLRACE__V1__SUBSCRIBE_REQUEST__INIT;
  request.symbol = (char *)own->given->words[0];
  request.timeframe = (char *)own->given->words[1];
  request.prices = prices_read(own->given);
  request.session = session_read(own->given);
  watch state = {.since_ns = mesh_now_ns()};
  mesh_text_copy(state.source, sizeof state.source, source_read(own->given));
  mesh_code code = patience_read(own->given, &state.patience_ms, err);
  if (code != GRPC_STATUS_OK) return code;
  for (int attempt = 1;; attempt++) {
    code = subscribe(own, &state, &request, err);
    if (code != GRPC_STATUS_UNAVAILABLE) break;
    if (state.heard_ns > state.since_ns) {
      attempt = 1;
      state.since_ns = mesh_now_ns();
      state.away = (outage){0};  // a new one
    }
    if (wait_for(own, &state, attempt, err) != GRPC_STATUS_OK) break;
  }
  if (own->terminal && state.shown_s != 0) print_text(stdout, "\n");
  return err->code;
}

int cmd_watch(const command *self, const args *given) {
  return client_main(self, given, run);
}
