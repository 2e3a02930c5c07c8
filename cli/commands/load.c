#include "cli/commands/load.h"

#include <stdio.h>
#include <string.h>

#include "cli/bars.h"
#include "cli/follow.h"
#include "cli/patience.h"
#include "cli/source.h"
#include "cli/start_options.h"
#include "cli/terminal/chart.h"
#include "cli/terminal/output.h"

enum { CHART_BARS = 2000, CHART_ROWS = 8 };

static Millrace__V1__LoadRequest__Mode mode_of(const char *text) {
  if (text == NULL) return MILLRACE__V1__LOAD_REQUEST__MODE__MODE_UNSPECIFIED;
  if (strcmp(text, "tail") == 0) return MILLRACE__V1__LOAD_REQUEST__MODE__TAIL;
  if (strcmp(text, "full") == 0) return MILLRACE__V1__LOAD_REQUEST__MODE__FULL;
  return MILLRACE__V1__LOAD_REQUEST__MODE__BACKFILL;
}

// After the summary: what the newest bars look like.
static void draw_chart(client *own, const bars_window *window,
                       const Millrace__V1__LoadResult *loaded) {
  Millrace__V1__ReadRequest request = MILLRACE__V1__READ_REQUEST__INIT;
  request.symbol = loaded->symbol;
  request.timeframe = loaded->timeframe;
  request.from = window->from;
  request.to = window->to;
  request.source = loaded->source;
  request.prices = loaded->prices;
  request.session = loaded->session;
  request.last = CHART_BARS;
  bar_columns stored = {0};
  mesh_error err;
  if (bars_read(own, &request, &stored, &err) == GRPC_STATUS_OK) {
    chart_series series = {stored.times, stored.close, stored.count};
    chart_draw(stdout, &series, output_columns(), CHART_ROWS, !output_is_utf8());
  }
  bar_columns_clear(&stored);
}

// NULL where the outcome has none, or another method's.
static const Millrace__V1__LoadResult *result_of(const Millrace__V1__Outcome *outcome) {
  if (outcome->outcome_case != MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED) return NULL;
  const Millrace__V1__Succeeded *done = outcome->succeeded;
  return done->result_case == MILLRACE__V1__SUCCEEDED__RESULT_LOAD ? done->load : NULL;
}

static mesh_code follow_load(client *own, const Millrace__V1__LoadRequest *request,
                             const bars_window *window, mesh_error *err) {
  follow load = {.starts = true,
                 .shared_id = args_get(own->given, "request-id") != NULL,
                 .until_accepted = request->start->detached};
  mesh_code code = follow_run(&load, own, "/millrace.v1.DataService/Load", &request->base, err);
  if (code == GRPC_STATUS_OK && load.outcome != NULL) {
    code = follow_conclude(&load, err);
    const Millrace__V1__LoadResult *result = result_of(load.outcome);
    if (code == GRPC_STATUS_OK && result != NULL && own->terminal) {
      draw_chart(own, window, result);
    }
  }
  follow_clear(&load);
  return code;
}

static mesh_code run(client *own, mesh_error *err) {
  bars_window window;
  mesh_code code = bars_window_read(own->given, &window, err);
  if (code != GRPC_STATUS_OK) return code;
  start_options start;
  code = start_options_read(own->given, &start, err);
  if (code != GRPC_STATUS_OK) return code;
  Millrace__V1__LoadRequest request = MILLRACE__V1__LOAD_REQUEST__INIT;
  request.symbol = (char *)own->given->words[0];
  request.timeframe = (char *)own->given->words[1];
  request.mode = mode_of(args_get(own->given, "mode"));
  request.from = window.from;
  request.to = window.to;
  request.source = source_read(own->given);
  request.prices = prices_read(own->given);
  request.session = session_read(own->given);
  request.start = &start.message;
  request.refresh = args_get(own->given, "refresh") != NULL;
  code = patience_read(own->given, &request.patience_ms, err);
  if (code != GRPC_STATUS_OK) return code;
  return follow_load(own, &request, &window, err);
}

int cmd_load(const command *self, const args *given) {
  return client_main(self, given, run);
}
