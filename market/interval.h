// interval: half-open stretches of time, [from, to), in seconds since 1970, and lists of them.
#ifndef MILLRACE_MARKET_INTERVAL_H
#define MILLRACE_MARKET_INTERVAL_H

#include <stddef.h>
#include <stdint.h>

typedef struct interval {
  int64_t from_s, to_s;
} interval;

// Zero it first.
typedef struct intervals {
  size_t count, capacity;
  interval *items;  // owned
} intervals;

// Appends one; an empty one is left out.
void intervals_add(intervals *list, interval one);

// Frees the items; the list can be used again.
void intervals_clear(intervals *list);

// Sorts by time and joins what overlaps or touches.
void intervals_normalize(intervals *list);

// Adds to `out` the parts of `from` that no interval of `taken` (normalized) covers, oldest first.
void intervals_subtract(interval from, const intervals *taken, intervals *out);

#endif
