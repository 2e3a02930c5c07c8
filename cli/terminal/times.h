// times: UTC, ISO 8601, the proleptic Gregorian calendar.
#ifndef MILLRACE_CLI_TERMINAL_TIMES_H
#define MILLRACE_CLI_TERMINAL_TIMES_H

#include "mesh/runtime/status.h"

enum { TIMES_TEXT_MAX = 40 };  // bytes, with the NUL

// Reads "2020-01-31" (midnight), "2020-01-31T09:00", "2020-01-31T09:00:00", with or without a "Z"
// and with a space instead of the "T". Years 1900 to 9999. INVALID_ARGUMENT quotes `text` and calls
// it `what`.
MESH_NODISCARD mesh_code times_parse(const char *what, const char *text, int64_t *seconds,
                                     mesh_error *err);

// "2020-01-31T09:00:00Z", for times within the years 0 to 9999.
void times_format(int64_t seconds, char out[TIMES_TEXT_MAX]);

// "2020-01-31" at midnight, "2020-01-31 09:00" else.
void times_format_short(int64_t seconds, char out[TIMES_TEXT_MAX]);

#endif
