#include "backend/data/segments.h"

enum { HOUR = 3600, DAY = 86400, SEGMENTS_MAX = 100000 };

int64_t segments_limit_s(const timeframe *frame) {
  if (frame->seconds == 1) return HOUR / 2;                 // 1s: 1,800 bars
  if (frame->seconds < 10) return 2 * HOUR;                 // 5s: 1,440
  if (frame->seconds < 15) return 4 * HOUR;                 // 10s: 1,440
  if (frame->seconds < 60) return 8 * HOUR;                 // 15s: 1,920
  if (frame->seconds < 15 * 60) return 7 * (int64_t)DAY;    // 1m: 10,080 bars
  if (frame->seconds < HOUR) return 30 * (int64_t)DAY;      // 15m: 2,880
  if (frame->seconds < 2 * HOUR) return 90 * (int64_t)DAY;  // 1h: 2,160
  if (frame->seconds < DAY) return 180 * (int64_t)DAY;
  if (frame->seconds == DAY) return 4 * 365 * (int64_t)DAY;
  return 3640 * (int64_t)DAY;  // 1w: 520
}

// The first multiple of `step_s` after `time_s`.
static int64_t next_multiple(int64_t time_s, int64_t step_s) {
  int64_t rest = time_s % step_s;
  return time_s - (rest < 0 ? rest + step_s : rest) + step_s;
}

mesh_code segments_plan(const timeframe *frame, const intervals *gaps, intervals *out,
                        mesh_error *err) {
  int64_t limit_s = segments_limit_s(frame);
  int64_t origin_s = timeframe_floor(frame, 0);  // of weeks a Monday: no bar is cut
  for (size_t i = 0; i < gaps->count; i++) {
    interval rest = gaps->items[i];
    while (rest.from_s < rest.to_s) {
      int64_t cut_s = next_multiple(rest.from_s - origin_s, limit_s) + origin_s;
      if (frame->calendar_month) cut_s = timeframe_floor(frame, cut_s);
      if (cut_s <= rest.from_s || cut_s > rest.to_s) cut_s = rest.to_s;
      intervals_add(out, (interval){rest.from_s, cut_s});
      rest.from_s = cut_s;
      if (out->count <= SEGMENTS_MAX) continue;
      return mesh_fail(err, GRPC_STATUS_OUT_OF_RANGE,
                       "the window needs more than %d requests of %s bars: ask for less of it",
                       SEGMENTS_MAX, frame->text);
    }
  }
  return GRPC_STATUS_OK;
}
