#include "tools/papergate/market.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/papergate/csv.h"
#include "tools/papergate/times.h"

struct pg_market {
  pg_listing **listings;  // owned, sorted by symbol
  size_t count;
};

static int compare_symbol(const void *key, const void *item) {
  return strcmp(key, (*(pg_listing *const *)item)->symbol);
}

static int compare_listings(const void *a, const void *b) {
  return compare_symbol((*(pg_listing *const *)a)->symbol, b);
}

// Finds the listing by walking: the row is sorted only when all files are read.
static pg_listing *listing_for(pg_market *market, const char *symbol) {
  for (size_t i = 0; i < market->count; i++) {
    if (strcmp(market->listings[i]->symbol, symbol) == 0) return market->listings[i];
  }
  pg_listing *listing = calloc(1, sizeof *listing);
  pg_listing **moved = realloc(market->listings, (market->count + 1) * sizeof(pg_listing *));
  if (moved != NULL) market->listings = moved;
  if (listing == NULL || moved == NULL) {
    free(listing);
    return NULL;
  }
  snprintf(listing->symbol, sizeof listing->symbol, "%s", symbol);
  market->listings[market->count++] = listing;
  return listing;
}

// Takes "EURUSD-1h.csv" apart; false if it is not of that form.
static bool parse_file_name(const char *name, char symbol[PG_SYMBOL_MAX], const timeframe **out) {
  const char *dash = strrchr(name, '-');
  if (dash == NULL || dash == name || dash - name >= PG_SYMBOL_MAX) return false;
  char timeframe[8];
  size_t length = strlen(dash + 1) - strlen(".csv");
  if (length >= sizeof timeframe) return false;
  memcpy(timeframe, dash + 1, length);
  timeframe[length] = '\0';
  memcpy(symbol, name, (size_t)(dash - name));
  symbol[dash - name] = '\0';
  *out = timeframe_named(timeframe);
  return *out != NULL;
}

static mesh_code load_file(pg_market *market, const char *directory, const char *name,
                           mesh_error *err) {
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s: path too long", name);
  }
  char symbol[PG_SYMBOL_MAX];
  const timeframe *size = NULL;
  if (!parse_file_name(name, symbol, &size)) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "%s: not named SYMBOL-TIMEFRAME.csv with a timeframe such as 1m 5m 15m 30m "
                     "1h 2h 4h 1d 1w",
                     path);
  }
  pg_listing *listing = listing_for(market, symbol);
  if (listing == NULL) {
    return mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED, "%s: out of memory", path);
  }
  size_t index = (size_t)(size - timeframes());
  listing->present[index] = true;
  return pg_csv_load(path, size, &listing->bars[index], err);
}

static int is_csv(const struct dirent *entry) {
  size_t length = strlen(entry->d_name);
  return length > 4 && entry->d_name[0] != '.' && strcmp(entry->d_name + length - 4, ".csv") == 0;
}

static mesh_code load_directory(pg_market *market, const char *directory, mesh_error *err) {
  struct dirent **entries = NULL;
  int count = scandir(directory, &entries, is_csv, alphasort);
  if (count < 0) {
    return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "market directory %s: %s", directory,
                     strerror(errno));
  }
  mesh_code code = GRPC_STATUS_OK;
  for (int i = 0; i < count; i++) {
    if (code == GRPC_STATUS_OK) code = load_file(market, directory, entries[i]->d_name, err);
    free(entries[i]);
  }
  free(entries);
  return code;
}

mesh_code pg_market_load(const char *directory, pg_market **out, mesh_error *err) {
  *out = NULL;
  pg_market *market = calloc(1, sizeof *market);
  if (market == NULL) return mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED, "out of memory");
  if (directory != NULL) {
    mesh_code code = load_directory(market, directory, err);
    if (code != GRPC_STATUS_OK) {
      pg_market_destroy(market);
      return code;
    }
  }
  if (market->count > 0) {
    qsort(market->listings, market->count, sizeof(pg_listing *), compare_listings);
  }
  *out = market;
  return GRPC_STATUS_OK;
}

void pg_market_destroy(pg_market *market) {
  if (market == NULL) return;
  for (size_t i = 0; i < market->count; i++) {
    for (size_t size = 0; size < TIMEFRAMES; size++) {
      pg_bars_fini(&market->listings[i]->bars[size]);
    }
    free(market->listings[i]);
  }
  free(market->listings);
  free(market);
}

const pg_listing *pg_market_find(const pg_market *market, const char *symbol) {
  if (market->count == 0) return NULL;
  pg_listing **found =
      bsearch(symbol, market->listings, market->count, sizeof(pg_listing *), compare_symbol);
  return found == NULL ? NULL : *found;
}

size_t pg_market_count(const pg_market *market) {
  return market->count;
}

const pg_listing *pg_market_at(const pg_market *market, size_t index) {
  return market->listings[index];
}

bool pg_listing_first(const pg_listing *listing, int64_t *out) {
  bool found = false;
  for (size_t i = 0; i < TIMEFRAMES; i++) {
    const pg_bars *bars = &listing->bars[i];
    if (bars->count == 0) continue;
    if (!found || bars->items[0].time < *out) *out = bars->items[0].time;
    found = true;
  }
  return found;
}

bool pg_listing_end(const pg_listing *listing, int64_t *out) {
  bool found = false;
  for (size_t i = 0; i < TIMEFRAMES; i++) {
    const pg_bars *bars = &listing->bars[i];
    if (bars->count == 0) continue;
    int64_t end = timeframe_next(&timeframes()[i], bars->items[bars->count - 1].time);
    if (!found || end > *out) *out = end;
    found = true;
  }
  return found;
}

// True where whole bars of `fine` make up each bar of `coarse`; weeks do not make up a month.
static bool divides(const timeframe *fine, const timeframe *coarse) {
  if (fine == coarse) return true;
  if (coarse->calendar_month) return CIVIL_DAY % fine->seconds == 0;
  return coarse->seconds % fine->seconds == 0;
}

const timeframe *pg_listing_source(const pg_listing *listing, const timeframe *size) {
  for (const timeframe *fine = size; fine >= timeframes(); fine--) {
    if (listing->present[fine - timeframes()] && divides(fine, size)) return fine;
  }
  return NULL;
}
