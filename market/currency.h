// currency: the currencies that are traded in pairs, in one list for hosts, backend and simulator:
// what is a pair to a host trades by a pair's calendar. Pure functions over constants; any thread.
#ifndef MILLRACE_MARKET_CURRENCY_H
#define MILLRACE_MARKET_CURRENCY_H

#include <stdbool.h>

// The name of the currency whose three letters `code` begins with, "Swiss franc" for "CHF" and for
// "CHFJPY"; NULL if it is none. Static.
const char *currency_name(const char *code);

// True for "EURUSD": exactly two currencies, and nothing behind them.
bool currency_is_pair(const char *symbol);

#endif
