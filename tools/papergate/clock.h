// pg_clock: the gateway's own time, which may start at another moment and run faster than this
// machine's. Never goes back.
#ifndef MILLRACE_TOOLS_PAPERGATE_CLOCK_H
#define MILLRACE_TOOLS_PAPERGATE_CLOCK_H

#include <stdint.h>

typedef struct pg_clock {
  int64_t base_ns;       // gateway time when the clock was made
  int64_t monotonic_ns;  // this machine's, at the same moment
  int64_t speed;
} pg_clock;

// A clock that shows `now` seconds since 1970 (0: the real time) and runs `speed` times as fast.
pg_clock pg_clock_start(int64_t now, int64_t speed);

// Seconds since 1970.
int64_t pg_clock_now(const pg_clock *clock);

// Nanoseconds that have passed on it since it was started: for intervals.
int64_t pg_clock_elapsed_ns(const pg_clock *clock);

// This machine's clocks: one for intervals, one for log lines.
int64_t pg_monotonic_ns(void);
int64_t pg_realtime_ns(void);

#endif
