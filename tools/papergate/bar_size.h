// pg_bar_size: the bar sizes of TWS, the grid that each of them starts on, and the durations that a
// request asks for. Pure functions over constant tables.
#ifndef MILLRACE_TOOLS_PAPERGATE_BAR_SIZE_H
#define MILLRACE_TOOLS_PAPERGATE_BAR_SIZE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct pg_bar_size {
  const char *name;       // on the wire: "1 hour", "1W"
  const char *alias;      // another name that gateways take, or NULL
  const char *timeframe;  // in file names: "1h"
  int64_t seconds;        // length; for "1M" of the longest month
  bool calendar_month;
} pg_bar_size;

enum { PG_BAR_SIZES = 21 };

// All sizes, the finest first.
const pg_bar_size *pg_bar_sizes(void);

// The size with this wire name or alias; NULL if there is none.
const pg_bar_size *pg_bar_size_named(const char *name);

// The size with this file name part; NULL if there is none.
const pg_bar_size *pg_bar_size_of_timeframe(const char *timeframe);

// True where a bar's date is a day ("20170419") and not a time.
bool pg_bar_size_is_daily(const pg_bar_size *size);

// Start of the bar that holds `time`: days at 00:00 UTC, weeks on Monday, months on the first.
int64_t pg_bar_start(const pg_bar_size *size, int64_t time);

// Start of the bar after the one that starts at `start`.
int64_t pg_bar_next(const pg_bar_size *size, int64_t start);

typedef struct pg_duration {
  int64_t count;
  char unit;  // S D W M Y
} pg_duration;

// Reads "5 D". Returns NULL, or the gateway's words for what is wrong with it.
const char *pg_duration_parse(const char *text, pg_duration *out);

// The beginning of a window of this length that ends at `end`: plain calendar time.
int64_t pg_duration_before(pg_duration duration, int64_t end);

// The finest bar, in seconds, that gateways serve for a duration of this unit.
int64_t pg_duration_finest_bar(pg_duration duration);

#endif
