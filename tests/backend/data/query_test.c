// A few questions at a time, and none of those who have gone.
#include "backend/data/query.h"

#include <semaphore.h>
#include <stdatomic.h>

#include "mesh/runtime/pool.h"
#include "tests/mesh/harness.h"

enum { ASKERS = 40, PATIENT = 10 };

typedef struct scene {
  data_manager manager;
  mesh_scope askers, leavers;
  atomic_int running, most, asked;
  sem_t gate;  // of those that run
  int answered, left;
} scene;

static void count(void *arg) {
  scene *own = arg;
  int now = atomic_fetch_add(&own->running, 1) + 1, most = atomic_load(&own->most);
  while (now > most && !atomic_compare_exchange_weak(&own->most, &most, now))
    ;
  atomic_fetch_add(&own->asked, 1);
  while (sem_wait(&own->gate) != 0)
    ;
  atomic_fetch_sub(&own->running, 1);
}

static void ask_in(scene *own, mesh_scope *scope) {
  mesh_error err;
  mesh_code code = data_query(&own->manager, scope, count, own, &err);
  own->answered += code == GRPC_STATUS_OK;
  own->left += code == GRPC_STATUS_CANCELLED;
}

static void ask(void *arg) {
  scene *own = arg;
  ask_in(own, &own->askers);
}

static void ask_and_leave(void *arg) {
  scene *own = arg;
  ask_in(own, &own->leavers);
}

static void flood(harness *test, void *arg) {
  (void)arg;
  scene own = {.manager = {.loop = test->loop, .pool = mesh_pool_create(8)}};
  sem_init(&own.gate, 0, 0);
  mesh_scope_open(&own.askers, &test->scope);
  mesh_scope_open(&own.leavers, &test->scope);
  for (int i = 0; i < ASKERS; i++)
    mesh_fiber_start(&own.leavers, ask_and_leave, &own);
  for (int i = 0; i < PATIENT; i++)
    mesh_fiber_start(&own.askers, ask, &own);
  mesh_error err;
  while (atomic_load(&own.running) < DATA_QUERIES_MOST)  // the pool has as many as it gets
    assert_int_equal(mesh_sleep_until(&test->scope, mesh_now_ns() + MESH_MS_NS, &err), 0);
  mesh_scope_cancel(&own.leavers, GRPC_STATUS_CANCELLED, "the connection was closed");
  for (int i = 0; i < ASKERS + PATIENT; i++)
    sem_post(&own.gate);
  mesh_scope_close(&own.leavers);
  mesh_scope_close(&own.askers);
  assert_in_range(atomic_load(&own.most), 1, DATA_QUERIES_MOST);
  assert_int_equal(own.answered + own.left, ASKERS + PATIENT);
  assert_int_equal(atomic_load(&own.asked), own.answered);  // nobody was asked for who had gone
  assert_in_range(own.answered, PATIENT, PATIENT + DATA_QUERIES_MOST);
  mesh_pool_destroy(own.manager.pool);
  sem_destroy(&own.gate);
}

static void a_flood_is_asked_a_few_at_a_time(void **state) {
  (void)state;
  run_in_fiber(flood, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_flood_is_asked_a_few_at_a_time),
  };
  return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
