#include "cli/commands/show.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/bars.h"
#include "cli/source.h"
#include "cli/terminal/chart.h"
#include "cli/terminal/numbers.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "market/examine.h"
#include "market/times.h"

enum {
  DEFAULT_LAST = 500,
  DEFAULT_ROWS = 8,
  CHART_ROWS_TALL = 16,
  CHART_ROWS_LEAST = 5,
  COLUMNS_WITH_NAMES = 90
};

static void print_cell(double value) {
  char text[NUMBERS_TEXT_MAX] = "";
  if (!isnan(value)) numbers_shortest(value, text);
  print_text(stdout, " %11s", text);
}

// ---- what is odd ----

typedef struct odd {
  const bar_columns *bars;
  bar_findings all;
  uint8_t
      *faults;  // owned: of each bar, a bar_fault or 0; of days that are missing, the bar behind
} odd;

static size_t place_of(const bar_columns *bars, int64_t time_s) {
  size_t low = 0, high = bars->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (bars->times[middle] < time_s) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

static void take_finding(void *arg, const bar_finding *finding) {
  odd *own = arg;
  bool between = finding->fault == BAR_MISSING;
  int64_t from_s = between ? finding->to_s : finding->from_s;
  int64_t to_s = between ? finding->to_s + 1 : finding->to_s;
  for (size_t i = place_of(own->bars, from_s); i < own->bars->count && own->bars->times[i] < to_s;
       i++)
    own->faults[i] = (uint8_t)finding->fault;
  bar_findings_add(&own->all, finding);
}

// As `data validate` finds it in these bars.
static void find_odd(const char *symbol, const char *timeframe_text, odd *own) {
  const timeframe *frame;
  mesh_error ignored;
  own->faults = calloc(own->bars->count + 1, sizeof *own->faults);
  if (own->faults == NULL) abort();
  if (timeframe_parse(timeframe_text, &frame, &ignored) != GRPC_STATUS_OK) return;
  bar_examiner examiner = bar_examiner_for(symbol, frame);
  for (size_t i = 0; i < own->bars->count; i++)
    bar_examine(&examiner, own->bars, i, take_finding, own);
  bar_examine_end(&examiner, take_finding, own);
}

static void print_table(const bar_columns *all, const odd *what, int64_t rows) {
  if (rows == 0) return;
  print_text(stdout, "\n%-16s %11s %11s %11s %11s %11s\n", "TIME (UTC)", "OPEN", "HIGH", "LOW",
             "CLOSE", "VOLUME");
  size_t first = (size_t)rows < all->count ? all->count - (size_t)rows : 0;
  for (size_t i = first; i < all->count; i++) {
    char time[TIMES_TEXT_MAX];
    times_format_short(all->times[i], time);
    print_text(stdout, "%-16s", time);
    print_cell(all->open[i]);
    print_cell(all->high[i]);
    print_cell(all->low[i]);
    print_cell(all->close[i]);
    print_cell(all->volume[i]);
    const char *name = bar_fault_name((bar_fault)what->faults[i]);
    bool has_room = output_columns() >= COLUMNS_WITH_NAMES;
    print_text(stdout, "%s%s\n", name != NULL ? " !" : "", name != NULL && has_room ? name : "");
  }
}

static void print_odd(const odd *what) {
  char text[2 * EXAMINE_TEXT_MAX];
  if (what->all.count == 0) return;
  bar_findings_text(&what->all, text);
  print_text(stdout, "\n%s\n", text);
}

static void show_text(const client *own, const bars_about *about, const bar_columns *all,
                      int64_t table_rows) {
  char count[NUMBERS_TEXT_MAX];
  numbers_count((int64_t)all->count, count);
  print_text(stdout, "%s %s, %s%s%s: %s bars\n", about->symbol, own->given->words[1],
             source_shown(about->source), about->variant[0] != '\0' ? ", " : "", about->variant,
             count);
  int room = output_rows() - (int)table_rows - 6;
  int rows = room > CHART_ROWS_TALL    ? CHART_ROWS_TALL
             : room < CHART_ROWS_LEAST ? CHART_ROWS_LEAST
                                       : room;
  chart_draw(stdout, &(chart_series){all->times, all->close, all->count}, output_columns(), rows,
             !output_is_utf8());
  odd what = {.bars = all};
  find_odd(about->symbol, own->given->words[1], &what);
  print_table(all, &what, table_rows);
  print_odd(&what);
  free(what.faults);
}

static mesh_code run(client *own, mesh_error *err) {
  bars_window window;
  int64_t last, table_rows;
  mesh_code code = bars_window_read(own->given, &window, err);
  bool whole_window = window.from != NULL || window.to != NULL;
  if (code == GRPC_STATUS_OK) {
    code = args_get_number(own->given, "last", 1, 100000000, whole_window ? 0 : DEFAULT_LAST, &last,
                           err);
  }
  if (code == GRPC_STATUS_OK) {
    code = args_get_number(own->given, "rows", 0, 100000, DEFAULT_ROWS, &table_rows, err);
  }
  if (code != GRPC_STATUS_OK) return code;
  Millrace__V1__ReadRequest request = MILLRACE__V1__READ_REQUEST__INIT;
  request.symbol = (char *)own->given->words[0];
  request.timeframe = (char *)own->given->words[1];
  request.from = window.from;
  request.to = window.to;
  request.source = source_read(own->given);
  request.prices = prices_read(own->given);
  request.session = session_read(own->given);
  request.last = last;
  bar_columns all = {0};
  bars_about about = {0};
  code = own->json ? code : bars_describe(own, &request, &about, err);
  if (code != GRPC_STATUS_OK) return code;
  code = bars_read(own, &request, &all, err);
  if (code == GRPC_STATUS_OK && own->json) bars_print_json(stdout, &all);
  if (code == GRPC_STATUS_OK && !own->json) show_text(own, &about, &all, table_rows);
  bar_columns_clear(&all);
  return code;
}

int cmd_show(const command *self, const args *given) {
  return client_main(self, given, run);
}
