#include "tools/papergate/live.h"

#include <math.h>
#include <stdlib.h>

struct pg_live {
  pg_live_settings settings;
  pg_bar bar;     // as last sent
  uint64_t dice;  // state of the walk
};

pg_live *pg_live_create(const pg_live_settings *settings) {
  pg_live *live = calloc(1, sizeof *live);
  if (live == NULL) return NULL;
  live->settings = *settings;
  live->dice = pg_hash(settings->seed + 1, settings->series->symbol) | 1;
  double close = settings->last_close;
  live->bar = (pg_bar){.time = timeframe_floor(settings->size, settings->now),
                       .open = close,
                       .high = close,
                       .low = close,
                       .close = close};
  return live;
}

void pg_live_destroy(pg_live *live) {
  free(live);
}

// xorshift64: the next number of a sequence that depends on the seed and the symbol alone.
static uint64_t roll(pg_live *live) {
  live->dice ^= live->dice << 13;
  live->dice ^= live->dice >> 7;
  live->dice ^= live->dice << 17;
  return live->dice;
}

// Moves the price of a recorded series by up to 0.02 %, to a multiple of its tick.
static void walk_on(pg_live *live, int64_t start) {
  pg_bar *bar = &live->bar;
  if (start > bar->time) {
    *bar = (pg_bar){.time = start,
                    .open = bar->close,
                    .high = bar->close,
                    .low = bar->close,
                    .close = bar->close};
  }
  double step = ((double)(roll(live) % 2001) / 1000 - 1) * 2e-4;
  double ticks_per_unit = rint(1 / live->settings.tick);
  double price = rint(bar->close * (1 + step) * ticks_per_unit) / ticks_per_unit;
  pg_bar trade = {
      .high = price, .low = price, .close = price, .volume = (double)(roll(live) % 100)};
  pg_bar_extend(bar, &trade);
}

void pg_live_put_updates(pg_live *live, int64_t req_id, int64_t now, ib_outbox *out) {
  const pg_live_settings *settings = &live->settings;
  int64_t start = timeframe_floor(settings->size, now);
  if (settings->series->walk == NULL) {
    if (start > live->bar.time) pg_put_update(out, req_id, &live->bar, &settings->style);
    walk_on(live, start);
    pg_put_update(out, req_id, &live->bar, &settings->style);
    return;
  }
  pg_walk *walk = settings->series->walk;
  for (int64_t at = live->bar.time; at < start; at = timeframe_next(settings->size, at)) {
    pg_bar ended = pg_walk_bar(walk, at, timeframe_next(settings->size, at));
    pg_put_update(out, req_id, &ended, &settings->style);
  }
  // A bar that begins this second shows its first second, rather than nothing.
  live->bar = pg_walk_bar(walk, start, now > start ? now : start + 1);
  pg_put_update(out, req_id, &live->bar, &settings->style);
}
