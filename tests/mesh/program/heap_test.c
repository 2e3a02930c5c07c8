// What was freed goes back to the system, also from the middle of a heap.
#include "mesh/program/heap.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/mesh/harness.h"

enum { BLOCKS = 200000, BLOCK_BYTES = 120, LEAST_MIB = 20, EVERY_MS = 20, LIMIT_MS = 30000 };

static int64_t resident_mib(void) {
  long size = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  assert_non_null(file);
  assert_int_equal(fscanf(file, "%ld %ld", &size, &resident), 2);
  fclose(file);
  return ((int64_t)resident * sysconf(_SC_PAGESIZE)) >> 20;
}

// Many small blocks, as a message that was taken apart, and one behind them that stays: the heap
// cannot become shorter.
static void *allocate(void *arg) {
  static char *blocks[BLOCKS];
  char **stays = arg;
  for (int i = 0; i < BLOCKS; i++) {
    blocks[i] = malloc(BLOCK_BYTES);
    assert_non_null(blocks[i]);
    memset(blocks[i], 1, BLOCK_BYTES);
  }
  *stays = malloc(BLOCK_BYTES);
  for (int i = 0; i < BLOCKS; i++)
    free(blocks[i]);
  return NULL;
}

static void check_comes_back(harness *own, int64_t before_mib) {
  assert_true(resident_mib() >= before_mib + LEAST_MIB);
  mesh_heap heap;
  mesh_heap_start(&heap, own->loop, EVERY_MS);
  int64_t give_up_ns = mesh_now_ns() + mesh_ms_ns(LIMIT_MS);
  while (resident_mib() > before_mib + LEAST_MIB / 4 && mesh_now_ns() < give_up_ns) {
    mesh_error err;
    assert_int_equal(mesh_sleep_until(&own->scope, mesh_now_ns() + mesh_ms_ns(EVERY_MS), &err),
                     GRPC_STATUS_OK);
  }
  mesh_heap_stop(&heap);
  assert_true(resident_mib() <= before_mib + LEAST_MIB / 4);
}

static void from_the_middle_of_a_heap(harness *own, void *arg) {
  (void)arg;
  char *stays = NULL;
  int64_t before_mib = resident_mib();
  allocate(&stays);
  check_comes_back(own, before_mib);
  free(stays);
}

static void from_another_threads_heap(harness *own, void *arg) {
  (void)arg;
  char *stays = NULL;
  int64_t before_mib = resident_mib();
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, allocate, &stays), 0);
  pthread_join(thread, NULL);
  check_comes_back(own, before_mib);
  free(stays);
}

typedef struct row {
  const char *name;
  void (*run)(harness *own, void *arg);
} row;

static const row rows[] = {
    {"from the middle of a heap", from_the_middle_of_a_heap},
    {"from another thread's heap", from_another_threads_heap},
};

static void check(void **state) {
  run_in_fiber(((const row *)*state)->run, NULL);
}

int main(void) {
  mesh_heap_bound();
  RUN_ROWS("heap", rows, check);
}
