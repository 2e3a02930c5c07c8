// series_key: what makes bars one series. Values alone; any thread.
#ifndef MILLRACE_MARKET_SERIES_KEY_H
#define MILLRACE_MARKET_SERIES_KEY_H

#include <stdbool.h>
#include <string.h>

// The longest name of a source, with the NUL.
enum { SERIES_SOURCE_MAX = 48 };

// Interactive Brokers' servers, through whichever gateway; papergate, whose bars are simulated; a
// source that nobody wrote down (stores of versions before it was kept, hosts that do not say).
#define SERIES_SOURCE_IB "ib"
#define SERIES_SOURCE_PAPERGATE "papergate"
#define SERIES_SOURCE_UNKNOWN "unknown"

// Bars that differ in one of these are different series, whatever else is the same. Borrowed
// strings; NULL is "".
typedef struct series_key {
  const char *symbol;  // the name of the instrument (instrument.h)
  const char *timeframe, *source;
  const char *prices, *session;  // as of prices.h; "" where it was never said
} series_key;

static inline bool series_key_part_equal(const char *a, const char *b) {
  return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static inline bool series_key_equal(const series_key *a, const series_key *b) {
  return series_key_part_equal(a->symbol, b->symbol) &&
         series_key_part_equal(a->timeframe, b->timeframe) &&
         series_key_part_equal(a->source, b->source) &&
         series_key_part_equal(a->prices, b->prices) &&
         series_key_part_equal(a->session, b->session);
}

#endif
