// Whose turn it is, and who has gone.
#include "mesh/runtime/pool.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/mesh/harness.h"

enum { FLOOD = 40 };

// Each job notes who it is, waits at the gate, and ends.
typedef struct scene {
  mesh_pool *pool;
  mesh_scope callers, leavers;
  atomic_int running, begun;
  char order[2 * FLOOD];  // of callers
  sem_t gate;
  int answered, left, started;
} scene;

typedef struct asker {
  scene *all;
  const char *caller;
  bool leaves;
} asker;

static void job(void *arg) {
  asker *own = arg;
  scene *all = own->all;
  all->order[atomic_fetch_add(&all->begun, 1)] = own->caller[0] != '\0' ? own->caller[0] : '-';
  atomic_fetch_add(&all->running, 1);
  while (sem_wait(&all->gate) != 0)
    ;
  atomic_fetch_sub(&all->running, 1);
}

static void ask(void *arg) {
  asker *own = arg;
  scene *all = own->all;
  mesh_scope *scope = own->leaves ? &all->leavers : &all->callers;
  mesh_error err;
  mesh_fiber_set_caller(scope->loop, own->caller);
  all->started++;
  mesh_code code = mesh_pool_ask(all->pool, scope, job, own, &err);
  all->answered += code == GRPC_STATUS_OK;
  all->left += code == GRPC_STATUS_CANCELLED;
}

static void begin(scene *own, harness *test, int threads) {
  *own = (scene){.pool = mesh_pool_create(threads)};
  sem_init(&own->gate, 0, 0);
  mesh_scope_open(&own->callers, &test->scope);
  mesh_scope_open(&own->leavers, &test->scope);
}

static void start(asker *who) {
  mesh_fiber_start(who->leaves ? &who->all->leavers : &who->all->callers, ask, who);
}

static void await(const harness *test, const atomic_int *what, int number) {
  mesh_error err;
  while (atomic_load(what) < number)
    assert_int_equal(mesh_sleep_until((mesh_scope *)&test->scope, mesh_now_ns() + MESH_MS_NS, &err),
                     0);
}

static void await_started(const harness *test, const scene *own, int number) {
  while (own->started < number)
    mesh_yield(test->loop);
}

static void end(scene *own) {
  for (int i = 0; i < 2 * FLOOD; i++)
    sem_post(&own->gate);
  mesh_scope_close(&own->callers);
  mesh_scope_close(&own->leavers);
  mesh_pool_destroy(own->pool);
  sem_destroy(&own->gate);
}

// A flood of one caller waits for others' turns; one's own jobs keep their order.
static void take_turns(harness *test, void *arg) {
  (void)arg;
  scene own;
  begin(&own, test, 1);
  asker flood = {&own, "a", false}, other = {&own, "b", false}, third = {&own, "c", false};
  start(&flood);
  await(test, &own.begun, 1);
  for (int i = 1; i < FLOOD; i++)
    start(&flood);
  await_started(test, &own, FLOOD);
  start(&other);
  start(&other);
  start(&third);
  await_started(test, &own, FLOOD + 3);
  end(&own);
  assert_int_equal(own.answered, FLOOD + 3);
  assert_memory_equal(own.order, "aabcab", 6);
}

// What callers want leaves a thread to what the program does by itself.
static void keep_a_thread(harness *test, void *arg) {
  (void)arg;
  scene own;
  begin(&own, test, 3);
  asker flood = {&own, "a", false}, inside = {&own, "", false};
  for (int i = 0; i < FLOOD; i++)
    start(&flood);
  await(test, &own.running, 2);
  await_started(test, &own, FLOOD);
  start(&inside);
  await(test, &own.running, 3);
  assert_memory_equal(own.order, "aa-", 3);
  end(&own);
}

static void forget_who_has_gone(harness *test, void *arg) {
  (void)arg;
  scene own;
  begin(&own, test, 3);
  asker gone = {&own, "a", true}, patient = {&own, "b", false};
  for (int i = 0; i < FLOOD; i++)
    start(&gone);
  await(test, &own.running, 2);
  await_started(test, &own, FLOOD);
  start(&patient);
  await_started(test, &own, FLOOD + 1);
  mesh_scope_cancel(&own.leavers, GRPC_STATUS_CANCELLED, "the connection was closed");
  while (own.left < FLOOD - 2)  // before there is a thread for what they wanted
    mesh_yield(test->loop);
  end(&own);
  assert_int_equal(own.left, FLOOD - 2);
  assert_int_equal(own.answered, 3);
  assert_int_equal(atomic_load(&own.begun), 3);
}

typedef struct child {
  mesh_scope scope;
  char caller[MESH_CALLER_MAX];
} child;

static void look(void *arg) {
  child *own = arg;
  strcpy(own->caller, mesh_fiber_caller(own->scope.loop));
}

// Fibers work for whom those work that started them.
static void inherit(harness *test, void *arg) {
  (void)arg;
  child own = {.caller = "?"};
  assert_string_equal(mesh_fiber_caller(test->loop), "");
  mesh_scope_open(&own.scope, &test->scope);
  mesh_fiber_set_caller(test->loop, "somebody");
  mesh_fiber_start(&own.scope, look, &own);
  mesh_scope_close(&own.scope);
  assert_string_equal(own.caller, "somebody");
}

#define IN_FIBER(name)                     \
  static void check_##name(void **state) { \
    (void)state;                           \
    run_in_fiber(name, NULL);              \
  }
IN_FIBER(take_turns)
IN_FIBER(keep_a_thread)
IN_FIBER(forget_who_has_gone)
IN_FIBER(inherit)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(check_take_turns),
      cmocka_unit_test(check_keep_a_thread),
      cmocka_unit_test(check_forget_who_has_gone),
      cmocka_unit_test(check_inherit),
  };
  return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
