// pg_timers: things that happen later. A timer is a member of what it belongs to; nothing is
// allocated. There are few: finding the next one walks them all.
#ifndef MILLRACE_TOOLS_PAPERGATE_TIMERS_H
#define MILLRACE_TOOLS_PAPERGATE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct pg_timer {
  void (*fire)(struct pg_timer *timer);
  int64_t due_ns;                 // monotonic
  struct pg_timer *next, **link;  // link is NULL while it does not run
} pg_timer;

typedef struct pg_timers {
  pg_timer *first;
} pg_timers;

// Lets `timer` fire once at `due_ns`, instead of whenever it was to fire before.
void pg_timer_start(pg_timers *timers, pg_timer *timer, int64_t due_ns);

// Forgets `timer`; fine when it does not run.
void pg_timer_stop(pg_timer *timer);

// The earliest time at which one is due; INT64_MAX if none runs.
int64_t pg_timers_next_ns(const pg_timers *timers);

// Fires all that are due at `now_ns`, the earliest first. They may start and stop timers.
void pg_timers_run(pg_timers *timers, int64_t now_ns);

#endif
