// csv: bars as lines of text. Pure: writes into a stream.
#ifndef MILLRACE_CLI_TERMINAL_CSV_H
#define MILLRACE_CLI_TERMINAL_CSV_H

#include <stdint.h>
#include <stdio.h>

// The first line: "time_utc,open,high,low,close,volume".
void csv_write_header(FILE *out);

// One bar: its time in seconds since 1970, then open, high, low, close, volume. What is no number
// is left empty.
void csv_write_bar(FILE *out, int64_t time_s, const double values[5]);

#endif
