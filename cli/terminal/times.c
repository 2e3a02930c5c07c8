#include "cli/terminal/times.h"

#include <stdio.h>
#include <string.h>

#define DAY_S INT64_C(86400)

// Days since 1970-01-01 of a date; years begin in March, so that the leap day is the last.
static int64_t days_of(int year, int month, int day) {
  int64_t y = month > 2 ? year : year - 1;
  int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
  int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, int *year, int *month, int *day) {
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097, of_era = days - era * 146097;
  int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int64_t of_year = of_era - (365 * y + y / 4 - y / 100), shifted = (5 * of_year + 2) / 153;
  *day = (int)(of_year - (153 * shifted + 2) / 5 + 1);
  *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
  *year = (int)(y + era * 400 + (*month <= 2));
}

static int64_t floor_days(int64_t seconds) {
  return (seconds >= 0 ? seconds : seconds - DAY_S + 1) / DAY_S;
}

// ---- parse ----

// Takes exactly `digits` digits; -1 if they are not there.
static int take_digits(const char **text, int digits) {
  int value = 0;
  for (int i = 0; i < digits; i++) {
    if ((*text)[i] < '0' || (*text)[i] > '9') return -1;
    value = value * 10 + (*text)[i] - '0';
  }
  *text += digits;
  return value;
}

static bool take_char(const char **text, const char *any_of) {
  if (**text == '\0' || strchr(any_of, **text) == NULL) return false;
  ++*text;
  return true;
}

static bool take_date(const char **text, int64_t *days) {
  int year = take_digits(text, 4);
  if (year < 1900 || !take_char(text, "-")) return false;
  int month = take_digits(text, 2);
  if (month < 1 || month > 12 || !take_char(text, "-")) return false;
  int day = take_digits(text, 2);
  if (day < 1) return false;
  *days = days_of(year, month, day);
  int same_year, same_month, same_day;
  date_of(*days, &same_year, &same_month, &same_day);
  return same_day == day;  // else there is no such day in the month
}

static bool take_clock(const char **text, int64_t *seconds) {
  int hour = take_digits(text, 2);
  if (hour < 0 || hour > 23 || !take_char(text, ":")) return false;
  int minute = take_digits(text, 2), second = 0;
  if (minute < 0 || minute > 59) return false;
  if (take_char(text, ":")) second = take_digits(text, 2);
  *seconds = hour * 3600 + minute * 60 + second;
  return second >= 0 && second <= 59;
}

mesh_code times_parse(const char *what, const char *text, int64_t *seconds, mesh_error *err) {
  const char *at = text;
  int64_t days, clock = 0;
  bool ok = take_date(&at, &days);
  if (ok && take_char(&at, "Tt ")) {
    ok = take_clock(&at, &clock);
    if (ok) take_char(&at, "Zz");
  }
  if (ok && *at == '\0') {
    *seconds = days * DAY_S + clock;
    return GRPC_STATUS_OK;
  }
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "%s '%.100s' is no date: use 2020-01-31 or 2020-01-31T09:00:00Z (UTC)", what,
                   text);
}

// ---- format ----

static char *put(char *out, int value, int digits) {
  for (int i = digits - 1; i >= 0; i--) {
    out[i] = (char)('0' + value % 10);
    value /= 10;
  }
  return out + digits;
}

static char *put_date(char *out, int64_t seconds) {
  int year, month, day;
  date_of(floor_days(seconds), &year, &month, &day);
  out = put(out, year, 4);
  *out++ = '-';
  out = put(out, month, 2);
  *out++ = '-';
  return put(out, day, 2);
}

void times_format(int64_t seconds, char out[TIMES_TEXT_MAX]) {
  int clock = (int)(seconds - floor_days(seconds) * DAY_S);
  char *at = put_date(out, seconds);
  *at++ = 'T';
  at = put(at, clock / 3600, 2);
  *at++ = ':';
  at = put(at, clock / 60 % 60, 2);
  *at++ = ':';
  at = put(at, clock % 60, 2);
  *at++ = 'Z';
  *at = '\0';
}

void times_format_short(int64_t seconds, char out[TIMES_TEXT_MAX]) {
  int clock = (int)(seconds - floor_days(seconds) * DAY_S);
  char *at = put_date(out, seconds);
  if (clock != 0) {
    *at++ = ' ';
    at = put(at, clock / 3600, 2);
    *at++ = ':';
    at = put(at, clock / 60 % 60, 2);
  }
  *at = '\0';
}
