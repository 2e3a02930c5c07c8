#include "market/civil.h"

// From 0000-03-01 to 1970-01-01; years are counted from March, so that the leap day is their last.
enum { DAYS_BEFORE_1970 = 719468, DAYS_OF_ERA = 146097 };

int64_t civil_floor(int64_t value, int64_t step) {
  int64_t rest = value % step;
  return rest < 0 ? value - rest - step : value - rest;
}

int64_t civil_days(civil date) {
  int64_t months = date.year * 12 + date.month - 1 - 2;
  int64_t year = civil_floor(months, 12) / 12;
  int64_t month = months - year * 12;  // 0 = March
  int64_t leap_days =
      civil_floor(year, 4) / 4 - civil_floor(year, 100) / 100 + civil_floor(year, 400) / 400;
  return year * 365 + leap_days + (month * 153 + 2) / 5 + date.day - 1 - DAYS_BEFORE_1970;
}

civil civil_of(int64_t days) {
  int64_t shifted = days + DAYS_BEFORE_1970;
  int64_t era = civil_floor(shifted, DAYS_OF_ERA) / DAYS_OF_ERA;
  int64_t in_era = shifted - era * DAYS_OF_ERA;
  int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
  int64_t in_year = in_era - (year * 365 + year / 4 - year / 100);
  int64_t month = (in_year * 5 + 2) / 153;  // 0 = March
  return (civil){
      .year = year + era * 400 + (month >= 10),
      .month = (int)(month < 10 ? month + 3 : month - 9),
      .day = (int)(in_year - (month * 153 + 2) / 5 + 1),
  };
}

int64_t civil_add_months(int64_t time_s, int64_t months) {
  int64_t days = civil_floor(time_s, CIVIL_DAY) / CIVIL_DAY;
  civil date = civil_of(days);
  int64_t month = date.year * 12 + date.month - 1 + months;
  civil first = {.year = civil_floor(month, 12) / 12, .day = 1};
  first.month = (int)(month - first.year * 12) + 1;
  civil next = {.year = first.year, .month = first.month + 1, .day = 1};
  int64_t length = civil_days(next) - civil_days(first);
  int64_t day = date.day < length ? date.day : length;
  return (civil_days(first) + day - 1) * CIVIL_DAY + (time_s - days * CIVIL_DAY);
}
