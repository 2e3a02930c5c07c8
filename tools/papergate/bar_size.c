#include "tools/papergate/bar_size.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tools/papergate/times.h"

static const pg_bar_size sizes[PG_BAR_SIZES] = {
    {.name = "1 secs", .timeframe = "1s", .seconds = 1},
    {.name = "5 secs", .timeframe = "5s", .seconds = 5},
    {.name = "10 secs", .timeframe = "10s", .seconds = 10},
    {.name = "15 secs", .timeframe = "15s", .seconds = 15},
    {.name = "30 secs", .timeframe = "30s", .seconds = 30},
    {.name = "1 min", .timeframe = "1m", .seconds = PG_MINUTE},
    {.name = "2 mins", .timeframe = "2m", .seconds = 2 * PG_MINUTE},
    {.name = "3 mins", .timeframe = "3m", .seconds = 3 * PG_MINUTE},
    {.name = "5 mins", .timeframe = "5m", .seconds = 5 * PG_MINUTE},
    {.name = "10 mins", .timeframe = "10m", .seconds = 10 * PG_MINUTE},
    {.name = "15 mins", .timeframe = "15m", .seconds = 15 * PG_MINUTE},
    {.name = "20 mins", .timeframe = "20m", .seconds = 20 * PG_MINUTE},
    {.name = "30 mins", .timeframe = "30m", .seconds = 30 * PG_MINUTE},
    {.name = "1 hour", .timeframe = "1h", .seconds = PG_HOUR},
    {.name = "2 hours", .timeframe = "2h", .seconds = 2 * PG_HOUR},
    {.name = "3 hours", .timeframe = "3h", .seconds = 3 * PG_HOUR},
    {.name = "4 hours", .timeframe = "4h", .seconds = 4 * PG_HOUR},
    {.name = "8 hours", .timeframe = "8h", .seconds = 8 * PG_HOUR},
    {.name = "1 day", .timeframe = "1d", .seconds = PG_DAY},
    {.name = "1W", .alias = "1 week", .timeframe = "1w", .seconds = PG_WEEK},
    {.name = "1M",
     .alias = "1 month",
     .timeframe = "1M",
     .seconds = 31 * PG_DAY,
     .calendar_month = true},
};

const pg_bar_size *pg_bar_sizes(void) {
  return sizes;
}

const pg_bar_size *pg_bar_size_named(const char *name) {
  for (size_t i = 0; i < PG_BAR_SIZES; i++) {
    if (strcmp(sizes[i].name, name) == 0) return &sizes[i];
    if (sizes[i].alias != NULL && strcmp(sizes[i].alias, name) == 0) return &sizes[i];
  }
  return NULL;
}

const pg_bar_size *pg_bar_size_of_timeframe(const char *timeframe) {
  for (size_t i = 0; i < PG_BAR_SIZES; i++) {
    if (strcmp(sizes[i].timeframe, timeframe) == 0) return &sizes[i];
  }
  return NULL;
}

bool pg_bar_size_is_daily(const pg_bar_size *size) {
  return size->seconds >= PG_DAY;
}

int64_t pg_bar_start(const pg_bar_size *size, int64_t time) {
  if (size->calendar_month) {
    pg_civil civil = pg_civil_of(pg_floor(time, PG_DAY) / PG_DAY);
    civil.day = 1;
    return pg_days_of(civil) * PG_DAY;
  }
  // 1970-01-01 was a Thursday: weeks start three days before it.
  int64_t monday = size->seconds == PG_WEEK ? -3 * PG_DAY : 0;
  return pg_floor(time - monday, size->seconds) + monday;
}

int64_t pg_bar_next(const pg_bar_size *size, int64_t start) {
  return size->calendar_month ? pg_add_months(start, 1) : start + size->seconds;
}

// The units of a duration: how many a gateway takes at least and at most, and its words for more.
typedef struct duration_unit {
  char unit;
  int64_t least, most;
  const char *refusal;
} duration_unit;

static const duration_unit units[] = {
    {'S', 30, 86400, "Historical data request for greater than 86400 seconds rejected."},
    {'D', 1, 365,
     "Historical data requests for durations longer than 365 days must be made in years."},
    {'W', 1, 52,
     "Historical data requests for durations longer than 52 weeks must be made in years."},
    {'M', 1, 12,
     "Historical data requests for durations longer than 12 months must be made in years."},
    {'Y', 1, 68, "Historical data requested duration is invalid."},
};

static const char *duration_refusal(pg_duration duration) {
  const duration_unit *unit = units;
  while (unit->unit != duration.unit) {
    unit++;
  }
  if (duration.count < unit->least) return "Historical data requested duration is invalid.";
  return duration.count > unit->most ? unit->refusal : NULL;
}

const char *pg_duration_parse(const char *text, pg_duration *out) {
  static const char format[] =
      "Historical data request duration format is incorrect: integer{SPACE}unit (S|D|W|M|Y)";
  char *end = NULL;
  if (!isdigit((unsigned char)*text)) return format;
  out->count = strtoll(text, &end, 10);
  out->unit = 'S';  // a bare number means seconds
  if (*end != '\0') {
    if (end[0] != ' ' || end[1] == '\0' || end[2] != '\0') return format;
    out->unit = (char)toupper((unsigned char)end[1]);
    if (strchr("SDWMY", out->unit) == NULL) return format;
  }
  return duration_refusal(*out);
}

int64_t pg_duration_before(pg_duration duration, int64_t end) {
  switch (duration.unit) {
    case 'S':
      return end - duration.count;
    case 'D':
      return end - duration.count * PG_DAY;
    case 'W':
      return end - duration.count * PG_WEEK;
    case 'M':
      return pg_add_months(end, -duration.count);
    default:
      return pg_add_months(end, -12 * duration.count);
  }
}

int64_t pg_duration_finest_bar(pg_duration duration) {
  switch (duration.unit) {
    case 'S':
      return duration.count > 2000 ? 5 : 1;
    case 'D':
      return 5;
    case 'W':
      return 10;
    case 'M':
      return 30;
    default:
      return PG_MINUTE;
  }
}
