#include "cli/commands/show.h"

#include <math.h>
#include <stdio.h>

#include "cli/bars.h"
#include "cli/source.h"
#include "cli/terminal/chart.h"
#include "cli/terminal/numbers.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "market/times.h"

enum { DEFAULT_LAST = 500, DEFAULT_ROWS = 8, CHART_ROWS_TALL = 16, CHART_ROWS_LEAST = 5 };

static void print_cell(double value) {
  char text[NUMBERS_TEXT_MAX] = "";
  if (!isnan(value)) numbers_shortest(value, text);
  print_text(stdout, " %11s", text);
}

static void print_table(const bar_columns *all, int64_t rows) {
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
    print_text(stdout, "\n");
  }
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
  print_table(all, table_rows);
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
