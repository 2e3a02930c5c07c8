// pg_live: the bar that is forming, for requests that are kept up to date. A made-up series goes on
// as its history will tell it later; a series from files goes on from its last close by a seeded
// walk, at the gateway's present time. One owner.
#ifndef MILLRACE_TOOLS_PAPERGATE_LIVE_H
#define MILLRACE_TOOLS_PAPERGATE_LIVE_H

#include "tools/papergate/bar_text.h"
#include "tools/papergate/series.h"

typedef struct pg_live pg_live;

typedef struct pg_live_settings {
  const pg_series *series;
  const timeframe *size;
  pg_bar_style style;
  double last_close;  // of a series from files
  double tick;        // prices are multiples of it
  uint64_t seed;
  int64_t now;  // gateway time at the start
} pg_live_settings;

// NULL when memory is out. Release it with pg_live_destroy(); NULL is fine there.
pg_live *pg_live_create(const pg_live_settings *settings);
void pg_live_destroy(pg_live *live);

// Writes the present state of the forming bar. When a bar has ended since the last call, first its
// final state, then the new bar.
void pg_live_put_updates(pg_live *live, int64_t req_id, int64_t now, ib_outbox *out);

#endif
