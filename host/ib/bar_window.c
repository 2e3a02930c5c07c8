#include "host/ib/bar_window.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "host/ib/bar_size.h"
#include "mesh/runtime/time.h"

enum { DAY_S = 86400, SMALLEST_S = 30, MOST_DAYS = 365, ON_GRID_S = 300 };

// S up to a day, D up to a year, then Y: the units that a gateway takes for such lengths.
static void write_duration(char out[16], int64_t length_s, bool daily) {
  int64_t days = (length_s + DAY_S - 1) / DAY_S;
  if (length_s < SMALLEST_S) length_s = SMALLEST_S;
  if (length_s <= DAY_S && !daily) {
    snprintf(out, 16, "%d S", (int)length_s);
  } else if (days <= MOST_DAYS) {
    snprintf(out, 16, "%d D", (int)days);
  } else {
    snprintf(out, 16, "%d Y", (int)(days / MOST_DAYS + 1) % 10000);
  }
}

mesh_code ib_bar_window_of(const char *timeframe_text, int64_t from_s, int64_t to_s, int64_t now_s,
                           ib_bar_window *out, mesh_error *err) {
  *out = (ib_bar_window){0};
  const timeframe *frame;
  mesh_code code = timeframe_parse(timeframe_text, &frame, err);
  if (code != GRPC_STATUS_OK) return code;
  bool empty = from_s >= to_s;
  // Bars of up to five minutes begin on the grid in every session: none reaches beyond `to`.
  int64_t further_s = mesh_time_add(to_s, frame->seconds);
  if (frame->seconds > ON_GRID_S && further_s <= now_s) to_s = further_s;
  time_t end = (time_t)to_s;
  struct tm utc;
  if (empty || gmtime_r(&end, &utc) == NULL || utc.tm_year > 8099) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "from %lld is not before to %lld",
                     (long long)from_s, (long long)to_s);
  }
  strftime(out->end, sizeof out->end, "%Y%m%d-%H:%M:%S", &utc);
  write_duration(out->duration, to_s - from_s, timeframe_is_daily(frame));
  out->bar_size = ib_bar_size(frame);
  out->frame = frame;
  out->end_s = to_s;
  return GRPC_STATUS_OK;
}
