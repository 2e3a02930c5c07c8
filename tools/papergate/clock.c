#include "tools/papergate/clock.h"

#include <time.h>

static const int64_t second_ns = 1000000000;

static int64_t read_ns(clockid_t id) {
  struct timespec now;
  clock_gettime(id, &now);
  return (int64_t)now.tv_sec * second_ns + now.tv_nsec;
}

int64_t pg_monotonic_ns(void) {
  return read_ns(CLOCK_MONOTONIC);
}

int64_t pg_realtime_ns(void) {
  return read_ns(CLOCK_REALTIME);
}

pg_clock pg_clock_start(int64_t now, int64_t speed) {
  return (pg_clock){.base_ns = now == 0 ? pg_realtime_ns() : now * second_ns,
                    .monotonic_ns = pg_monotonic_ns(),
                    .speed = speed};
}

int64_t pg_clock_elapsed_ns(const pg_clock *clock) {
  return (pg_monotonic_ns() - clock->monotonic_ns) * clock->speed;
}

int64_t pg_clock_now(const pg_clock *clock) {
  return (clock->base_ns + pg_clock_elapsed_ns(clock)) / second_ns;
}
