// pg_walk: an endless price series that nobody had to record. The price at each second is a
// function of seed and time alone, so the same bar comes out of every request, and coarser bars are
// exactly what their finer bars add up to. It trades around the clock. One owner: it keeps a cache.
#ifndef MILLRACE_TOOLS_PAPERGATE_SYNTHETIC_H
#define MILLRACE_TOOLS_PAPERGATE_SYNTHETIC_H

#include <stdint.h>

#include "tools/papergate/bars.h"

typedef struct pg_walk pg_walk;

// The walk of `symbol` under `seed`; NULL when memory is out.
pg_walk *pg_walk_create(const char *symbol, uint64_t seed);

void pg_walk_destroy(pg_walk *walk);

// The bar of [from, to), which must not be empty. Prices are whole cents, at least one.
pg_bar pg_walk_bar(pg_walk *walk, int64_t from, int64_t to);

#endif
