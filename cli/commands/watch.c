#include "cli/commands/watch.h"

#include <math.h>
#include <stdio.h>

#include "cli/client.h"
#include "cli/terminal/numbers.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "market/bar_columns.h"
#include "market/times.h"
#include "mesh/operation/event.h"
#include "mesh/rpc/pack.h"
#include "millrace/v1/data.pb-c.h"

enum { RETRY_S = 30 };

typedef struct watch {
  int64_t heard_ns;  // when the last message came, monotonic
  int64_t shown_s;   // the time of the bar on the line that is still open; 0: none is
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

static mesh_code print_event(client *own, watch *state, mesh_view bytes, mesh_error *err) {
  if (own->json) return client_print_json(own, "millrace.v1.OperationEvent", bytes, err);
  mesh_event event;
  mesh_code code = mesh_event_decode(bytes, &event, err);
  if (code != GRPC_STATUS_OK || event.payload != MILLRACE__V1__OPERATION_EVENT__PAYLOAD_BARS) {
    return code;
  }
  bar_columns batch = {0};
  code = bar_columns_decode(&batch, event.body, NULL, err);
  for (size_t i = 0; i < batch.count; i++)
    print_bar(own, state, &batch, i);
  bar_columns_clear(&batch);
  if (code != GRPC_STATUS_OK) return code;
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

static mesh_code run(client *own, mesh_error *err) {
  Millrace__V1__SubscribeRequest request = MILLRACE__V1__SUBSCRIBE_REQUEST__INIT;
  request.symbol = (char *)own->given->words[0];
  request.timeframe = (char *)own->given->words[1];
  static const char method[] = "/millrace.v1.DataService/Subscribe";
  watch state = {0};
  mesh_code code;
  int64_t since_ns = mesh_now_ns();
  for (int attempt = 1;; attempt++) {  // a host or a backend that is started again is no end
    code = client_call(own, method, &request.base, print_frame, &state, err);
    if (code == GRPC_STATUS_OK) code = client_ended_early(method, err);
    if (code != GRPC_STATUS_UNAVAILABLE) break;
    if (state.heard_ns > since_ns) {
      attempt = 1;
      since_ns = mesh_now_ns();
    }
    // The host's socket may be gone for a moment, too.
    own->streaming = state.heard_ns > 0;
    if (client_retry(own, attempt, since_ns, RETRY_S, err) != GRPC_STATUS_OK) break;
  }
  if (own->terminal && state.shown_s != 0) print_text(stdout, "\n");
  return code;
}

int cmd_watch(const command *self, const args *given) {
  return client_main(self, given, run);
}
