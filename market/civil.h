// civil: days and months of the proleptic Gregorian calendar, UTC. Pure functions, defined for
// years within 290 million of 1970; any thread.
#ifndef MILLRACE_MARKET_CIVIL_H
#define MILLRACE_MARKET_CIVIL_H

#include <stdint.h>

enum { CIVIL_MINUTE = 60, CIVIL_HOUR = 3600, CIVIL_DAY = 86400, CIVIL_WEEK = 7 * CIVIL_DAY };

typedef struct civil {
  int64_t year;
  int month, day;  // from 1
} civil;

// Rounds towards the past, also before 1970: the largest multiple of `step` not after `value`.
int64_t civil_floor(int64_t value, int64_t step);

// Days since 1970-01-01 and back. The month may be outside 1..12: it carries into the year.
int64_t civil_days(civil date);
civil civil_of(int64_t days);

// `time_s`, in seconds since 1970, moved by whole calendar months; a day that the month lacks
// becomes its last day.
int64_t civil_add_months(int64_t time_s, int64_t months);

#endif
