#include "host/training/engine/cpu_threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { SPINS = 20000, THREADS_MAX = 255 };

struct cpu_threads {
  pthread_t threads[THREADS_MAX];
  int count;
  void (*work)(void *arg, int index);
  void *arg;
  int pieces;
  // A round is published by its number; each thread that is done with it counts itself.
  atomic_uint round;
  atomic_int next, done;
  atomic_bool stopping;
  int sleeping;  // with lock
  pthread_mutex_t lock;
  pthread_cond_t published;
};

static inline void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

static void take_pieces(cpu_threads *own) {
  for (int i; (i = atomic_fetch_add(&own->next, 1)) < own->pieces;)
    own->work(own->arg, i);
}

// Waits for a round after `seen`.
static unsigned await_round(cpu_threads *own, unsigned seen) {
  for (int i = 0; i < SPINS; i++) {
    if (atomic_load(&own->round) != seen) return atomic_load(&own->round);
    pause_briefly();
  }
  pthread_mutex_lock(&own->lock);
  own->sleeping++;
  while (atomic_load(&own->round) == seen)
    pthread_cond_wait(&own->published, &own->lock);
  own->sleeping--;
  pthread_mutex_unlock(&own->lock);
  return atomic_load(&own->round);
}

static void publish(cpu_threads *own) {
  pthread_mutex_lock(&own->lock);
  atomic_fetch_add(&own->round, 1);
  if (own->sleeping > 0) pthread_cond_broadcast(&own->published);
  pthread_mutex_unlock(&own->lock);
}

static void *run_thread(void *arg) {
  cpu_threads *own = arg;
  unsigned seen = 0;
  for (;;) {
    seen = await_round(own, seen);
    if (atomic_load(&own->stopping)) return NULL;
    take_pieces(own);
    atomic_fetch_add(&own->done, 1);
  }
}

// Gives helper `index` a processor of its own, beside the one that the caller is on now: helpers
// that sleep and wake often are otherwise put onto the caller's, again and again. Where there are
// not enough of them the scheduler decides.
static void settle(const cpu_threads *own, int index) {
  cpu_set_t allowed, one;
  int here = sched_getcpu(), left = index;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) <= own->count) {
    return;
  }
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed) || cpu == here || left-- > 0) continue;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(own->threads[index], sizeof one, &one);
    return;
  }
}

cpu_threads *cpu_threads_create(int count) {
  cpu_threads *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->count = count > THREADS_MAX ? THREADS_MAX : count;
  pthread_mutex_init(&own->lock, NULL);
  pthread_cond_init(&own->published, NULL);
  for (int i = 0; i < own->count; i++) {
    if (pthread_create(&own->threads[i], NULL, run_thread, own) != 0) abort();
    settle(own, i);
  }
  return own;
}

void cpu_threads_destroy(cpu_threads *own) {
  if (own == NULL) return;
  atomic_store(&own->stopping, true);
  publish(own);
  for (int i = 0; i < own->count; i++)
    pthread_join(own->threads[i], NULL);
  pthread_cond_destroy(&own->published);
  pthread_mutex_destroy(&own->lock);
  free(own);
}

void cpu_threads_run(cpu_threads *own, int count, void (*work)(void *arg, int index), void *arg) {
  if (own == NULL || count == 1) {
    for (int i = 0; i < count; i++)
      work(arg, i);
    return;
  }
  own->work = work;
  own->arg = arg;
  own->pieces = count;
  atomic_store(&own->next, 0);
  atomic_store(&own->done, 0);
  publish(own);
  take_pieces(own);
  // Every helper has to have left this round before the next one may begin.
  while (atomic_load(&own->done) < own->count)
    pause_briefly();
}
