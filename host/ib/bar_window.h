// bar_window: our timeframes and intervals in TWS's words: bar size, end and duration. Pure; any
// thread.
#ifndef MILLRACE_HOST_IB_BAR_WINDOW_H
#define MILLRACE_HOST_IB_BAR_WINDOW_H

#include "market/timeframe.h"
#include "mesh/runtime/status.h"

typedef struct ib_bar_window {
  const timeframe *frame;
  int64_t end_s;         // as `end` says it
  const char *bar_size;  // "1 hour"; static
  char end[24];          // "20250321-16:00:00", UTC
  char duration[16];     // "90 D"
} ib_bar_window;

// What to ask for so that the answer holds every bar that starts in [from, to), in seconds since
// 1970, whole: a gateway makes its last bar of what there is before the end of the request, and a
// session's bars may begin off our grid. It may hold more. `now_s` is the gateway's clock: where
// it has not come so far, bars that are not over at `end_s` may be cut. INVALID_ARGUMENT: an
// unknown timeframe, or from not before to.
MESH_NODISCARD mesh_code ib_bar_window_of(const char *timeframe_text, int64_t from_s, int64_t to_s,
                                          int64_t now_s, ib_bar_window *out, mesh_error *err);

#endif
