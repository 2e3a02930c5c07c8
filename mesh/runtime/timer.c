// Timers: a binary heap in each loop, ordered by due time.
#include <assert.h>
#include <stdlib.h>

#include "mesh/runtime/loop_internal.h"

gpr_timespec mesh_deadline(int64_t due_ns) {
  if (due_ns == MESH_NEVER) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  return (gpr_timespec){mesh_time_seconds(due_ns), mesh_time_nanos(due_ns), GPR_CLOCK_MONOTONIC};
}

void mesh_timer_init(mesh_timer *timer, void (*on_due)(mesh_timer *timer)) {
  *timer = (mesh_timer){.on_due = on_due, .due_ns = MESH_NEVER, .index = SIZE_MAX};
}

static void place(mesh_loop *loop, size_t index, mesh_timer *timer) {
  loop->timers[index] = timer;
  timer->index = index;
}

static void sift_up(mesh_loop *loop, size_t index, mesh_timer *timer) {
  while (index > 0) {
    size_t above = (index - 1) / 2;
    if (loop->timers[above]->due_ns <= timer->due_ns) break;
    place(loop, index, loop->timers[above]);
    index = above;
  }
  place(loop, index, timer);
}

static void sift_down(mesh_loop *loop, size_t index, mesh_timer *timer) {
  for (;;) {
    size_t child = 2 * index + 1;
    if (child >= loop->timer_count) break;
    if (child + 1 < loop->timer_count &&
        loop->timers[child + 1]->due_ns < loop->timers[child]->due_ns) {
      child++;
    }
    if (timer->due_ns <= loop->timers[child]->due_ns) break;
    place(loop, index, loop->timers[child]);
    index = child;
  }
  place(loop, index, timer);
}

void mesh_timer_stop(mesh_timer *timer) {
  if (timer->index == SIZE_MAX) return;
  mesh_loop *loop = timer->loop;
  size_t index = timer->index;
  mesh_timer *last = loop->timers[--loop->timer_count];
  timer->index = SIZE_MAX;
  if (last == timer) return;
  if (index > 0 && last->due_ns < loop->timers[(index - 1) / 2]->due_ns) {
    sift_up(loop, index, last);
  } else {
    sift_down(loop, index, last);
  }
}

void mesh_timer_start(mesh_loop *loop, mesh_timer *timer, int64_t due_ns) {
  mesh_timer_stop(timer);
  if (due_ns == MESH_NEVER) return;
  if (loop->timer_count == loop->timer_capacity) {
    loop->timer_capacity = loop->timer_capacity == 0 ? 64 : 2 * loop->timer_capacity;
    loop->timers = realloc(loop->timers, loop->timer_capacity * sizeof *loop->timers);
    if (loop->timers == NULL) abort();
  }
  timer->loop = loop;
  timer->due_ns = due_ns;
  sift_up(loop, loop->timer_count++, timer);
}

void mesh_timers_run(mesh_loop *loop, int64_t now_ns) {
  while (loop->timer_count > 0 && loop->timers[0]->due_ns <= now_ns) {
    mesh_timer *timer = loop->timers[0];
    mesh_timer_stop(timer);
    timer->on_due(timer);
  }
}
