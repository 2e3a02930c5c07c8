#include "market/timeframe.h"

#include <string.h>

#include "market/civil.h"
#include "mesh/runtime/text.h"

enum { MINUTE = CIVIL_MINUTE, HOUR = CIVIL_HOUR, DAY = CIVIL_DAY, FIRST_MONDAY = 4 * DAY };

static const timeframe all[TIMEFRAMES] = {
    {.text = "1s", .seconds = 1, .loadable = true},
    {.text = "5s", .seconds = 5, .loadable = true},
    {.text = "10s", .seconds = 10, .loadable = true},
    {.text = "15s", .seconds = 15, .loadable = true},
    {.text = "30s", .seconds = 30, .loadable = true},
    {.text = "1m", .seconds = MINUTE, .loadable = true},
    {.text = "2m", .seconds = 2 * MINUTE, .loadable = true},
    {.text = "3m", .seconds = 3 * MINUTE, .loadable = true},
    {.text = "5m", .seconds = 5 * MINUTE, .loadable = true},
    {.text = "10m", .seconds = 10 * MINUTE, .loadable = true},
    {.text = "15m", .seconds = 15 * MINUTE, .loadable = true},
    {.text = "20m", .seconds = 20 * MINUTE, .loadable = true},
    {.text = "30m", .seconds = 30 * MINUTE, .loadable = true},
    {.text = "1h", .seconds = HOUR, .loadable = true},
    {.text = "2h", .seconds = 2 * HOUR, .loadable = true},
    {.text = "3h", .seconds = 3 * HOUR, .loadable = true},
    {.text = "4h", .seconds = 4 * HOUR, .loadable = true},
    {.text = "8h", .seconds = 8 * HOUR, .loadable = true},
    {.text = "1d", .seconds = DAY, .loadable = true},
    {.text = "1w", .seconds = CIVIL_WEEK, .loadable = true},
    {.text = "1M", .seconds = 31 * DAY, .calendar_month = true, .loadable = true},
};

const timeframe *timeframes(void) {
  return all;
}

const timeframe *timeframe_named(const char *text) {
  for (size_t i = 0; i < TIMEFRAMES; i++) {
    if (strcmp(all[i].text, text) == 0) return &all[i];
  }
  return NULL;
}

mesh_code timeframe_parse(const char *text, const timeframe **out, mesh_error *err) {
  *out = timeframe_named(text);
  if (*out != NULL && (*out)->loadable) return GRPC_STATUS_OK;
  *out = NULL;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "timeframe '%.*s' is none of " TIMEFRAMES_LOADABLE, MESH_TEXT_SHOWN(text, 16));
}

int64_t timeframe_seconds(const char *text) {
  const timeframe *found;
  if (timeframe_parse(text, &found, NULL) != GRPC_STATUS_OK || found->calendar_month) return 0;
  return found->seconds;
}

bool timeframe_is_daily(const timeframe *frame) {
  return frame->seconds >= DAY;
}

bool timeframe_on_grid(const timeframe *frame, int64_t time_s) {
  int64_t step_s = frame->seconds;
  if (step_s > DAY) step_s = DAY;
  if (step_s > 5 * MINUTE && step_s < DAY) step_s = 5 * MINUTE;
  return civil_floor(time_s, step_s) == time_s;
}

int64_t timeframe_floor(const timeframe *frame, int64_t time_s) {
  if (frame->calendar_month) {
    civil date = civil_of(civil_floor(time_s, DAY) / DAY);
    date.day = 1;
    return civil_days(date) * DAY;
  }
  if (frame->seconds < CIVIL_WEEK) return civil_floor(time_s, frame->seconds);
  return civil_floor(time_s - FIRST_MONDAY, CIVIL_WEEK) + FIRST_MONDAY;  // 1970-01-05 was a Monday
}

int64_t timeframe_next(const timeframe *frame, int64_t start_s) {
  return frame->calendar_month ? civil_add_months(start_s, 1) : start_s + frame->seconds;
}

int64_t timeframe_end(const timeframe *frame, int64_t time_s) {
  bool by_calendar = timeframe_is_daily(frame);
  return timeframe_next(frame, by_calendar ? timeframe_floor(frame, time_s) : time_s);
}
