#include "backend/data/timeframe.h"

#include <string.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 86400, WEEK = 604800, FIRST_MONDAY = 4 * DAY };

static const timeframe all[] = {
    {"1m", MINUTE},   {"5m", 5 * MINUTE}, {"15m", 15 * MINUTE}, {"30m", 30 * MINUTE}, {"1h", HOUR},
    {"2h", 2 * HOUR}, {"4h", 4 * HOUR},   {"1d", DAY},          {"1w", WEEK},
};

mesh_code timeframe_parse(const char *text, const timeframe **out, mesh_error *err) {
  *out = NULL;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (strcmp(all[i].text, text) != 0) continue;
    *out = &all[i];
    return GRPC_STATUS_OK;
  }
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "timeframe '%.16s' is none of 1m 5m 15m 30m 1h 2h 4h 1d 1w", text);
}

static int64_t floor_to(int64_t time_s, int64_t step_s) {
  int64_t rest = time_s % step_s;
  return time_s - (rest < 0 ? rest + step_s : rest);
}

bool timeframe_on_grid(const timeframe *frame, int64_t time_s) {
  int64_t step_s = frame->seconds;
  if (step_s > DAY) step_s = DAY;
  if (step_s >= HOUR && step_s < DAY) step_s = 15 * MINUTE;
  return floor_to(time_s, step_s) == time_s;
}

int64_t timeframe_floor(const timeframe *frame, int64_t time_s) {
  if (frame->seconds < WEEK) return floor_to(time_s, frame->seconds);
  return floor_to(time_s - FIRST_MONDAY, WEEK) + FIRST_MONDAY;  // 1970-01-05 was a Monday
}
