#include "cli/bars.h"

#include <string.h>

#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "market/times.h"
#include "mesh/rpc/pack.h"
#include "mesh/runtime/text.h"

// ---- the window ----

static mesh_code read_time(const args *given, const char *flag, Google__Protobuf__Timestamp *time,
                           Google__Protobuf__Timestamp **out, mesh_error *err) {
  google__protobuf__timestamp__init(time);
  *out = NULL;
  const char *text = args_get(given, flag);
  if (text == NULL) return GRPC_STATUS_OK;
  *out = time;
  char what[32] = "--";
  strncat(what, flag, sizeof what - 3);
  return times_parse(what, text, &time->seconds, err);
}

static mesh_code take_described(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  (void)own;
  Millrace__V1__Series *series =
      mesh_message_unpack(&millrace__v1__series__descriptor, frame.data, frame.size_bytes);
  if (series == NULL) return client_bad_reply("Series", err);
  bars_about *out = arg;
  mesh_text_copy(out->symbol, sizeof out->symbol, series->symbol);
  mesh_text_copy(out->source, sizeof out->source, series->source);
  source_variant(series->symbol, series->prices, series->session, out->variant);
  millrace__v1__series__free_unpacked(series, NULL);
  return GRPC_STATUS_OK;
}

mesh_code bars_describe(client *own, const Millrace__V1__ReadRequest *request, bars_about *out,
                        mesh_error *err) {
  Millrace__V1__DescribeRequest which = MILLRACE__V1__DESCRIBE_REQUEST__INIT;
  which.symbol = request->symbol;
  which.timeframe = request->timeframe;
  which.source = request->source;
  which.prices = request->prices;
  which.session = request->session;
  *out = (bars_about){0};
  return client_call(own, "/millrace.v1.DataService/Describe", &which.base, take_described, out,
                     err);
}

mesh_code bars_window_read(const args *given, bars_window *out, mesh_error *err) {
  mesh_code code = read_time(given, "from", &out->from_time, &out->from, err);
  if (code == GRPC_STATUS_OK) code = read_time(given, "to", &out->to_time, &out->to, err);
  if (code != GRPC_STATUS_OK || out->from == NULL || out->to == NULL) return code;
  if (out->from->seconds < out->to->seconds) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--from %s is not before --to %s",
                   args_get(given, "from"), args_get(given, "to"));
}

// ---- reading ----

typedef struct stream_target {
  bars_each each;
  void *arg;
  bar_columns batch;
} stream_target;

static mesh_code take_batch(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  (void)own;
  stream_target *target = arg;
  target->batch.count = 0;
  mesh_code code =
      bar_columns_decode(&target->batch, (mesh_view){frame.data, frame.size_bytes}, NULL, err);
  return code == GRPC_STATUS_OK ? target->each(&target->batch, target->arg, err) : code;
}

mesh_code bars_stream(client *own, const Millrace__V1__ReadRequest *request, bars_each each,
                      void *arg, mesh_error *err) {
  stream_target target = {.each = each, .arg = arg};
  mesh_code code =
      client_call(own, "/millrace.v1.DataService/Read", &request->base, take_batch, &target, err);
  bar_columns_clear(&target.batch);
  return code;
}

static mesh_code keep(const bar_columns *batch, void *arg, mesh_error *err) {
  (void)err;
  bar_columns_copy(arg, batch, 0, batch->count);
  return GRPC_STATUS_OK;
}

mesh_code bars_read(client *own, const Millrace__V1__ReadRequest *request, bar_columns *out,
                    mesh_error *err) {
  return bars_stream(own, request, keep, out, err);
}

// ---- JSON ----

void bars_print_json(FILE *out, const bar_columns *bars) {
  static const char *const names[] = {"open", "high", "low", "close", "volume"};
  const double *columns[] = {bars->open, bars->high, bars->low, bars->close, bars->volume};
  for (size_t i = 0; i < bars->count; i++) {
    char time[TIMES_TEXT_MAX];
    times_format(bars->times[i], time);
    print_text(out, "{\"time\":\"%s\"", time);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
      print_text(out, ",\"%s\":", names[k]);
      output_number(out, columns[k][i]);
    }
    print_text(out, "}\n");
  }
}
