// source: whose bars, what they are made of and their hours, as flags and in what is shown. Pure.
#ifndef MILLRACE_CLI_SOURCE_H
#define MILLRACE_CLI_SOURCE_H

#include "cli/args.h"

#define SOURCE_FLAG \
  { "source", "NAME", "whose bars, where several sources have them: ib, papergate, unknown" }

// Of commands that name one series.
#define SERIES_FLAGS                                                                               \
  {"prices", "NAME",                                                                               \
   "made of TRADES, MIDPOINT, BID, ASK, BID_ASK, ADJUSTED_LAST, AGGTRADES or "                     \
   "HISTORICAL_VOLATILITY; default: what is right for the kind of instrument"},                    \
      {"session", "regular|all", "which hours; default: regular of stocks and indexes, else all"}, \
      SOURCE_FLAG

// The flags; "" where one was not given. Borrowed; requests take them as they are.
char *source_read(const args *given);
char *prices_read(const args *given);
char *session_read(const args *given);

// How a source is called in text: "simulated" for papergate, "-" for none. Static, or the argument.
const char *source_shown(const char *source);

enum { VARIANT_TEXT_MAX = 48 };

// What is unusual of a series of the instrument of that name: "BID, regular hours"; "" where its
// prices and session are those that its kind has.
void source_variant(const char *symbol, const char *prices, const char *session,
                    char out[VARIANT_TEXT_MAX]);

#endif
