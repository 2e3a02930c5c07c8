#include "tools/papergate/times.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t pg_floor(int64_t value, int64_t step) {
  int64_t rest = value % step;
  return rest < 0 ? value - rest - step : value - rest;
}

// Years are counted from March, so that the leap day is the last of its year.
int64_t pg_days_of(pg_civil civil) {
  int64_t months = civil.year * 12 + civil.month - 1 - 2;
  int64_t year = pg_floor(months, 12) / 12;
  int64_t month = months - year * 12;  // 0 = March
  int64_t leap_days = pg_floor(year, 4) / 4 - pg_floor(year, 100) / 100 + pg_floor(year, 400) / 400;
  return year * 365 + leap_days + (month * 153 + 2) / 5 + civil.day - 1 - 719468;
}

pg_civil pg_civil_of(int64_t days) {
  int64_t shifted = days + 719468;  // days since 0000-03-01
  int64_t era = pg_floor(shifted, 146097) / 146097;
  int64_t in_era = shifted - era * 146097;
  int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
  int64_t in_year = in_era - (year * 365 + year / 4 - year / 100);
  int64_t month = (in_year * 5 + 2) / 153;  // 0 = March
  return (pg_civil){
      .year = year + era * 400 + (month >= 10),
      .month = (int)(month < 10 ? month + 3 : month - 9),
      .day = (int)(in_year - (month * 153 + 2) / 5 + 1),
  };
}

int64_t pg_add_months(int64_t time, int64_t months) {
  int64_t days = pg_floor(time, PG_DAY) / PG_DAY;
  pg_civil civil = pg_civil_of(days);
  int64_t month = civil.year * 12 + civil.month - 1 + months;
  pg_civil first = {.year = pg_floor(month, 12) / 12, .day = 1};
  first.month = (int)(month - first.year * 12) + 1;
  pg_civil next = {.year = first.year, .month = first.month + 1, .day = 1};
  int64_t length = pg_days_of(next) - pg_days_of(first);
  int64_t day = civil.day < length ? civil.day : length;
  return (pg_days_of(first) + day - 1) * PG_DAY + (time - days * PG_DAY);
}

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
static bool take_date(const char **at, char dash, pg_civil *out) {
  int year, month, day;
  if (!take_digits(at, 4, &year) || (dash != 0 && !take_char(at, dash))) return false;
  if (!take_digits(at, 2, &month) || (dash != 0 && !take_char(at, dash))) return false;
  if (!take_digits(at, 2, &day)) return false;
  *out = (pg_civil){.year = year, .month = month, .day = day};
  pg_civil same = pg_civil_of(pg_days_of(*out));  // 30 February comes back as another day
  return month >= 1 && month <= 12 && same.month == month && same.day == day;
}

static bool take_clock(const char **at, int *seconds) {
  int hour, minute, second;
  if (!take_digits(at, 2, &hour) || !take_char(at, ':')) return false;
  if (!take_digits(at, 2, &minute) || !take_char(at, ':')) return false;
  if (!take_digits(at, 2, &second)) return false;
  *seconds = hour * PG_HOUR + minute * PG_MINUTE + second;
  return hour < 24 && minute < 60 && second < 60;
}

bool pg_parse_iso(const char *text, int64_t *out) {
  pg_civil date;
  int seconds = 0;
  if (!take_date(&text, '-', &date)) return false;
  if (*text != '\0') {
    if (!take_char(&text, 'T') || !take_clock(&text, &seconds) || !take_char(&text, 'Z')) {
      return false;
    }
  }
  *out = pg_days_of(date) * PG_DAY + seconds;
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
  pg_civil civil = pg_civil_of(pg_floor(time, PG_DAY) / PG_DAY);
  return put_digits(put_digits(put_digits(at, civil.year, 4), civil.month, 2), civil.day, 2);
}

static char *put_clock(char *at, int64_t time) {
  int64_t seconds = time - pg_floor(time, PG_DAY);
  at = put_digits(at, seconds / PG_HOUR, 2);
  *at++ = ':';
  at = put_digits(at, seconds / PG_MINUTE % 60, 2);
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
static bool wall_clock_to_utc(pg_civil date, int seconds, const char *zone, int64_t *out) {
  if (strcmp(zone, "UTC") == 0 || strcmp(zone, "GMT") == 0) {
    *out = pg_days_of(date) * PG_DAY + seconds;
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
                    .tm_min = seconds / PG_MINUTE % 60,
                    .tm_hour = seconds / PG_HOUR,
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
  pg_civil date = pg_civil_of(pg_floor(now, PG_DAY) / PG_DAY);
  int seconds;
  bool dash = false;
  if (strlen(text) < 3 || text[2] != ':') {
    if (!take_date(&text, 0, &date)) return PG_END_BAD;
    dash = *text == '-';
    if (!dash && *text != ' ') return PG_END_BAD;
    text++;
  }
  if (!take_clock(&text, &seconds)) return PG_END_BAD;
  *out = pg_days_of(date) * PG_DAY + seconds;
  if (*text == '\0') return dash ? PG_END_EXACT : PG_END_NO_ZONE;
  if (dash || !take_char(&text, ' ')) return PG_END_BAD;
  return wall_clock_to_utc(date, seconds, text, out) ? PG_END_EXACT : PG_END_BAD;
}
