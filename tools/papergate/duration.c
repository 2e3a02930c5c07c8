#include "tools/papergate/duration.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "market/civil.h"

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
      return end - duration.count * CIVIL_DAY;
    case 'W':
      return end - duration.count * CIVIL_WEEK;
    case 'M':
      return civil_add_months(end, -duration.count);
    default:
      return civil_add_months(end, -12 * duration.count);
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
      return CIVIL_MINUTE;
  }
}
