// timeframe: the nine lengths of a bar.
#ifndef MILLRACE_BACKEND_DATA_TIMEFRAME_H
#define MILLRACE_BACKEND_DATA_TIMEFRAME_H

#include "mesh/runtime/status.h"

typedef struct timeframe {
  const char *text;  // "1h"
  int64_t seconds;
} timeframe;

// Finds a timeframe by its text. INVALID_ARGUMENT lists what there is. *out is static.
MESH_NODISCARD mesh_code timeframe_parse(const char *text, const timeframe **out, mesh_error *err);

// True if a bar may start at `time_s`. Up to 30m: a multiple of the timeframe. 1h to 4h: a multiple
// of 15 minutes, for sessions open off the hour. 1d and 1w: midnight UTC.
bool timeframe_on_grid(const timeframe *frame, int64_t time_s);

// The last multiple of the timeframe that is not after `time_s`; for 1w, a Monday.
int64_t timeframe_floor(const timeframe *frame, int64_t time_s);

#endif
