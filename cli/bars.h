// bars: stored bars as they come from the backend, in columns. In the client's fiber.
#ifndef MILLRACE_CLI_BARS_H
#define MILLRACE_CLI_BARS_H

#include <stdio.h>

#include "cli/client.h"
#include "cli/source.h"
#include "market/bar_columns.h"
#include "market/instrument.h"
#include "market/series_key.h"
#include "millrace/v1/data.pb-c.h"

// One batch of bars, borrowed during the call. Another code than OK ends the stream.
typedef mesh_code (*bars_each)(const bar_columns *batch, void *arg, mesh_error *err);

// Streams the bars of a ReadRequest, oldest first. NOT_FOUND if the series is not stored; DATA_LOSS
// if what comes is no BarBatch; what `each` or the call says.
MESH_NODISCARD mesh_code bars_stream(client *own, const Millrace__V1__ReadRequest *request,
                                     bars_each each, void *arg, mesh_error *err);

// Reads them all into `out`, zeroed before; release it with bar_columns_clear(), after an error
// too.
MESH_NODISCARD mesh_code bars_read(client *own, const Millrace__V1__ReadRequest *request,
                                   bar_columns *out, mesh_error *err);

// Which series a request reads; its errors are those of bars_stream().
typedef struct bars_about {
  char symbol[INSTRUMENT_NAME_MAX], source[SERIES_SOURCE_MAX];
  char variant[VARIANT_TEXT_MAX];  // as source_variant() says
} bars_about;
MESH_NODISCARD mesh_code bars_describe(client *own, const Millrace__V1__ReadRequest *request,
                                       bars_about *out, mesh_error *err);

// A part of a request: --from and --to. The timestamps lie in the caller's storage.
typedef struct bars_window {
  Google__Protobuf__Timestamp from_time, to_time;
  Google__Protobuf__Timestamp *from, *to;  // NULL where not given
} bars_window;

// Fills *out from the flags; it points into itself, so it stays where it is. INVALID_ARGUMENT: a
// flag is no date, or --from is not before --to.
MESH_NODISCARD mesh_code bars_window_read(const args *given, bars_window *out, mesh_error *err);

// One line of JSON a bar: time, open, high, low, close, volume; null where there is none.
void bars_print_json(FILE *out, const bar_columns *bars);

#endif
