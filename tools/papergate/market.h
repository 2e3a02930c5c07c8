// pg_market: the directory of CSV files that the gateway serves. Read once, at the start.
#ifndef MILLRACE_TOOLS_PAPERGATE_MARKET_H
#define MILLRACE_TOOLS_PAPERGATE_MARKET_H

#include "market/timeframe.h"
#include "mesh/runtime/status.h"
#include "tools/papergate/bars.h"

enum { PG_SYMBOL_MAX = 32 };  // bytes, with the NUL

// All files of one symbol. Borrowed from the market.
typedef struct pg_listing {
  char symbol[PG_SYMBOL_MAX];
  pg_bars bars[TIMEFRAMES];  // by index in timeframes()
  bool present[TIMEFRAMES];  // a file may be there without a bar
} pg_listing;

typedef struct pg_market pg_market;

// Reads every SYMBOL-TIMEFRAME.csv of `directory`; NULL for none at all. Files with other endings
// are passed over; a .csv with another name, a broken line and an unreadable directory are errors
// that name the file. An empty directory is fine. On GRPC_STATUS_OK the caller owns *out.
MESH_NODISCARD mesh_code pg_market_load(const char *directory, pg_market **out, mesh_error *err);

void pg_market_destroy(pg_market *market);

// NULL if no file is named after `symbol`.
const pg_listing *pg_market_find(const pg_market *market, const char *symbol);

// The listings, in order of their symbols.
size_t pg_market_count(const pg_market *market);
const pg_listing *pg_market_at(const pg_market *market, size_t index);

// Start of the first bar of all its files; false if no file has one.
bool pg_listing_first(const pg_listing *listing, int64_t *out);

// End of the last bar of all its files; false if no file has one.
bool pg_listing_end(const pg_listing *listing, int64_t *out);

// The size whose bars make up bars of `size`: itself, or the nearest finer one that divides it.
// NULL if there is no such file.
const timeframe *pg_listing_source(const pg_listing *listing, const timeframe *size);

#endif
