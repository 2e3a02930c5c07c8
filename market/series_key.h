// series_key: what makes bars one series. Values alone; any thread.
#ifndef MILLRACE_MARKET_SERIES_KEY_H
#define MILLRACE_MARKET_SERIES_KEY_H

// The longest name of a source, with the NUL.
enum { SERIES_SOURCE_MAX = 48 };

// Interactive Brokers' servers, through whichever gateway; papergate, whose bars are simulated; a
// source that nobody wrote down (stores of versions before it was kept, hosts that do not say).
#define SERIES_SOURCE_IB "ib"
#define SERIES_SOURCE_PAPERGATE "papergate"
#define SERIES_SOURCE_UNKNOWN "unknown"

// Bars of different sources are different series, whatever else is the same. Borrowed strings.
typedef struct series_key {
  const char *symbol, *timeframe, *source;
} series_key;

#endif
