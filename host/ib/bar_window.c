#include "host/ib/bar_window.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DAY_S = 86400, SMALLEST_S = 30, MOST_DAYS = 365 };

typedef struct bar_size {
  const char *timeframe, *text;
  int seconds;
  bool daily;  // a day or longer: durations in days
} bar_size;

static const bar_size sizes[] = {
    {"1m", "1 min", 60, false},      {"5m", "5 mins", 300, false},  {"15m", "15 mins", 900, false},
    {"30m", "30 mins", 1800, false}, {"1h", "1 hour", 3600, false}, {"2h", "2 hours", 7200, false},
    {"4h", "4 hours", 14400, false}, {"1d", "1 day", 86400, true},  {"1w", "1W", 604800, true},
};

static const bar_size *find_size(const char *timeframe) {
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    if (strcmp(sizes[i].timeframe, timeframe) == 0) return &sizes[i];
  }
  return NULL;
}

const char *ib_bar_size(const char *timeframe) {
  const bar_size *size = find_size(timeframe);
  return size == NULL ? NULL : size->text;
}

int64_t ib_bar_seconds(const char *timeframe) {
  const bar_size *size = find_size(timeframe);
  return size == NULL ? 0 : size->seconds;
}

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

mesh_code ib_bar_window_of(const char *timeframe, int64_t from_s, int64_t to_s, ib_bar_window *out,
                           mesh_error *err) {
  *out = (ib_bar_window){0};
  const bar_size *size = find_size(timeframe);
  if (size == NULL) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "timeframe '%.16s' is none of 1m 5m 15m 30m 1h 2h 4h 1d 1w", timeframe);
  }
  time_t end = (time_t)to_s;
  struct tm utc;
  if (from_s >= to_s || gmtime_r(&end, &utc) == NULL || utc.tm_year > 8099) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "from %lld is not before to %lld",
                     (long long)from_s, (long long)to_s);
  }
  strftime(out->end, sizeof out->end, "%Y%m%d-%H:%M:%S", &utc);
  write_duration(out->duration, to_s - from_s, size->daily);
  out->bar_size = size->text;
  return GRPC_STATUS_OK;
}
