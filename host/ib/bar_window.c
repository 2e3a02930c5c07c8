#include "host/ib/bar_window.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "host/ib/bar_size.h"

enum { DAY_S = 86400, SMALLEST_S = 30, MOST_DAYS = 365 };

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

mesh_code ib_bar_window_of(const char *timeframe_text, int64_t from_s, int64_t to_s,
                           ib_bar_window *out, mesh_error *err) {
  *out = (ib_bar_window){0};
  const timeframe *frame;
  mesh_code code = timeframe_parse(timeframe_text, &frame, err);
  if (code != GRPC_STATUS_OK) return code;
  time_t end = (time_t)to_s;
  struct tm utc;
  if (from_s >= to_s || gmtime_r(&end, &utc) == NULL || utc.tm_year > 8099) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "from %lld is not before to %lld",
                     (long long)from_s, (long long)to_s);
  }
  strftime(out->end, sizeof out->end, "%Y%m%d-%H:%M:%S", &utc);
  write_duration(out->duration, to_s - from_s, timeframe_is_daily(frame));
  out->bar_size = ib_bar_size(frame);
  return GRPC_STATUS_OK;
}
