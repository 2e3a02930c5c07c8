// pg_catalog: every symbol that the gateway can be asked about. Made-up symbols (SYN...) come into
// being when somebody asks for them. One owner.
#ifndef MILLRACE_TOOLS_PAPERGATE_CATALOG_H
#define MILLRACE_TOOLS_PAPERGATE_CATALOG_H

#include "tools/papergate/series.h"

typedef struct pg_catalog pg_catalog;

typedef struct pg_catalog_settings {
  uint64_t seed;       // of the made-up series
  int64_t walk_start;  // their first bar
} pg_catalog_settings;

// Takes over `market`. NULL when memory is out (`market` is released then, too).
pg_catalog *pg_catalog_create(pg_market *market, pg_catalog_settings settings);

void pg_catalog_destroy(pg_catalog *catalog);

// The series of `symbol`, which lives as long as the catalog; NULL if there is none.
const pg_series *pg_catalog_find(pg_catalog *catalog, const char *symbol);

// The series known so far: those from files first, by symbol, then the made-up ones asked for.
size_t pg_catalog_count(const pg_catalog *catalog);
const pg_series *pg_catalog_at(const pg_catalog *catalog, size_t index);

#endif
