// Timers fire in the order of their times, however they were started, moved and stopped.
#include <stdlib.h>

#include "tests/mesh/harness.h"

enum { TIMERS = 500 };

typedef struct entry {
  mesh_timer timer;
  struct table *table;
  int64_t due_ns;  // 0: stopped
  bool fired;
} entry;

typedef struct table {
  entry entries[TIMERS];
  int64_t last_ns;
  int fired, expected;
  mesh_fiber *waiter;
} table;

static void on_due(mesh_timer *timer) {
  entry *own = MESH_CONTAINER_OF(timer, entry, timer);
  table *all = own->table;
  assert_false(own->fired);
  assert_true(own->due_ns >= all->last_ns);
  assert_true(mesh_now_ns() >= own->due_ns);
  own->fired = true;
  all->last_ns = own->due_ns;
  if (++all->fired == all->expected) mesh_fiber_unpark(all->waiter);
}

static void timers_fire_in_order(harness *own, void *arg) {
  (void)arg;
  table *all = calloc(1, sizeof *all);
  uint64_t seed = 3;
  int64_t base_ns = mesh_now_ns() + INT64_C(20000000);
  for (int round = 0; round < 3; round++) {  // started, then moved or stopped, twice
    for (int i = 0; i < TIMERS; i++) {
      entry *one = &all->entries[i];
      if (round == 0) mesh_timer_init(&one->timer, on_due);
      one->table = all;
      seed = seed * UINT64_C(6364136223846793005) + 1;
      bool stop = round > 0 && (seed >> 40) % 4 == 0;
      one->due_ns = stop ? 0 : base_ns + (int64_t)((seed >> 33) % 10000000);
      if (stop) {
        mesh_timer_stop(&one->timer);
      } else {
        mesh_timer_start(own->loop, &one->timer, one->due_ns);
      }
    }
  }
  for (int i = 0; i < TIMERS; i++)
    all->expected += all->entries[i].due_ns != 0;
  assert_true(all->expected > TIMERS / 2 && all->expected < TIMERS);
  all->waiter = mesh_fiber_current(own->loop);
  while (all->fired < all->expected)
    mesh_fiber_park(own->loop);
  for (int i = 0; i < TIMERS; i++) {
    assert_int_equal(all->entries[i].fired, all->entries[i].due_ns != 0);
  }
  free(all);
}

static void never_stops_a_timer(harness *own, void *arg) {
  (void)arg;
  mesh_timer timer;
  mesh_timer_init(&timer, on_due);
  mesh_timer_start(own->loop, &timer, mesh_now_ns() + INT64_C(3600000000000));
  mesh_timer_start(own->loop, &timer, MESH_NEVER);
  assert_true(timer.index == SIZE_MAX);
  mesh_timer_stop(&timer);  // twice is fine
}

typedef struct row {
  const char *name;
  void (*run)(harness *own, void *arg);
} row;

static const row rows[] = {
    {"timers fire in order", timers_fire_in_order},
    {"MESH_NEVER stops a timer", never_stops_a_timer},
};

static void check(void **state) {
  run_in_fiber(((const row *)*state)->run, NULL);
}

int main(void) {
  RUN_ROWS("timer", rows, check);
}
