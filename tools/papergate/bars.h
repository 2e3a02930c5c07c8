// pg_bar: one price bar, and a growing row of them.
#ifndef MILLRACE_TOOLS_PAPERGATE_BARS_H
#define MILLRACE_TOOLS_PAPERGATE_BARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct pg_bar {
  int64_t time;  // start, seconds since 1970 UTC
  double open, high, low, close;
  double volume;
} pg_bar;

// Sorted by time. Start with {0}; release with pg_bars_fini().
typedef struct pg_bars {
  pg_bar *items;  // owned
  size_t count, capacity;
} pg_bars;

// False when memory is out; nothing is added then.
bool pg_bars_add(pg_bars *bars, const pg_bar *bar);

// Index of the first bar that does not start before `time`; `count` if there is none.
size_t pg_bars_from(const pg_bars *bars, int64_t time);

void pg_bars_fini(pg_bars *bars);

// Extends `whole` by a bar that follows it: the close moves, the extremes grow, volume adds up.
void pg_bar_extend(pg_bar *whole, const pg_bar *next);

#endif
