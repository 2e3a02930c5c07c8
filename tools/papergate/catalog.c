#include "tools/papergate/catalog.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MADE_UP_MAX = 10000 };  // a client that asks for more gets "no security definition"

struct pg_catalog {
  pg_market *market;  // owned
  pg_catalog_settings settings;
  pg_series **series;  // owned, each of them
  size_t count;
};

static pg_series *add(pg_catalog *catalog, const char *symbol) {
  pg_series *series = calloc(1, sizeof *series);
  pg_series **moved = realloc(catalog->series, (catalog->count + 1) * sizeof(pg_series *));
  if (moved != NULL) catalog->series = moved;
  if (series == NULL || moved == NULL) {
    free(series);
    return NULL;
  }
  snprintf(series->symbol, sizeof series->symbol, "%s", symbol);
  catalog->series[catalog->count++] = series;
  return series;
}

pg_catalog *pg_catalog_create(pg_market *market, pg_catalog_settings settings) {
  pg_catalog *catalog = calloc(1, sizeof *catalog);
  if (catalog == NULL) {
    pg_market_destroy(market);
    return NULL;
  }
  catalog->market = market;
  catalog->settings = settings;
  for (size_t i = 0; i < pg_market_count(market); i++) {
    const pg_listing *listing = pg_market_at(market, i);
    pg_series *series = add(catalog, listing->symbol);
    if (series == NULL) {
      pg_catalog_destroy(catalog);
      return NULL;
    }
    series->listing = listing;
  }
  return catalog;
}

void pg_catalog_destroy(pg_catalog *catalog) {
  if (catalog == NULL) return;
  for (size_t i = 0; i < catalog->count; i++) {
    pg_walk_destroy(catalog->series[i]->walk);
    free(catalog->series[i]);
  }
  free(catalog->series);
  pg_market_destroy(catalog->market);
  free(catalog);
}

// SYN and then capitals or digits only: what fits in a file name and a command line.
static bool is_made_up(const char *symbol) {
  if (strncmp(symbol, "SYN", 3) != 0 || strlen(symbol) >= PG_SYMBOL_MAX) return false;
  for (const char *at = symbol; *at != '\0'; at++) {
    if (!isupper((unsigned char)*at) && !isdigit((unsigned char)*at)) return false;
  }
  return true;
}

const pg_series *pg_catalog_find(pg_catalog *catalog, const char *symbol) {
  for (size_t i = 0; i < catalog->count; i++) {
    if (strcmp(catalog->series[i]->symbol, symbol) == 0) return catalog->series[i];
  }
  if (!is_made_up(symbol) || catalog->count >= pg_market_count(catalog->market) + MADE_UP_MAX) {
    return NULL;
  }
  pg_walk *walk = pg_walk_create(symbol, catalog->settings.seed);
  pg_series *series = walk == NULL ? NULL : add(catalog, symbol);
  if (series == NULL) {
    pg_walk_destroy(walk);
    return NULL;
  }
  series->walk = walk;
  series->walk_start = catalog->settings.walk_start;
  return series;
}

size_t pg_catalog_count(const pg_catalog *catalog) {
  return catalog->count;
}

const pg_series *pg_catalog_at(const pg_catalog *catalog, size_t index) {
  return catalog->series[index];
}
