#include "market/interval.h"

#include <stdlib.h>

void intervals_add(intervals *list, interval one) {
  if (one.from_s >= one.to_s) return;
  if (list->count == list->capacity) {
    list->capacity = 2 * list->capacity + 8;
    list->items = realloc(list->items, list->capacity * sizeof *list->items);
    if (list->items == NULL) abort();
  }
  list->items[list->count++] = one;
}

void intervals_clear(intervals *list) {
  free(list->items);
  *list = (intervals){0};
}

static int by_start(const void *left, const void *right) {
  int64_t a = ((const interval *)left)->from_s, b = ((const interval *)right)->from_s;
  return a < b ? -1 : a > b;
}

void intervals_normalize(intervals *list) {
  if (list->count == 0) return;
  qsort(list->items, list->count, sizeof *list->items, by_start);
  size_t last = 0;
  for (size_t i = 1; i < list->count; i++) {
    if (list->items[i].from_s > list->items[last].to_s) {
      list->items[++last] = list->items[i];
    } else if (list->items[i].to_s > list->items[last].to_s) {
      list->items[last].to_s = list->items[i].to_s;
    }
  }
  list->count = last + 1;
}

void intervals_subtract(interval from, const intervals *taken, intervals *out) {
  for (size_t i = 0; i < taken->count && from.from_s < from.to_s; i++) {
    interval one = taken->items[i];
    if (one.to_s <= from.from_s) continue;
    if (one.from_s >= from.to_s) break;
    intervals_add(out, (interval){from.from_s, one.from_s});
    from.from_s = one.to_s;
  }
  intervals_add(out, from);
}
