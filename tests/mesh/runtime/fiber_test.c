#include "mesh/runtime/fiber.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/runtime/pool.h"
#include "tests/mesh/harness.h"

enum { MS = 1000000 };

// ---- order and waiting ----

typedef struct notes {
  harness *own;
  mesh_signal signal;
  char text[64];
  mesh_code code;
} notes;

static void note(notes *all, char letter) {
  size_t size = strlen(all->text);
  all->text[size] = letter;
  all->text[size + 1] = '\0';
}

static void note_twice(void *arg) {
  notes *all = arg;
  note(all, 'a');
  mesh_yield(all->own->loop);
  note(all, 'b');
}

static void fibers_take_turns(harness *own, void *arg) {
  (void)arg;
  notes all = {.own = own};
  mesh_scope scope;
  mesh_scope_open(&scope, &own->scope);
  mesh_fiber_start(&scope, note_twice, &all);
  mesh_fiber_start(&scope, note_twice, &all);
  mesh_scope_close(&scope);
  assert_string_equal(all.text, "aabb");
}

static void wait_signal(void *arg) {
  notes *all = arg;
  note(all, 'w');
  mesh_error err;
  all->code = mesh_signal_wait(&all->signal, &all->own->scope, MESH_NEVER, &err);
  note(all, 'n');
}

static void notify_wakes_every_waiter(harness *own, void *arg) {
  (void)arg;
  notes all = {.own = own, .code = GRPC_STATUS_UNKNOWN};
  mesh_scope scope;
  mesh_scope_open(&scope, &own->scope);
  mesh_fiber_start(&scope, wait_signal, &all);
  mesh_fiber_start(&scope, wait_signal, &all);
  mesh_yield(own->loop);
  assert_string_equal(all.text, "ww");
  mesh_signal_notify(&all.signal);
  mesh_scope_close(&scope);
  assert_string_equal(all.text, "wwnn");
  assert_int_equal(all.code, GRPC_STATUS_OK);
}

static void sleep_ends_when_due(harness *own, void *arg) {
  (void)arg;
  int64_t due = mesh_now_ns() + 5 * MS;
  assert_int_equal(mesh_sleep_until(&own->scope, due, NULL), GRPC_STATUS_OK);
  assert_true(mesh_now_ns() >= due);
}

static void wait_ends_at_its_due_time(harness *own, void *arg) {
  (void)arg;
  mesh_signal nobody = {0};
  mesh_error err;
  mesh_code code = mesh_signal_wait(&nobody, &own->scope, mesh_now_ns() + MS, &err);
  assert_int_equal(code, GRPC_STATUS_DEADLINE_EXCEEDED);
  assert_null(nobody.first);
}

// ---- scopes ----

static void sleep_long(void *arg) {
  notes *all = arg;
  mesh_error err;
  all->code = mesh_sleep_until(&all->own->scope, MESH_NEVER, &err);
  assert_string_equal(err.message, "enough");
}

static void cancel_ends_waits_below(harness *own, void *arg) {
  (void)arg;
  notes all = {.own = own, .code = GRPC_STATUS_OK};
  mesh_scope outer, inner;
  mesh_scope_open(&outer, &own->scope);
  mesh_scope_open(&inner, &outer);
  mesh_fiber_start(&inner, sleep_long, &all);
  mesh_yield(own->loop);
  mesh_scope_cancel(&own->scope, GRPC_STATUS_CANCELLED, "%s", "enough");
  assert_int_equal(mesh_scope_check(&inner, NULL), GRPC_STATUS_CANCELLED);
  mesh_scope_close(&inner);
  mesh_scope_close(&outer);
  assert_int_equal(all.code, GRPC_STATUS_CANCELLED);
}

static void deadline_bounds_those_below(harness *own, void *arg) {
  (void)arg;
  mesh_scope outer, inner;
  mesh_scope_open(&outer, &own->scope);
  mesh_scope_set_deadline(&outer, mesh_now_ns() + 2 * MS);
  mesh_scope_open(&inner, &outer);
  mesh_scope_set_deadline(&inner, MESH_NEVER);
  mesh_error err;
  mesh_code code = mesh_sleep_until(&inner, MESH_NEVER, &err);
  assert_int_equal(code, GRPC_STATUS_DEADLINE_EXCEEDED);
  assert_int_equal(mesh_scope_check(&own->scope, NULL), GRPC_STATUS_OK);
  mesh_scope_close(&inner);
  mesh_scope_close(&outer);
}

static void a_scope_below_a_cancelled_one_is_cancelled(harness *own, void *arg) {
  (void)arg;
  mesh_scope outer, inner;
  mesh_scope_open(&outer, &own->scope);
  mesh_scope_cancel(&outer, GRPC_STATUS_ABORTED, "gone");
  mesh_scope_open(&inner, &outer);
  mesh_error err;
  assert_int_equal(mesh_scope_check(&inner, &err), GRPC_STATUS_ABORTED);
  assert_string_equal(err.message, "gone");
  mesh_scope_close(&inner);
  mesh_scope_close(&outer);
}

// ---- other threads ----

static void double_it(void *arg) {
  *(int *)arg *= 2;
}

typedef struct pool_use {
  harness *own;
  mesh_pool *pool;
  int value;
} pool_use;

static void use_pool(void *arg) {
  pool_use *use = arg;
  for (int i = 0; i < 10; i++)
    mesh_pool_run(use->pool, use->own->loop, double_it, &use->value);
}

static void pool_jobs_come_back_to_their_fibers(harness *own, void *arg) {
  (void)arg;
  mesh_pool *pool = mesh_pool_create(2);
  pool_use uses[20];
  mesh_scope scope;
  mesh_scope_open(&scope, &own->scope);
  for (int i = 0; i < 20; i++) {
    uses[i] = (pool_use){own, pool, i};
    mesh_fiber_start(&scope, use_pool, &uses[i]);
  }
  mesh_scope_close(&scope);
  for (int i = 0; i < 20; i++)
    assert_int_equal(uses[i].value, i * 1024);
  mesh_pool_destroy(pool);
}

enum { POSTS = 2000, POSTERS = 3 };

typedef struct counter {
  mesh_op ops[POSTERS][POSTS];
  mesh_loop *loop;
  int count;
  mesh_fiber *waiter;
} counter;

typedef struct poster {
  counter *all;
  int index;
} poster;

static counter *counting;  // ops carry no pointer of their own

static void count_post(mesh_op *op, bool ok) {
  (void)op;
  assert_true(ok);
  if (++counting->count == POSTERS * POSTS) mesh_fiber_unpark(counting->waiter);
}

static void *post_all(void *arg) {
  poster *own = arg;
  for (int i = 0; i < POSTS; i++)
    mesh_loop_post(own->all->loop, &own->all->ops[own->index][i]);
  return NULL;
}

static void posts_from_threads_all_arrive(harness *own, void *arg) {
  (void)arg;
  counting = calloc(1, sizeof *counting);
  counting->loop = own->loop;
  counting->waiter = mesh_fiber_current(own->loop);
  pthread_t threads[POSTERS];
  poster posters[POSTERS];
  for (int i = 0; i < POSTERS; i++) {
    for (int j = 0; j < POSTS; j++)
      counting->ops[i][j].on_done = count_post;
    posters[i] = (poster){counting, i};
    assert_int_equal(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
  }
  while (counting->count < POSTERS * POSTS)
    mesh_fiber_park(own->loop);
  for (int i = 0; i < POSTERS; i++)
    pthread_join(threads[i], NULL);
  free(counting);
}

// ---- many ----

static void deep(void *arg) {
  volatile char block[32 * 1024];
  memset((char *)block, 1, sizeof block);
  harness *own = arg;
  mesh_yield(own->loop);
  assert_int_equal(block[sizeof block - 1], 1);
}

static void a_thousand_fibers_keep_their_stacks(harness *own, void *arg) {
  (void)arg;
  for (int round = 0; round < 2; round++) {
    mesh_scope scope;
    mesh_scope_open(&scope, &own->scope);
    for (int i = 0; i < 1000; i++)
      mesh_fiber_start(&scope, deep, own);
    mesh_scope_close(&scope);
  }
}

#ifndef __SANITIZE_THREAD__  // which bounds fibers itself, to far fewer
static void count_one(void *arg) {
  ++*(int *)arg;
}

// What comes from outside leaves room in the kernel's table of maps for what is inside.
static void callers_fibers_have_a_bound(harness *own, void *arg) {
  (void)arg;
  mesh_scope scope;
  int started = 0, ran = 0;
  mesh_scope_open(&scope, &own->scope);
  while (mesh_fiber_try_start(&scope, count_one, &ran)) {
    started++;
    assert_true(started < 1000000);
  }
  assert_true(started > 32);
  for (int i = 0; i < 100; i++)
    mesh_fiber_start(&scope, count_one, &ran);
  mesh_scope_close(&scope);
  assert_int_equal(ran, started + 100);
  mesh_scope_open(&scope, &own->scope);
  assert_true(mesh_fiber_try_start(&scope, count_one, &ran));  // and there is room again
  mesh_scope_close(&scope);
}
#endif

typedef struct fiber_case {
  const char *name;
  void (*run)(harness *own, void *arg);
} fiber_case;

static const fiber_case cases[] = {
    {"fibers take turns", fibers_take_turns},
    {"notify wakes every waiter", notify_wakes_every_waiter},
    {"sleep ends when due", sleep_ends_when_due},
    {"a wait ends at its due time", wait_ends_at_its_due_time},
    {"cancel ends waits below", cancel_ends_waits_below},
    {"a deadline bounds those below", deadline_bounds_those_below},
    {"a scope below a cancelled one", a_scope_below_a_cancelled_one_is_cancelled},
    {"pool jobs come back to their fibers", pool_jobs_come_back_to_their_fibers},
    {"posts from threads all arrive", posts_from_threads_all_arrive},
    {"a thousand fibers keep their stacks", a_thousand_fibers_keep_their_stacks},
#ifndef __SANITIZE_THREAD__
    {"callers' fibers have a bound", callers_fibers_have_a_bound},
#endif
};

static void check(void **state) {
  run_in_fiber(((const fiber_case *)*state)->run, NULL);
}

int main(void) {
  RUN_ROWS("fiber", cases, check);
}
