#include "mesh/runtime/pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "mesh/runtime/fiber.h"

typedef struct job {
  struct job *next;
  void (*work)(void *arg);
  void *arg;
  mesh_loop *loop;
  mesh_fiber *fiber;
  mesh_op done;
  bool is_done;  // the loop thread's
} job;

struct mesh_pool {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  job *first, **last;
  bool stopping;
  int thread_count;
  pthread_t threads[];
};

// Takes the next job; NULL when the pool stops and none is left.
static job *next_job(mesh_pool *pool) {
  pthread_mutex_lock(&pool->lock);
  while (pool->first == NULL && !pool->stopping)
    pthread_cond_wait(&pool->wake, &pool->lock);
  job *taken = pool->first;
  if (taken != NULL) {
    pool->first = taken->next;
    if (pool->first == NULL) pool->last = &pool->first;
  }
  pthread_mutex_unlock(&pool->lock);
  return taken;
}

static void *pool_thread(void *arg) {
  mesh_pool *pool = arg;
  for (job *taken; (taken = next_job(pool)) != NULL;) {
    taken->work(taken->arg);
    mesh_loop_post(taken->loop, &taken->done);
  }
  return NULL;
}

mesh_pool *mesh_pool_create(int threads) {
  mesh_pool *pool = calloc(1, sizeof *pool + (size_t)threads * sizeof *pool->threads);
  if (pool == NULL) abort();
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pool->last = &pool->first;
  pool->thread_count = threads;
  for (int i = 0; i < threads; i++) {
    if (pthread_create(&pool->threads[i], NULL, pool_thread, pool) != 0) abort();
  }
  return pool;
}

void mesh_pool_destroy(mesh_pool *pool) {
  if (pool == NULL) return;
  pthread_mutex_lock(&pool->lock);
  pool->stopping = true;
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
  for (int i = 0; i < pool->thread_count; i++)
    pthread_join(pool->threads[i], NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->lock);
  free(pool);
}

static void on_job_done(mesh_op *op, bool ok) {
  (void)ok;
  job *ended = MESH_CONTAINER_OF(op, job, done);
  ended->is_done = true;
  mesh_fiber_unpark(ended->fiber);
}

void mesh_pool_run(mesh_pool *pool, mesh_loop *loop, void (*work)(void *arg), void *arg) {
  job own = {.work = work, .arg = arg, .loop = loop, .fiber = mesh_fiber_current(loop)};
  own.done.on_done = on_job_done;
  own.done.name = "pool job";

  pthread_mutex_lock(&pool->lock);
  *pool->last = &own;
  pool->last = &own.next;
  pthread_cond_signal(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
  while (!own.is_done)
    mesh_fiber_park(loop);
}
