// timeframe: the lengths of a bar, in one table for the whole mesh. Pure functions over constants;
// any thread.
#ifndef MILLRACE_MARKET_TIMEFRAME_H
#define MILLRACE_MARKET_TIMEFRAME_H

#include "mesh/runtime/status.h"

typedef struct timeframe {
  const char *text;     // "1h"
  int64_t seconds;      // its length; of a calendar month, the longest one's
  bool calendar_month;  // "1M": its bars differ in length
  bool loadable;        // a mesh loads and stores it; the others only gateways know
} timeframe;

enum { TIMEFRAMES = 21 };

// Those that are loadable, as error messages and help list them; first those whose bars all have
// one length.
#define TIMEFRAMES_FIXED "1s 5s 10s 15s 30s 1m 2m 3m 5m 10m 15m 20m 30m 1h 2h 3h 4h 8h 1d 1w"
#define TIMEFRAMES_LOADABLE TIMEFRAMES_FIXED " 1M"

// All TIMEFRAMES of them, the finest first. Static.
const timeframe *timeframes(void);

// The one with this text, loadable or not; NULL if there is none.
const timeframe *timeframe_named(const char *text);

// Finds a loadable timeframe. INVALID_ARGUMENT lists what there is; *out is NULL then. Else *out is
// static.
MESH_NODISCARD mesh_code timeframe_parse(const char *text, const timeframe **out, mesh_error *err);

// The length of a loadable timeframe whose bars all have one, in seconds; 0 if there is none of
// that text.
int64_t timeframe_seconds(const char *text);

// True if a bar's time is a day: of 1d and longer ones.
bool timeframe_is_daily(const timeframe *frame);

// True if a bar may start at `time_s`. Up to 5m: a multiple of the timeframe. 10m to 8h: a multiple
// of 5 minutes, for a session's first bar begins when it opens: at 17:15 in New York, at 01:10 in
// Frankfurt. 1d and longer: midnight UTC.
bool timeframe_on_grid(const timeframe *frame, int64_t time_s);

// The start of the bar that holds `time_s`: a multiple of the timeframe; for 1w a Monday, for 1M
// the first of a month.
int64_t timeframe_floor(const timeframe *frame, int64_t time_s);

// The start of the bar after the one that starts at `start_s`.
int64_t timeframe_next(const timeframe *frame, int64_t start_s);

// When a bar with the time `time_s` is over at the latest. Of 1d and longer, the end of the
// calendar's: a week may be dated by its last day of trading.
int64_t timeframe_end(const timeframe *frame, int64_t time_s);

#endif
