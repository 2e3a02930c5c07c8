// bar_window: our timeframes and intervals in TWS's words: bar size, end and duration. Pure; any
// thread.
#ifndef MILLRACE_HOST_IB_BAR_WINDOW_H
#define MILLRACE_HOST_IB_BAR_WINDOW_H

#include "mesh/runtime/status.h"

typedef struct ib_bar_window {
  const char *bar_size;  // "1 hour"; static
  char end[24];          // "20250321-16:00:00", UTC
  char duration[16];     // "90 D"
} ib_bar_window;

// What to ask for so that the answer holds every bar of [from, to), in seconds since 1970; it may
// hold more. INVALID_ARGUMENT: an unknown timeframe, or from not before to.
MESH_NODISCARD mesh_code ib_bar_window_of(const char *timeframe_text, int64_t from_s, int64_t to_s,
                                          ib_bar_window *out, mesh_error *err);

#endif
