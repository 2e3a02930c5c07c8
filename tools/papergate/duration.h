// pg_duration: how long a window a request asks for, in TWS's words. Pure functions.
#ifndef MILLRACE_TOOLS_PAPERGATE_DURATION_H
#define MILLRACE_TOOLS_PAPERGATE_DURATION_H

#include <stdint.h>

typedef struct pg_duration {
  int64_t count;
  char unit;  // S D W M Y
} pg_duration;

// Reads "5 D". Returns NULL, or the gateway's words for what is wrong with it.
const char *pg_duration_parse(const char *text, pg_duration *out);

// The beginning of a window of this length that ends at `end`: plain calendar time.
int64_t pg_duration_before(pg_duration duration, int64_t end);

// The finest bar, in seconds, that gateways serve for a duration of this unit.
int64_t pg_duration_finest_bar(pg_duration duration);

#endif
