// numbers: doubles as text that reads back as the same double, and numbers for people. Pure.
#ifndef MILLRACE_CLI_TERMINAL_NUMBERS_H
#define MILLRACE_CLI_TERMINAL_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NUMBERS_TEXT_MAX = 40 };  // bytes, with the NUL

// The shortest of 15, 16 or 17 digits that reads back equal: 1478, 0.1, 1.0567399999999999.
// "nan", "inf" and "-inf" for what is no number. Returns the length.
size_t numbers_shortest(double value, char out[NUMBERS_TEXT_MAX]);

// A count with commas: "1,234,567".
void numbers_count(int64_t value, char out[NUMBERS_TEXT_MAX]);

// A duration as a person writes it: "250ms", "90s", "5m", "1h", or "90" for seconds; in
// milliseconds. False for anything else, and beyond 1,000,000 s.
bool numbers_duration(const char *text, int64_t *out_ms);

// A time span: "35 us", "420 ms", "7.4 s", "3 min 20 s", "2 h 5 min".
void numbers_span(double seconds, char out[NUMBERS_TEXT_MAX]);

#endif
