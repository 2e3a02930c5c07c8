// prices: what bars are made of ("what to show", in Interactive Brokers' words) and which hours
// they cover: two parts of a series' key. Pure functions over constants; any thread.
#ifndef MILLRACE_MARKET_PRICES_H
#define MILLRACE_MARKET_PRICES_H

#include "mesh/runtime/status.h"

// The longest name of either, with the NUL.
enum { PRICES_NAME_MAX = 24, SESSION_NAME_MAX = 8 };

#define SESSION_REGULAR "regular"
#define SESSION_ALL "all"

// The name as it is stored: TRADES, MIDPOINT, BID, ASK, BID_ASK, ADJUSTED_LAST, AGGTRADES or
// HISTORICAL_VOLATILITY, whatever the case of `text`. Static. INVALID_ARGUMENT lists them.
MESH_NODISCARD mesh_code prices_parse(const char *text, const char **out, mesh_error *err);

// Likewise: SESSION_REGULAR or SESSION_ALL.
MESH_NODISCARD mesh_code session_parse(const char *text, const char **out, mesh_error *err);

// Whether a source answers only with bars up to now, whatever end is asked for: adjusted prices,
// which each dividend changes from their beginning on.
bool prices_end_now(const char *prices);

#endif
