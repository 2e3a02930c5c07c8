// gaps: what of a window has to be asked for.
#ifndef MILLRACE_BACKEND_DATA_GAPS_H
#define MILLRACE_BACKEND_DATA_GAPS_H

#include "market/interval.h"
#include "market/timeframe.h"

// When an instrument's market is surely closed.
typedef enum calendar_kind {
  CALENDAR_ALWAYS_OPEN,  // synthetic series, crypto currencies
  CALENDAR_WEEKDAYS,     // exchanges: nothing on Saturday and Sunday, in no zone
  CALENDAR_FOREX,        // from Friday 22:00 to Sunday 20:00 UTC
} calendar_kind;

// Judges by the symbol: SYN*, BTC*, ETH*: always open; two currency codes: forex; the rest:
// weekdays.
calendar_kind calendar_of(const char *symbol);

// Adds to `out` what of `asked` is not in `known` (normalized), oldest first.
void gaps_find(interval asked, const intervals *known, intervals *out);

// Drops the gaps that lie entirely in time when the market is surely closed. A gap that reaches
// into open time stays whole: asking for too much costs one request, asking for too little loses
// bars. Weekly bars are never dropped.
void gaps_drop_closed(calendar_kind calendar, const timeframe *frame, intervals *gaps);

#endif
