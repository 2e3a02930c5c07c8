// data validate.
#include <stdio.h>
#include <string.h>

#include "cli/bars.h"
#include "cli/commands/data.h"
#include "cli/source.h"
#include "cli/terminal/numbers.h"
#include "cli/terminal/print.h"
#include "cli/terminal/row.h"
#include "market/examine.h"
#include "market/times.h"
#include "mesh/rpc/pack.h"

static const char *name_kind(Millrace__V1__Finding__Kind kind) {
  if (kind == MILLRACE__V1__FINDING__KIND__COUNT) return "count";
  const char *name = bar_fault_name((bar_fault)kind);
  return name != NULL ? name : "unknown";
}

static void print_finding(const Millrace__V1__Finding *finding, int64_t *rows) {
  char from[TIMES_TEXT_MAX] = "-", to[TIMES_TEXT_MAX] = "-";
  const Millrace__V1__Interval *at = finding->interval;
  bool placed = at != NULL && at->from != NULL && at->to != NULL &&
                finding->kind != MILLRACE__V1__FINDING__KIND__COUNT;
  if (placed) times_format_short(at->from->seconds, from);
  if (placed) times_format_short(at->to->seconds, to);
  if ((*rows)++ == 0) row_print(stdout, "%-17s %-17s %-10s %s", "FROM", "TO", "WHAT", "WHY");
  row_print_more(stdout, finding->text, "%-17s %-17s %-10s", from, to, name_kind(finding->kind));
}

static void print_summary(const Millrace__V1__ValidateSummary *summary, const char *timeframe) {
  char bars[NUMBERS_TEXT_MAX], findings[NUMBERS_TEXT_MAX];
  numbers_count(summary->bars, bars);
  numbers_count(summary->findings, findings);
  print_text(stdout, "%s %s, %s: %s bars, %s%s\n", summary->symbol, timeframe,
             source_shown(summary->source), bars,
             summary->findings == 0 ? "nothing to remark" : findings,
             summary->findings == 0 ? "" : " to be looked at");
}

static mesh_code take(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  mesh_view view = {frame.data, frame.size_bytes};
  if (own->json) return client_print_json(own, "millrace.v1.ValidateResponse", view, err);
  Millrace__V1__ValidateResponse *response = mesh_message_unpack(
      &millrace__v1__validate_response__descriptor, frame.data, frame.size_bytes);
  if (response == NULL) return client_bad_reply("ValidateResponse", err);
  if (response->finding != NULL) print_finding(response->finding, arg);
  if (response->summary != NULL) print_summary(response->summary, own->given->words[1]);
  millrace__v1__validate_response__free_unpacked(response, NULL);
  return GRPC_STATUS_OK;
}

static mesh_code run(client *own, mesh_error *err) {
  bars_window window;
  int64_t rows = 0;
  mesh_code code = bars_window_read(own->given, &window, err);
  if (code != GRPC_STATUS_OK) return code;
  Millrace__V1__ValidateRequest request = MILLRACE__V1__VALIDATE_REQUEST__INIT;
  request.symbol = (char *)own->given->words[0];
  request.timeframe = (char *)own->given->words[1];
  request.from = window.from;
  request.to = window.to;
  request.source = source_read(own->given);
  request.prices = prices_read(own->given);
  request.session = session_read(own->given);
  return client_call(own, "/millrace.v1.DataService/Validate", &request.base, take, &rows, err);
}

int cmd_validate(const command *self, const args *given) {
  return client_main(self, given, run);
}
