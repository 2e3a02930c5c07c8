#include "tools/papergate/synthetic.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tools/papergate/times.h"

// Three levels, each pinned to the one above it:
//   days     the price at midnight is 100.00 times e to a sum of smooth noises, slow ones the
//   largest minutes  a random walk from midnight to midnight, bent so that it arrives (1440 steps,
//   cached) seconds  from a minute's open over its two extremes to its close, in straight lines

enum { MINUTES = CIVIL_DAY / CIVIL_MINUTE, OCTAVES = 13 };

struct pg_walk {
  uint64_t seed;
  int64_t day;  // of the cache
  bool cached;
  int32_t cents[MINUTES + 1];  // price at the start of each minute of `day`, and at its end
};

// One minute: what its seconds are drawn from. Prices in cents.
typedef struct minute {
  int32_t open, high, low, close;
  int32_t volume;
  int first_at, second_at;  // seconds at which the first and the second extreme are reached
  bool low_first;
} minute;

// Stafford's mixer: every bit of the result depends on every bit of the input.
static uint64_t mix(uint64_t seed, int64_t index) {
  uint64_t x = seed + (uint64_t)index * 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

// A number in [-1, 1) at each lattice point.
static double lattice(uint64_t seed, int64_t index) {
  return (double)(int64_t)(mix(seed, index) >> 11) / 4503599627370496.0 - 1.0;
}

// The price at the midnight that begins `day`.
static int32_t midnight_cents(const pg_walk *walk, int64_t day) {
  double log_price = 0;
  for (int octave = 0; octave < OCTAVES; octave++) {
    int64_t period = (int64_t)1 << octave;
    int64_t cell = civil_floor(day, period) / period;
    double part = (double)(day - cell * period) / (double)period;
    uint64_t seed = mix(walk->seed, octave + 1);
    double from = lattice(seed, cell), to = lattice(seed, cell + 1);
    log_price += 0.008 * sqrt((double)period) * (from + (to - from) * part);
  }
  return (int32_t)lround(10000.0 * exp(log_price));
}

static void cache_day(pg_walk *walk, int64_t day) {
  if (walk->cached && walk->day == day) return;
  int64_t first = midnight_cents(walk, day), last = midnight_cents(walk, day + 1);
  int64_t stride = first * 33;  // largest step: 0.05 % of the price, in 1/65536 cent
  uint64_t seed = mix(walk->seed, -1);
  int64_t sums[MINUTES + 1];
  sums[0] = 0;
  for (int i = 0; i < MINUTES; i++) {
    int32_t step = (int32_t)(mix(seed, day * MINUTES + i) >> 32);
    sums[i + 1] = sums[i] + (stride * step >> 31);
  }
  int64_t bend = (last - first) * 65536 - sums[MINUTES];
  for (int i = 0; i <= MINUTES; i++) {
    int64_t cents = first + ((sums[i] + bend * i / MINUTES + (1 << 15)) >> 16);
    walk->cents[i] = cents < 1 ? 1 : (int32_t)cents;
  }
  walk->day = day;
  walk->cached = true;
}

static minute minute_of(pg_walk *walk, int64_t start) {
  int64_t day = civil_floor(start, CIVIL_DAY) / CIVIL_DAY;
  cache_day(walk, day);
  int index = (int)((start - day * CIVIL_DAY) / CIVIL_MINUTE);
  uint64_t dice = mix(walk->seed ^ 0x6D696E757465u, start / CIVIL_MINUTE);
  minute m = {.open = walk->cents[index], .close = walk->cents[index + 1]};
  int32_t reach = m.open / 4096 + 1;  // how far the extremes go beyond open and close, at most
  m.high = (m.open > m.close ? m.open : m.close) + (int32_t)(dice & 255) * reach / 256;
  m.low = (m.open < m.close ? m.open : m.close) - (int32_t)(dice >> 8 & 255) * reach / 256;
  if (m.low < 1) m.low = 1;
  m.volume = 100 + (int32_t)(dice >> 16 & 4095);
  m.first_at = 5 + (int)(dice >> 28 & 15);
  m.second_at = 30 + (int)(dice >> 32 & 15);
  m.low_first = (dice >> 36 & 1) != 0;
  return m;
}

// The price at second 0..60 of a minute.
static int32_t price_at(const minute *m, int second) {
  int32_t first = m->low_first ? m->low : m->high;
  int32_t second_extreme = m->low_first ? m->high : m->low;
  if (second <= m->first_at) return m->open + (first - m->open) * second / m->first_at;
  if (second <= m->second_at) {
    return first + (second_extreme - first) * (second - m->first_at) / (m->second_at - m->first_at);
  }
  int left = CIVIL_MINUTE - m->second_at;
  return second_extreme + (m->close - second_extreme) * (second - m->second_at) / left;
}

static pg_bar to_bar(int64_t time, const minute *m) {
  return (pg_bar){.time = time,
                  .open = m->open / 100.0,
                  .high = m->high / 100.0,
                  .low = m->low / 100.0,
                  .close = m->close / 100.0,
                  .volume = m->volume};
}

// The bar of the seconds [from, to) of one minute.
static pg_bar part_of_minute(const minute *m, int64_t start, int from, int to) {
  minute part = {.open = price_at(m, from), .close = price_at(m, to)};
  part.high = part.low = part.open;
  for (int second = from + 1; second <= to; second++) {
    int32_t price = price_at(m, second);
    if (price > part.high) part.high = price;
    if (price < part.low) part.low = price;
  }
  part.volume = m->volume * to / CIVIL_MINUTE - m->volume * from / CIVIL_MINUTE;
  return to_bar(start + from, &part);
}

pg_bar pg_walk_bar(pg_walk *walk, int64_t from, int64_t to) {
  assert(from < to);
  pg_bar whole = {0};
  for (int64_t at = from; at < to;) {
    int64_t start = civil_floor(at, CIVIL_MINUTE);
    int64_t end = start + CIVIL_MINUTE < to ? start + CIVIL_MINUTE : to;
    minute m = minute_of(walk, start);
    pg_bar bar = end - at == CIVIL_MINUTE
                     ? to_bar(start, &m)
                     : part_of_minute(&m, start, (int)(at - start), (int)(end - start));
    if (at == from) {
      whole = bar;
    } else {
      pg_bar_extend(&whole, &bar);
    }
    at = end;
  }
  return whole;
}

pg_walk *pg_walk_create(const char *symbol, uint64_t seed) {
  pg_walk *walk = calloc(1, sizeof *walk);
  if (walk == NULL) return NULL;
  walk->seed = mix(seed, 0);
  for (const char *at = symbol; *at != '\0'; at++) {
    walk->seed = mix(walk->seed, *at);
  }
  return walk;
}

void pg_walk_destroy(pg_walk *walk) {
  free(walk);
}
