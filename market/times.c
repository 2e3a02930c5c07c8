#include "market/times.h"

#include <stdio.h>
#include <string.h>

#include "market/civil.h"
#include "mesh/runtime/text.h"

// 0000-01-01 and 10000-01-01: what lies between has years of four digits.
static const int64_t first_s = INT64_C(-62167219200), end_s = INT64_C(253402300800);

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
  civil date = {.year = take_digits(text, 4)};
  if (date.year < 1900 || !take_char(text, "-")) return false;
  date.month = take_digits(text, 2);
  if (date.month < 1 || date.month > 12 || !take_char(text, "-")) return false;
  date.day = take_digits(text, 2);
  if (date.day < 1) return false;
  *days = civil_days(date);
  return civil_of(*days).day == date.day;  // else there is no such day in the month
}

static bool take_clock(const char **text, int64_t *seconds) {
  int hour = take_digits(text, 2);
  if (hour < 0 || hour > 23 || !take_char(text, ":")) return false;
  int minute = take_digits(text, 2), second = 0;
  if (minute < 0 || minute > 59) return false;
  if (take_char(text, ":")) second = take_digits(text, 2);
  *seconds = hour * CIVIL_HOUR + minute * CIVIL_MINUTE + second;
  return second >= 0 && second <= 59;
}

bool times_read(const char *text, int64_t *seconds) {
  int64_t days, clock = 0;
  if (!take_date(&text, &days)) return false;
  if (take_char(&text, "Tt ")) {
    if (!take_clock(&text, &clock)) return false;
    take_char(&text, "Zz");
  }
  if (*text != '\0') return false;
  *seconds = days * CIVIL_DAY + clock;
  return true;
}

mesh_code times_parse(const char *what, const char *text, int64_t *seconds, mesh_error *err) {
  if (times_read(text, seconds)) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                   "%s '%.*s' is no date: use 2020-01-31 or 2020-01-31T09:00:00Z (UTC)", what,
                   MESH_TEXT_SHOWN(text, 100));
}

// ---- format ----

static char *put(char *out, int64_t value, int digits) {
  for (int i = digits - 1; i >= 0; i--) {
    out[i] = (char)('0' + value % 10);
    value /= 10;
  }
  return out + digits;
}

static char *put_date(char *out, int64_t seconds) {
  civil date = civil_of(civil_floor(seconds, CIVIL_DAY) / CIVIL_DAY);
  out = put(out, date.year, 4);
  *out++ = '-';
  out = put(out, date.month, 2);
  *out++ = '-';
  return put(out, date.day, 2);
}

static char *put_hour_and_minute(char *out, int64_t clock) {
  out = put(out, clock / CIVIL_HOUR, 2);
  *out++ = ':';
  return put(out, clock / CIVIL_MINUTE % 60, 2);
}

static bool has_date(int64_t seconds, char out[TIMES_TEXT_MAX]) {
  if (seconds >= first_s && seconds < end_s) return true;
  snprintf(out, TIMES_TEXT_MAX, "%lld s", (long long)seconds);
  return false;
}

void times_format(int64_t seconds, char out[TIMES_TEXT_MAX]) {
  if (!has_date(seconds, out)) return;
  int64_t clock = seconds - civil_floor(seconds, CIVIL_DAY);
  char *at = put_date(out, seconds);
  *at++ = 'T';
  at = put_hour_and_minute(at, clock);
  *at++ = ':';
  at = put(at, clock % 60, 2);
  *at++ = 'Z';
  *at = '\0';
}

void times_format_short(int64_t seconds, char out[TIMES_TEXT_MAX]) {
  if (!has_date(seconds, out)) return;
  int64_t clock = seconds - civil_floor(seconds, CIVIL_DAY);
  char *at = put_date(out, seconds);
  if (clock != 0) {
    *at++ = ' ';
    at = put_hour_and_minute(at, clock);
  }
  *at = '\0';
}
