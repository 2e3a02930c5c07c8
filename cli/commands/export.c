#include "cli/commands/export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bars.h"
#include "cli/out_file.h"
#include "cli/source.h"
#include "cli/terminal/csv.h"
#include "cli/terminal/numbers.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"

enum { BUFFER_BYTES = 1 << 20 };

typedef struct export_state {
  FILE *file;
  bool json;   // asked for by name: lines of JSON instead of CSV
  bool begun;  // the header was written: the series is there
  bool told;   // that it is written, on standard output
  int64_t bars;
} export_state;

static void begin(export_state *own) {
  if (!own->begun && !own->json) csv_write_header(own->file);
  own->begun = true;
}

static mesh_code write_batch(const bar_columns *batch, void *arg, mesh_error *err) {
  export_state *own = arg;
  begin(own);
  if (own->json) bars_print_json(own->file, batch);
  for (size_t i = 0; i < batch->count && !own->json; i++) {
    const double values[] = {batch->open[i], batch->high[i], batch->low[i], batch->close[i],
                             batch->volume[i]};
    csv_write_bar(own->file, batch->times[i], values);
  }
  own->bars += (int64_t)batch->count;
  if (!ferror(own->file)) return GRPC_STATUS_OK;
  if (own->file == stdout) return output_flush(err);
  return mesh_fail(err, GRPC_STATUS_ABORTED, "writing: %s", strerror(errno));
}

static mesh_code write_series(client *own, const bars_window *window, export_state *state,
                              mesh_error *err) {
  Millrace__V1__ReadRequest request = MILLRACE__V1__READ_REQUEST__INIT;
  request.symbol = (char *)own->given->words[0];
  request.timeframe = (char *)own->given->words[1];
  request.source = source_read(own->given);
  request.prices = prices_read(own->given);
  request.session = session_read(own->given);
  request.from = window->from;
  request.to = window->to;
  mesh_code code = bars_stream(own, &request, write_batch, state, err);
  if (code == GRPC_STATUS_OK) begin(state);
  return code;
}

static mesh_code export_to_file(client *own, const bars_window *window, const char *path,
                                export_state *state, mesh_error *err) {
  out_file out;
  mesh_code code = out_file_open(path, &out, err);
  if (code != GRPC_STATUS_OK) return code;
  state->file = out.file;
  setvbuf(out.file, NULL, _IOFBF, BUFFER_BYTES);
  code = write_series(own, window, state, err);
  state->told = !out.is_stdout;
  return out_file_close(&out, code, err);
}

static mesh_code run(client *own, mesh_error *err) {
  bars_window window;
  export_state state = {.file = stdout};
  mesh_code code = bars_window_read(own->given, &window, err);
  if (code != GRPC_STATUS_OK) return code;
  const char *path = args_get(own->given, "out"), *output = args_get(own->given, "output");
  state.json = output != NULL && strcmp(output, "json") == 0;
  if (path == NULL) {
    setvbuf(stdout, NULL, _IOFBF, BUFFER_BYTES);
    return write_series(own, &window, &state, err);
  }
  code = export_to_file(own, &window, path, &state, err);
  if (code == GRPC_STATUS_OK && own->terminal && state.told) {
    char count[NUMBERS_TEXT_MAX];
    numbers_count(state.bars, count);
    print_text(stdout, "%s bars written to %s\n", count, path);
  }
  return code;
}

int cmd_export(const command *self, const args *given) {
  return client_main(self, given, run);
}
