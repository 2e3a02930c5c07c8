#include "backend/data/gaps.h"

#include <string.h>

#include "market/civil.h"
#include "market/currency.h"

enum { HOUR = CIVIL_HOUR, DAY = CIVIL_DAY, WEEK = CIVIL_WEEK, FIRST_MONDAY = 4 * DAY };

calendar_kind calendar_of(const char *symbol) {
  static const char *const open_prefixes[] = {"SYN", "BTC", "ETH"};
  for (size_t i = 0; i < 3; i++) {
    if (strncmp(symbol, open_prefixes[i], 3) == 0) return CALENDAR_ALWAYS_OPEN;
  }
  return currency_is_pair(symbol) ? CALENDAR_FOREX : CALENDAR_WEEKDAYS;
}

void gaps_find(interval asked, const intervals *known, intervals *out) {
  intervals_subtract(asked, known, out);
}

// The closed stretch of a week, in seconds from its Monday 00:00 UTC.
static interval closed_stretch(calendar_kind calendar, const timeframe *frame) {
  bool forex = calendar == CALENDAR_FOREX;
  // Bars of whole days: Saturday's; Sunday's too, but forex opens on Sunday evening.
  if (frame->seconds == DAY) return (interval){5 * DAY, forex ? 6 * DAY : 7 * DAY};
  if (forex) return (interval){4 * DAY + 22 * HOUR, 6 * DAY + 20 * HOUR};
  return (interval){5 * DAY + 12 * HOUR, 6 * DAY + 12 * HOUR};  // weekend in every zone
}

static bool is_closed(interval gap, interval stretch) {
  int64_t in_week = (gap.from_s - FIRST_MONDAY) % WEEK;
  if (in_week < 0) in_week += WEEK;
  return in_week >= stretch.from_s && in_week + (gap.to_s - gap.from_s) <= stretch.to_s;
}

void gaps_drop_closed(calendar_kind calendar, const timeframe *frame, intervals *gaps) {
  if (calendar == CALENDAR_ALWAYS_OPEN || frame->seconds >= WEEK) return;
  interval stretch = closed_stretch(calendar, frame);
  size_t kept = 0;
  for (size_t i = 0; i < gaps->count; i++) {
    if (!is_closed(gaps->items[i], stretch)) gaps->items[kept++] = gaps->items[i];
  }
  gaps->count = kept;
}
