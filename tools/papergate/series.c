#include "tools/papergate/series.h"

#include "tools/papergate/times.h"

bool pg_series_head(const pg_series *series, int64_t *out) {
  if (series->walk == NULL) return pg_listing_first(series->listing, out);
  *out = series->walk_start;
  return true;
}

int64_t pg_series_end(const pg_series *series, int64_t now) {
  int64_t end;
  if (series->walk != NULL || !pg_listing_end(series->listing, &end)) return now;
  return end < now ? end : now;
}

// The first start on the grid of `size` that is not before `time`.
static int64_t first_start(const timeframe *size, int64_t time) {
  int64_t start = timeframe_floor(size, time);
  return start < time ? timeframe_next(size, start) : start;
}

bool pg_cursor_open(pg_cursor *cursor, const pg_series *series, const timeframe *size, int64_t from,
                    int64_t to, int64_t now) {
  *cursor = (pg_cursor){.series = series, .size = size, .to = to, .now = now};
  if (series->walk != NULL) {
    cursor->at = first_start(size, from > series->walk_start ? from : series->walk_start);
    return true;
  }
  const timeframe *source = pg_listing_source(series->listing, size);
  if (source == NULL) return false;
  cursor->source = &series->listing->bars[source - timeframes()];
  cursor->folds = source != size;
  cursor->index = pg_bars_from(cursor->source, cursor->folds ? first_start(size, from) : from);
  return true;
}

static bool next_made_up(pg_cursor *cursor, pg_bar *out) {
  int64_t next = timeframe_next(cursor->size, cursor->at);
  if (cursor->at >= cursor->to || cursor->at >= cursor->now) return false;
  *out = pg_walk_bar(cursor->series->walk, cursor->at, next < cursor->now ? next : cursor->now);
  cursor->at = next;
  return true;
}

static bool is_in_hours(const pg_cursor *cursor, const pg_bar *bar) {
  if (cursor->hours.from == cursor->hours.to) return true;
  int64_t time = bar->time - civil_floor(bar->time, CIVIL_DAY);
  return time >= cursor->hours.from && time < cursor->hours.to;
}

// The next bar of the source within the hours; it is looked at, not taken.
static const pg_bar *peek_source(pg_cursor *cursor) {
  for (; cursor->index < cursor->source->count; cursor->index++) {
    const pg_bar *bar = &cursor->source->items[cursor->index];
    if (bar->time >= cursor->now) return NULL;
    if (is_in_hours(cursor, bar)) return bar;
  }
  return NULL;
}

bool pg_cursor_next(pg_cursor *cursor, pg_bar *out) {
  if (cursor->source == NULL) return next_made_up(cursor, out);
  const pg_bar *bar = peek_source(cursor);
  if (bar == NULL) return false;
  int64_t start = cursor->folds ? timeframe_floor(cursor->size, bar->time) : bar->time;
  if (start >= cursor->to) return false;
  *out = *bar;
  out->time = start;
  cursor->index++;
  if (!cursor->folds) return true;
  int64_t end = timeframe_next(cursor->size, start);
  while ((bar = peek_source(cursor)) != NULL && bar->time < end) {
    pg_bar_extend(out, bar);
    cursor->index++;
  }
  return true;
}
