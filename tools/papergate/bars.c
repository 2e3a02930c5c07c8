#include "tools/papergate/bars.h"

#include <stdlib.h>

bool pg_bars_add(pg_bars *bars, const pg_bar *bar) {
  if (bars->count == bars->capacity) {
    size_t larger = bars->capacity == 0 ? 1024 : bars->capacity * 2;
    pg_bar *moved = realloc(bars->items, larger * sizeof *moved);
    if (moved == NULL) return false;
    bars->items = moved;
    bars->capacity = larger;
  }
  bars->items[bars->count++] = *bar;
  return true;
}

size_t pg_bars_from(const pg_bars *bars, int64_t time) {
  size_t low = 0, high = bars->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (bars->items[middle].time < time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

void pg_bars_fini(pg_bars *bars) {
  free(bars->items);
  *bars = (pg_bars){0};
}

void pg_bar_extend(pg_bar *whole, const pg_bar *next) {
  if (next->high > whole->high) whole->high = next->high;
  if (next->low < whole->low) whole->low = next->low;
  whole->close = next->close;
  whole->volume += next->volume;
}
