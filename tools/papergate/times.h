// pg_times: the date texts of TWS and of CSV files. Times are
// seconds since 1970-01-01T00:00:00Z and may be negative. Pure functions, but for
// pg_parse_end_time(), which looks up time zones by way of TZ: main thread only.
#ifndef MILLRACE_TOOLS_PAPERGATE_TIMES_H
#define MILLRACE_TOOLS_PAPERGATE_TIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "market/civil.h"

enum { PG_TIME_TEXT_MAX = 40 };  // bytes that every pg_format_ function needs at most

// "2017-04-19T09:00:00Z", or the day alone; false if it is anything else.
bool pg_parse_iso(const char *text, int64_t *out);

// "20170419", "20170419 09:00:00 UTC", "20170419-09:00:00"; return `out`.
char *pg_format_day(int64_t time, char *out);
char *pg_format_zoned(int64_t time, char *out);
char *pg_format_dashed(int64_t time, char *out);

typedef enum pg_end_time {
  PG_END_BAD,      // neither form, or a zone that is not known here
  PG_END_NOW,      // empty
  PG_END_EXACT,    // "20170419-09:00:00" (UTC) or "20170419 09:00:00 ZONE"
  PG_END_NO_ZONE,  // "20170419 09:00:00": taken as UTC, draws warning 2174
} pg_end_time;

// Reads the endDateTime of a request. Without a date ("09:00:00 UTC") it means the day of `now`.
pg_end_time pg_parse_end_time(const char *text, int64_t now, int64_t *out);

#endif
