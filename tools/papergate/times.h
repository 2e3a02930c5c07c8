// pg_times: calendar arithmetic in UTC, and the date texts of TWS and of CSV files. Times are
// seconds since 1970-01-01T00:00:00Z and may be negative. Pure functions, but for
// pg_parse_end_time(), which looks up time zones by way of TZ: main thread only.
#ifndef MILLRACE_TOOLS_PAPERGATE_TIMES_H
#define MILLRACE_TOOLS_PAPERGATE_TIMES_H

#include <stdbool.h>
#include <stdint.h>

enum { PG_MINUTE = 60, PG_HOUR = 3600, PG_DAY = 86400, PG_WEEK = 7 * PG_DAY };

enum { PG_TIME_TEXT_MAX = 40 };  // bytes that every pg_format_ function needs at most

typedef struct pg_civil {
  int64_t year;
  int month, day;  // from 1
} pg_civil;

// Rounds towards the past, also before 1970: the largest multiple of `step` not after `value`.
int64_t pg_floor(int64_t value, int64_t step);

// Days since 1970-01-01 and back. The month may be outside 1..12: it carries into the year.
int64_t pg_days_of(pg_civil civil);
pg_civil pg_civil_of(int64_t days);

// `time` moved by whole calendar months; a day that the month lacks becomes its last day.
int64_t pg_add_months(int64_t time, int64_t months);

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
