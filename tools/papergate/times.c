#include "tools/papergate/times.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Reads exactly `count` digits and moves on; false if there are others.
static bool take_digits(const char **at, int count, int *out) {
  *out = 0;
  for (int i = 0; i < count; i++, (*at)++) {
    if (**at < '0' || **at > '9') return false;
    *out = *out * 10 + (**at - '0');
  }
  return true;
}

static bool take_char(const char **at, char wanted) {
  if (**at != wanted) return false;
  (*at)++;
  return true;
}

// Reads "2017-04-19" (dash '-') or "20170419" (dash 0).
static bool take_date(const char **at, char dash, civil *out) {
  int year, month, day;
  if (!take_digits(at, 4, &year) || (dash != 0 && !take_char(at, dash))) return false;
  if (!take_digits(at, 2, &month) || (dash != 0 && !take_char(at, dash))) return false;
  if (!take_digits(at, 2, &day)) return false;
  *out = (civil){.year = year, .month = month, .day = day};
  civil same = civil_of(civil_days(*out));  // 30 February comes back as another day
  return month >= 1 && month <= 12 && same.month == month && same.day == day;
}

static bool take_clock(const char **at, int *seconds) {
  int hour, minute, second;
  if (!take_digits(at, 2, &hour) || !take_char(at, ':')) return false;
  if (!take_digits(at, 2, &minute) || !take_char(at, ':')) return false;
  if (!take_digits(at, 2, &second)) return false;
  *seconds = hour * CIVIL_HOUR + minute * CIVIL_MINUTE + second;
  return hour < 24 && minute < 60 && second < 60;
}

bool pg_parse_iso(const char *text, int64_t *out) {
  civil date;
  int seconds = 0;
  if (!take_date(&text, '-', &date)) return false;
  if (*text != '\0') {
    if (!take_char(&text, 'T') || !take_clock(&text, &seconds) || !take_char(&text, 'Z')) {
      return false;
    }
  }
  *out = civil_days(date) * CIVIL_DAY + seconds;
  return *text == '\0';
}

static char *put_digits(char *at, int64_t value, int count) {
  for (int i = count - 1; i >= 0; i--) {
    at[i] = (char)('0' + value % 10);
    value /= 10;
  }
  return at + count;
}

static char *put_day(char *at, int64_t time) {
  civil date = civil_of(civil_floor(time, CIVIL_DAY) / CIVIL_DAY);
  return put_digits(put_digits(put_digits(at, date.year, 4), date.month, 2), date.day, 2);
}

static char *put_clock(char *at, int64_t time) {
  int64_t seconds = time - civil_floor(time, CIVIL_DAY);
  at = put_digits(at, seconds / CIVIL_HOUR, 2);
  *at++ = ':';
  at = put_digits(at, seconds / CIVIL_MINUTE % 60, 2);
  *at++ = ':';
  return put_digits(at, seconds % 60, 2);
}

char *pg_format_day(int64_t time, char *out) {
  *put_day(out, time) = '\0';
  return out;
}

char *pg_format_zoned(int64_t time, char *out) {
  char *at = put_day(out, time);
  *at++ = ' ';
  memcpy(put_clock(at, time), " UTC", sizeof " UTC");
  return out;
}

char *pg_format_dashed(int64_t time, char *out) {
  char *at = put_day(out, time);
  *at++ = '-';
  *put_clock(at, time) = '\0';
  return out;
}

// True for a name such as "US/Eastern" that this machine's zone files know.
static bool zone_is_known(const char *zone) {
  char path[128];
  if (*zone == '\0' || *zone == '/' || strstr(zone, "..") != NULL) return false;
  int size = snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", zone);
  return size < (int)sizeof path && access(path, R_OK) == 0;
}

// Turns a wall clock time in `zone` into UTC. The C library knows zones only as TZ.
static bool wall_clock_to_utc(civil date, int seconds, const char *zone, int64_t *out) {
  if (strcmp(zone, "UTC") == 0 || strcmp(zone, "GMT") == 0) {
    *out = civil_days(date) * CIVIL_DAY + seconds;
    return true;
  }
  if (!zone_is_known(zone)) return false;
  const char *previous = getenv("TZ");
  char *saved = previous == NULL ? NULL : strdup(previous);
  setenv("TZ", zone, 1);
  struct tm wall = {.tm_year = (int)(date.year - 1900),
                    .tm_mon = date.month - 1,
                    .tm_mday = date.day,
                    .tm_sec = seconds % 60,
                    .tm_min = seconds / CIVIL_MINUTE % 60,
                    .tm_hour = seconds / CIVIL_HOUR,
                    .tm_isdst = -1};
  *out = mktime(&wall);
  if (saved == NULL) {
    unsetenv("TZ");
  } else {
    setenv("TZ", saved, 1);
  }
  tzset();
  free(saved);
  return true;
}

pg_end_time pg_parse_end_time(const char *text, int64_t now, int64_t *out) {
  *out = now;
  if (*text == '\0') return PG_END_NOW;
  civil date = civil_of(civil_floor(now, CIVIL_DAY) / CIVIL_DAY);
  int seconds;
  bool dash = false;
  if (strlen(text) < 3 || text[2] != ':') {
    if (!take_date(&text, 0, &date)) return PG_END_BAD;
    dash = *text == '-';
    if (!dash && *text != ' ') return PG_END_BAD;
    text++;
  }
  if (!take_clock(&text, &seconds)) return PG_END_BAD;
  *out = civil_days(date) * CIVIL_DAY + seconds;
  if (*text == '\0') return dash ? PG_END_EXACT : PG_END_NO_ZONE;
  if (dash || !take_char(&text, ' ')) return PG_END_BAD;
  return wall_clock_to_utc(date, seconds, text, out) ? PG_END_EXACT : PG_END_BAD;
}
