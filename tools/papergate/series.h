// pg_series: what the gateway knows about one symbol, from files or made up, behind one face.
#ifndef MILLRACE_TOOLS_PAPERGATE_SERIES_H
#define MILLRACE_TOOLS_PAPERGATE_SERIES_H

#include "tools/papergate/market.h"
#include "tools/papergate/synthetic.h"

// Either files or a walk. Belongs to the catalog.
typedef struct pg_series {
  char symbol[PG_SYMBOL_MAX];
  const pg_listing *listing;  // NULL for a made-up series
  pg_walk *walk;              // NULL for a series from files
  int64_t walk_start;         // start of its first bar
} pg_series;

// Start of the first bar; false for files without a bar.
bool pg_series_head(const pg_series *series, int64_t *out);

// Where a request without an end date ends: now for a made-up series; for files the end of their
// last bar, since a recording goes no further (or now, if that is earlier).
int64_t pg_series_end(const pg_series *series, int64_t now);

// Hours of the day outside of which bars are left out: [from, to) in seconds after 00:00 UTC.
typedef struct pg_hours {
  int64_t from, to;  // equal: no restriction
} pg_hours;

// A walk over the bars of one size whose start is in [from, to) and before `now`.
typedef struct pg_cursor {
  const pg_series *series;
  const timeframe *size;
  const pg_bars *source;  // bars of the size or a finer one; NULL for a made-up series
  bool folds;             // the source is finer
  size_t index;           // of the next source bar
  int64_t at;             // start of the next made-up bar
  int64_t to, now;
  pg_hours hours;
} pg_cursor;

// False when the series cannot serve this size: it has no file that is fine enough.
bool pg_cursor_open(pg_cursor *cursor, const pg_series *series, const timeframe *size, int64_t from,
                    int64_t to, int64_t now);

// Gives the next bar; false when there is none. The bar that `now` falls into ends at `now`.
bool pg_cursor_next(pg_cursor *cursor, pg_bar *out);

#endif
