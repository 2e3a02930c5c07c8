// choice: which series is meant, where a request does not say all of it.
#ifndef MILLRACE_BACKEND_DATA_CHOICE_H
#define MILLRACE_BACKEND_DATA_CHOICE_H

#include "backend/store/store.h"
#include "market/prices.h"

// What is taken where nobody says, by the settings: names as of prices.h; "": by the kind of
// instrument. Borrowed.
typedef struct series_defaults {
  const char *prices, *session;
} series_defaults;

// A series of a timeframe.
typedef struct series_choice {
  char symbol[INSTRUMENT_NAME_MAX], source[SERIES_SOURCE_MAX];
  char prices[PRICES_NAME_MAX], session[SESSION_NAME_MAX];
} series_choice;

// Its key; borrowed from the choice.
series_key series_choice_key(const series_choice *own, const char *timeframe);

// The series that gathers what is to take its place (STORE_SHADOW).
series_choice series_shadow(const series_choice *own);

// What bars of the instrument of that name are made of and which hours they cover: what `asked`
// says of it, else the defaults.
void series_fill_defaults(const series_key *asked, const series_defaults *defaults,
                          series_choice *out);

// Finds the series that `asked` means: its symbol is any text of the instrument, and of source,
// prices and session what is "" is not said. Of those that are stored: one with bars before one of
// which only something is known, then one of the defaults. Where nothing is stored, what is said
// and the defaults; its source may be "". FAILED_PRECONDITION names them where several are left.
// Blocks: on a pool thread.
MESH_NODISCARD mesh_code series_choose(store *store, const series_key *asked,
                                       const series_defaults *defaults, series_choice *out,
                                       mesh_error *err);

#endif
