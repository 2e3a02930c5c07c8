// bench: papergate's log, read while it is written.
#ifndef MILLRACE_TESTS_BENCH_GATEWAY_LOG_H
#define MILLRACE_TESTS_BENCH_GATEWAY_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct gateway_event {
  char name[48];  // "reqHistoricalData"
  int64_t unix_ns;
} gateway_event;

// The next line, once it is whole; false if there is none yet. `log` is open for reading.
bool gateway_log_next(FILE *log, gateway_event *out);

// Reads on until an event called `name`; false if it is not there yet.
bool gateway_log_find(FILE *log, const char *name, gateway_event *out);

#endif
