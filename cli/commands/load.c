#include "cli/commands/load.h"

#include <stdio.h>
#include <string.h>

#include "cli/bars.h"
#include "cli/follow.h"
#include "cli/patience.h"
#include "cli/source.h"
#include "cli/start_options.h"
#include "cli/symbols.h"
#include "cli/terminal/chart.h"
#include "cli/terminal/output.h"
#include "market/timeframe.h"
#include "mesh/runtime/text.h"

enum { CHART_BARS = 2000, CHART_ROWS = 8, TIMEFRAMES_MOST = 24 };

static Millrace__V1__LoadRequest__Mode mode_of(const char *text) {
  if (text == NULL) return MILLRACE__V1__LOAD_REQUEST__MODE__MODE_UNSPECIFIED;
  if (strcmp(text, "tail") == 0) return MILLRACE__V1__LOAD_REQUEST__MODE__TAIL;
  if (strcmp(text, "local") == 0) return MILLRACE__V1__LOAD_REQUEST__MODE__LOCAL;
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

static mesh_code follow_load(client *own, const char *method, const ProtobufCMessage *request,
                             bool detached, const bars_window *window, mesh_error *err) {
  follow load = {.starts = true,
                 .shared_id = args_get(own->given, "request-id") != NULL,
                 .until_accepted = detached};
  mesh_code code = follow_run(&load, own, method, request, err);
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

// ---- what is loaded ----

typedef struct wanted {
  symbols instruments;
  char timeframes[160], *each[TIMEFRAMES_MOST];
  size_t timeframe_count;
} wanted;

static mesh_code take_timeframes(wanted *out, const char *text, mesh_error *err) {
  if (!mesh_text_copy(out->timeframes, sizeof out->timeframes, text)) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "timeframes '%.*s...': too many",
                     MESH_TEXT_SHOWN(text, 40));
  }
  char *rest = out->timeframes;
  for (char *one; (one = strsep(&rest, ",")) != NULL;) {
    const timeframe *found;
    mesh_code code = timeframe_parse(one, &found, err);
    if (code != GRPC_STATUS_OK) return code;
    if (out->timeframe_count == TIMEFRAMES_MOST) {
      return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "more than %d timeframes",
                       TIMEFRAMES_MOST);
    }
    out->each[out->timeframe_count++] = one;
  }
  return GRPC_STATUS_OK;
}

// SYMBOLS TIMEFRAMES, or TIMEFRAMES alone with --symbols.
static mesh_code read_wanted(const args *given, wanted *out, mesh_error *err) {
  const char *file = args_get(given, "symbols");
  if (file == NULL && given->word_count < 2) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "SYMBOL and TIMEFRAME are needed, or --symbols FILE and TIMEFRAME");
  }
  mesh_code code = take_timeframes(out, given->words[given->word_count - 1], err);
  if (code == GRPC_STATUS_OK && given->word_count > 1) {
    code = symbols_add(&out->instruments, given->words[0], err);
  }
  if (code == GRPC_STATUS_OK && file != NULL) {
    code = symbols_read(&out->instruments, file, stderr, err);
  }
  if (code != GRPC_STATUS_OK || out->instruments.count > 0) return code;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s names no symbol", file);
}

static mesh_code load_one(client *own, const wanted *what, Millrace__V1__LoadRequest *request,
                          const bars_window *window, mesh_error *err) {
  request->symbol = what->instruments.items[0];
  request->timeframe = what->each[0];
  return follow_load(own, "/millrace.v1.DataService/Load", &request->base, request->start->detached,
                     window, err);
}

static mesh_code load_many(client *own, const wanted *what, Millrace__V1__LoadRequest *each,
                           const bars_window *window, mesh_error *err) {
  Millrace__V1__LoadManyRequest request = MILLRACE__V1__LOAD_MANY_REQUEST__INIT;
  request.start = each->start;
  each->start = NULL;
  request.each = each;
  request.symbols = what->instruments.items;
  request.n_symbols = what->instruments.count;
  request.timeframes = (char **)what->each;
  request.n_timeframes = what->timeframe_count;
  return follow_load(own, "/millrace.v1.DataService/LoadMany", &request.base,
                     request.start->detached, window, err);
}

static mesh_code load_wanted(client *own, const wanted *what, mesh_error *err) {
  bars_window window;
  start_options start;
  Millrace__V1__LoadRequest request = MILLRACE__V1__LOAD_REQUEST__INIT;
  mesh_code code = bars_window_read(own->given, &window, err);
  if (code == GRPC_STATUS_OK) code = start_options_read(own->given, &start, err);
  if (code == GRPC_STATUS_OK) code = patience_read(own->given, &request.patience_ms, err);
  if (code != GRPC_STATUS_OK) return code;
  request.mode = mode_of(args_get(own->given, "mode"));
  request.from = window.from;
  request.to = window.to;
  request.source = source_read(own->given);
  request.prices = prices_read(own->given);
  request.session = session_read(own->given);
  request.start = &start.message;
  request.refresh = args_get(own->given, "refresh") != NULL;
  request.drop_missing = args_get(own->given, "drop-missing") != NULL;
  request.dry_run = args_get(own->given, "dry-run") != NULL;
  bool one = what->instruments.count == 1 && what->timeframe_count == 1;
  code = one ? load_one(own, what, &request, &window, err)
             : load_many(own, what, &request, &window, err);
  if (code != GRPC_STATUS_OK || what->instruments.broken == 0) return code;
  own->exit_code = EXIT_CODE_FAILED;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%zu lines of %s name no instrument",
                   what->instruments.broken, args_get(own->given, "symbols"));
}

static mesh_code run(client *own, mesh_error *err) {
  wanted what = {0};
  mesh_code code = read_wanted(own->given, &what, err);
  if (code == GRPC_STATUS_OK) code = load_wanted(own, &what, err);
  symbols_clear(&what.instruments);
  return code;
}

int cmd_load(const command *self, const args *given) {
  return client_main(self, given, run);
}
