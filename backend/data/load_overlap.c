// A segment is asked for from the last bar on that is stored before it: where the source says
// otherwise of that one now, what comes is of another kind than what is there.
#include <math.h>
#include <string.h>

#include "backend/data/load_internal.h"
#include "backend/data/segments.h"

enum { DAY_S = 86400, DAYS_BACK = 5, BARS_BACK = 10 };

typedef struct find_job {
  load *own;
  int64_t from_s, to_s;
  load_overlap *out;
} find_job;

static void do_find(void *arg) {
  find_job *job = arg;
  series_key key = load_key(job->own);
  store *store = job->own->manager->store;
  int64_t count, last_s;
  double volume;
  load_overlap *out = job->out;
  store_columns one = {1,         &out->time_s, &out->open, &out->high,
                       &out->low, &out->close,  &volume,    NULL};
  size_t read = 0;
  mesh_error ignored;  // a series that cannot be read overlaps with nothing
  if (store_count_bars(store, &key, job->from_s, job->to_s, 1, &count, &last_s, &ignored) !=
      GRPC_STATUS_OK) {
    return;
  }
  mesh_code code = store_read_bars(store, &key, count > 0 ? last_s : job->to_s, job->to_s, &one,
                                   &read, &ignored);
  out->there = code == GRPC_STATUS_OK && read == 1;
}

// How far back a bar may lie: over a weekend, and as far as the request has room.
static int64_t find_reach(const load *own, interval asked) {
  int64_t bar_s = own->timeframe->seconds;
  int64_t room_s = segments_limit_s(own->timeframe) - (asked.to_s - asked.from_s);
  int64_t most_s = bar_s < DAY_S ? (int64_t)DAYS_BACK * DAY_S : BARS_BACK * bar_s;
  if (room_s > most_s) room_s = most_s;
  return room_s > bar_s ? room_s : bar_s;
}

void load_find_overlap(load *own, interval asked, load_overlap *out) {
  *out = (load_overlap){0};
  if (own->is_refreshing || own->ignores_overlap) return;
  find_job job = {own, asked.from_s - find_reach(own, asked), asked.from_s, out};
  mesh_pool_run(own->manager->pool, own->manager->loop, do_find, &job);
}

static bool is_other(const load_overlap *overlap, const bar_columns *bars, size_t i) {
  return load_prices_differ(overlap->open, bars->open[i]) ||
         load_prices_differ(overlap->high, bars->high[i]) ||
         load_prices_differ(overlap->low, bars->low[i]) ||
         load_prices_differ(overlap->close, bars->close[i]);
}

bool load_take_overlap(load_overlap *overlap, interval asked, bar_columns *bars) {
  if (!overlap->there) return true;
  bar_columns kept = {0};
  bool same = true;
  for (size_t i = 0; i < bars->count; i++) {
    if (bars->times[i] >= asked.from_s) {
      bar_columns_copy(&kept, bars, i, 1);
      continue;
    }
    overlap->told = true;
    if (bars->times[i] == overlap->time_s && is_other(overlap, bars, i)) same = false;
  }
  bar_columns_clear(bars);
  *bars = kept;
  return same;
}
