#include "mesh/runtime/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "mesh/runtime/fiber.h"

typedef struct job {
  struct job *prev, *next;  // in its line
  struct line *line;        // NULL once a thread has taken it; with the pool's lock
  void (*work)(void *arg);
  void *arg;
  const char *caller;  // its fiber's
  mesh_loop *loop;
  mesh_fiber *fiber;
  mesh_op done;
  bool is_done;  // the loop thread's
  mesh_cancel_hook hook;
} job;

// What one caller waits for. Never empty.
typedef struct line {
  struct line *prev, *next;
  job *jobs;
} line;

struct mesh_pool {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  line *lines;  // whose turn it is comes first
  int foreign;  // jobs that run for a caller
  bool stopping;
  int thread_count;
  pthread_t threads[];
};

// ---- the lines; with the lock ----

static bool is_foreign(const job *of) {
  return of->caller[0] != '\0';
}

static void push(mesh_pool *pool, job *own) {
  line *found;
  DL_FOREACH(pool->lines, found) {
    if (strcmp(found->jobs->caller, own->caller) == 0) break;
  }
  if (found == NULL) {
    found = calloc(1, sizeof *found);
    if (found == NULL) abort();
    DL_APPEND(pool->lines, found);
  }
  own->line = found;
  DL_APPEND(found->jobs, own);
}

static void pull(mesh_pool *pool, job *own) {
  line *from = own->line;
  DL_DELETE(from->jobs, own);
  own->line = NULL;
  if (from->jobs != NULL) return;
  DL_DELETE(pool->lines, from);
  free(from);
}

// The first job of the first line that may have a thread, which then is the last line. NULL if
// there is none.
static job *pick(mesh_pool *pool) {
  int most = pool->thread_count > 1 ? pool->thread_count - 1 : 1;
  line *next;
  DL_FOREACH(pool->lines, next) {
    if (!is_foreign(next->jobs) || pool->foreign < most) break;
  }
  if (next == NULL) return NULL;
  job *taken = next->jobs;
  DL_DELETE(pool->lines, next);
  DL_APPEND(pool->lines, next);
  pull(pool, taken);
  return taken;
}

// ---- the threads ----

// Takes the next job, behind the one that was done; NULL when the pool stops and none is left for
// this thread.
static job *next_job(mesh_pool *pool, bool was_foreign) {
  job *taken;
  pthread_mutex_lock(&pool->lock);
  pool->foreign -= was_foreign;
  while ((taken = pick(pool)) == NULL && !pool->stopping)
    pthread_cond_wait(&pool->wake, &pool->lock);
  pool->foreign += taken != NULL && is_foreign(taken);
  pthread_mutex_unlock(&pool->lock);
  return taken;
}

static void *pool_thread(void *arg) {
  mesh_pool *pool = arg;
  bool foreign = false;
  for (job *taken; (taken = next_job(pool, foreign)) != NULL;) {
    foreign = is_foreign(taken);  // afterwards it is its fiber's
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

// ---- the fibers ----

static void on_job_done(mesh_op *op, bool ok) {
  (void)ok;
  job *ended = MESH_CONTAINER_OF(op, job, done);
  ended->is_done = true;
  mesh_fiber_unpark(ended->fiber);
}

static void on_job_cancel(mesh_cancel_hook *hook) {
  mesh_fiber_unpark(MESH_CONTAINER_OF(hook, job, hook)->fiber);
}

static job make_job(mesh_loop *loop, void (*work)(void *arg), void *arg) {
  return (job){.work = work,
               .arg = arg,
               .caller = mesh_fiber_caller(loop),
               .loop = loop,
               .fiber = mesh_fiber_current(loop),
               .done = {.on_done = on_job_done, .name = "pool job"},
               .hook = {.on_cancel = on_job_cancel}};
}

static void give(mesh_pool *pool, job *own) {
  pthread_mutex_lock(&pool->lock);
  push(pool, own);
  pthread_cond_signal(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
}

// False if a thread has it already.
static bool withdraw(mesh_pool *pool, job *own) {
  pthread_mutex_lock(&pool->lock);
  bool waits = own->line != NULL;
  if (waits) pull(pool, own);
  pthread_mutex_unlock(&pool->lock);
  return waits;
}

void mesh_pool_run(mesh_pool *pool, mesh_loop *loop, void (*work)(void *arg), void *arg) {
  job own = make_job(loop, work, arg);
  give(pool, &own);
  while (!own.is_done)
    mesh_fiber_park(loop);
}

mesh_code mesh_pool_ask(mesh_pool *pool, mesh_scope *scope, void (*work)(void *arg), void *arg,
                        mesh_error *err) {
  mesh_code code = mesh_scope_check(scope, err);
  if (code != GRPC_STATUS_OK) return code;
  job own = make_job(scope->loop, work, arg);
  give(pool, &own);
  mesh_scope_add_hook(scope, &own.hook);
  while (!own.is_done && code == GRPC_STATUS_OK) {
    mesh_fiber_park(scope->loop);
    if (scope->code != GRPC_STATUS_OK && withdraw(pool, &own)) code = mesh_scope_check(scope, err);
  }
  mesh_scope_remove_hook(&own.hook);
  return code;
}
