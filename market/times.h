// times: moments as people write them: UTC, ISO 8601. Pure functions; any thread.
#ifndef MILLRACE_MARKET_TIMES_H
#define MILLRACE_MARKET_TIMES_H

#include "mesh/runtime/status.h"

enum { TIMES_TEXT_MAX = 40 };  // bytes, with the NUL

// Reads "2020-01-31" (midnight), "2020-01-31T09:00", "2020-01-31T09:00:00", with or without a "Z"
// and with a space instead of the "T", as seconds since 1970. Years 1900 to 9999; a day that its
// month lacks is none. False if it is anything else; *seconds is untouched then.
bool times_read(const char *text, int64_t *seconds);

// The same for what a person gave. INVALID_ARGUMENT quotes `text` and calls it `what`.
MESH_NODISCARD mesh_code times_parse(const char *what, const char *text, int64_t *seconds,
                                     mesh_error *err);

// "2020-01-31T09:00:00Z"; outside the years 0 to 9999 "-99999999999 s", the seconds since 1970.
void times_format(int64_t seconds, char out[TIMES_TEXT_MAX]);

// The same, but "2020-01-31" at midnight and "2020-01-31 09:00" else.
void times_format_short(int64_t seconds, char out[TIMES_TEXT_MAX]);

#endif
