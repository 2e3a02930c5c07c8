#include "tools/papergate/timers.h"

#include <stddef.h>

void pg_timer_start(pg_timers *timers, pg_timer *timer, int64_t due_ns) {
  pg_timer_stop(timer);
  timer->due_ns = due_ns;
  timer->next = timers->first;
  timer->link = &timers->first;
  if (timer->next != NULL) timer->next->link = &timer->next;
  timers->first = timer;
}

void pg_timer_stop(pg_timer *timer) {
  if (timer->link == NULL) return;
  *timer->link = timer->next;
  if (timer->next != NULL) timer->next->link = timer->link;
  timer->link = NULL;
}

static pg_timer *earliest(const pg_timers *timers) {
  pg_timer *found = timers->first;
  for (pg_timer *timer = found; timer != NULL; timer = timer->next) {
    if (timer->due_ns <= found->due_ns) found = timer;  // of equals, the one started first
  }
  return found;
}

int64_t pg_timers_next_ns(const pg_timers *timers) {
  const pg_timer *timer = earliest(timers);
  return timer == NULL ? INT64_MAX : timer->due_ns;
}

void pg_timers_run(pg_timers *timers, int64_t now_ns) {
  for (pg_timer *timer; (timer = earliest(timers)) != NULL && timer->due_ns <= now_ns;) {
    pg_timer_stop(timer);
    timer->fire(timer);
  }
}
