#include "cli/commands/data.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/bars.h"
#include "cli/source.h"
#include "cli/terminal/numbers.h"
#include "cli/terminal/print.h"
#include "cli/terminal/row.h"
#include "market/times.h"
#include "mesh/rpc/pack.h"

// "-" for a time that is not set.
static void format_time(const Google__Protobuf__Timestamp *time, char out[TIMES_TEXT_MAX]) {
  snprintf(out, TIMES_TEXT_MAX, "-");
  if (time != NULL) times_format_short(time->seconds, out);
}

// ---- list ----

// The first bar's day alone.
#define SERIES_ROW "%-9s %-3s %-9s %9s  %-10s %-16s %s"

static mesh_code print_series(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  int64_t *rows = arg;
  if (own->json) {
    return client_print_json(own, "millrace.v1.Series", (mesh_view){frame.data, frame.size_bytes},
                             err);
  }
  Millrace__V1__Series *series =
      mesh_message_unpack(&millrace__v1__series__descriptor, frame.data, frame.size_bytes);
  if (series == NULL) return client_bad_reply("Series", err);
  if ((*rows)++ == 0) {
    row_print(stdout, SERIES_ROW, "SYMBOL", "OF", "SOURCE", "BARS", "FIRST", "LAST", "LOADED");
  }
  char variant[VARIANT_TEXT_MAX];
  char count[NUMBERS_TEXT_MAX], first[TIMES_TEXT_MAX], last[TIMES_TEXT_MAX], loaded[TIMES_TEXT_MAX];
  numbers_count(series->bars, count);
  format_time(series->first, first);
  first[strcspn(first, " ")] = '\0';
  format_time(series->last, last);
  format_time(series->updated, loaded);
  source_variant(series->symbol, series->prices, series->session, variant);
  row_print_more(stdout, variant, SERIES_ROW, series->symbol, series->timeframe,
                 source_shown(series->source), count, first, last, loaded);
  millrace__v1__series__free_unpacked(series, NULL);
  return GRPC_STATUS_OK;
}

static mesh_code run_list(client *own, mesh_error *err) {
  Millrace__V1__ListSeriesRequest request = MILLRACE__V1__LIST_SERIES_REQUEST__INIT;
  if (own->given->word_count > 0) request.symbol = (char *)own->given->words[0];
  int64_t rows = 0;
  mesh_code code =
      client_call(own, "/millrace.v1.DataService/List", &request.base, print_series, &rows, err);
  if (code == GRPC_STATUS_OK && rows == 0 && !own->json) {
    print_text(stdout, "nothing is stored; millrace data load SYMBOL TIMEFRAME loads a series\n");
  }
  return code;
}

int cmd_list(const command *self, const args *given) {
  return client_main(self, given, run_list);
}

// ---- gaps ----

static const char *name_cause(Millrace__V1__Gap__Cause cause) {
  switch (cause) {
    case MILLRACE__V1__GAP__CAUSE__NEVER_ASKED:
      return "never asked for";
    case MILLRACE__V1__GAP__CAUSE__FAILED:
      return "failed:";
    case MILLRACE__V1__GAP__CAUSE__REFUSED:
      return "refused:";
    case MILLRACE__V1__GAP__CAUSE__UNSETTLED:
      return "not settled:";
    case MILLRACE__V1__GAP__CAUSE__EMPTY:
      return "empty:";
    case MILLRACE__V1__GAP__CAUSE__CLOSED:
      return "closed";
    case MILLRACE__V1__GAP__CAUSE__CHANGED:
      return "changed:";
    default:
      return "unknown:";
  }
}

static mesh_code print_gap(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  int64_t *rows = arg;
  if (own->json) {
    return client_print_json(own, "millrace.v1.Gap", (mesh_view){frame.data, frame.size_bytes},
                             err);
  }
  Millrace__V1__Gap *gap =
      mesh_message_unpack(&millrace__v1__gap__descriptor, frame.data, frame.size_bytes);
  if (gap == NULL) return client_bad_reply("Gap", err);
  if ((*rows)++ == 0) row_print(stdout, "%-17s %-17s %s", "FROM", "TO", "WHY");
  char from[TIMES_TEXT_MAX] = "-", to[TIMES_TEXT_MAX] = "-";
  if (gap->interval != NULL) {
    format_time(gap->interval->from, from);
    format_time(gap->interval->to, to);
  }
  row_print_more(stdout, gap->reason, "%-17s %-17s %s", from, to, name_cause(gap->cause));
  millrace__v1__gap__free_unpacked(gap, NULL);
  return GRPC_STATUS_OK;
}

static mesh_code run_gaps(client *own, mesh_error *err) {
  bars_window window;
  mesh_code code = bars_window_read(own->given, &window, err);
  if (code != GRPC_STATUS_OK) return code;
  Millrace__V1__GapsRequest request = MILLRACE__V1__GAPS_REQUEST__INIT;
  request.symbol = (char *)own->given->words[0];
  request.timeframe = (char *)own->given->words[1];
  request.from = window.from;
  request.to = window.to;
  request.all = args_get(own->given, "all") != NULL;
  request.source = source_read(own->given);
  request.prices = prices_read(own->given);
  request.session = session_read(own->given);
  int64_t rows = 0;
  code = client_call(own, "/millrace.v1.DataService/Gaps", &request.base, print_gap, &rows, err);
  if (code == GRPC_STATUS_OK && rows == 0 && !own->json) print_text(stdout, "no gaps\n");
  return code;
}

int cmd_gaps(const command *self, const args *given) {
  return client_main(self, given, run_gaps);
}

// ---- search ----

static mesh_code print_contract(client *own, mesh_frame frame, void *arg, mesh_error *err) {
  int64_t *rows = arg;
  if (own->json) {
    return client_print_json(own, "millrace.v1.Contract", (mesh_view){frame.data, frame.size_bytes},
                             err);
  }
  Millrace__V1__Contract *contract =
      mesh_message_unpack(&millrace__v1__contract__descriptor, frame.data, frame.size_bytes);
  if (contract == NULL) return client_bad_reply("Contract", err);
  if ((*rows)++ == 0) {
    row_print(stdout, "%-10s %-5s %-10s %-8s %12s  %s", "SYMBOL", "TYPE", "EXCHANGE", "CURRENCY",
              "CON ID", "NAME");
  }
  const char *exchange =
      contract->exchange[0] != '\0' ? contract->exchange : contract->primary_exchange;
  row_print(stdout, "%-10s %-5s %-10s %-8s %12" PRId64 "  %s", contract->symbol, contract->sec_type,
            exchange, contract->currency, contract->con_id, contract->long_name);
  millrace__v1__contract__free_unpacked(contract, NULL);
  return GRPC_STATUS_OK;
}

static mesh_code run_search(client *own, mesh_error *err) {
  Millrace__V1__SearchRequest request = MILLRACE__V1__SEARCH_REQUEST__INIT;
  request.pattern = (char *)own->given->words[0];
  int64_t rows = 0;
  mesh_code code = client_call(own, "/millrace.v1.DataService/Search", &request.base,
                               print_contract, &rows, err);
  if (code == GRPC_STATUS_OK && rows == 0 && !own->json) {
    print_text(stdout, "the gateway knows nothing like '%s'\n", request.pattern);
  }
  return code;
}

int cmd_search(const command *self, const args *given) {
  return client_main(self, given, run_search);
}
