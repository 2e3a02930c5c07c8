// Linked around the store's writes (--wrap): kills its own process at one durable event, on either
// side of its commit. MILLRACE_TEST_DIE_AT="N before FILE" or "N after FILE": N counts the durable
// events that this process writes; FILE is made just before the death, and where it is there
// already nobody dies: the process that follows lives.
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/store/store.h"

// As the store declares them, so that the compiler sees where one is not what it was.
__typeof__(store_start_create) __real_store_start_create, __wrap_store_start_create;
__typeof__(store_start_append) __real_store_start_append, __wrap_store_start_append;
__typeof__(store_start_segment) __real_store_start_segment, __wrap_store_start_segment;

static struct {
  bool known, armed, after;
  int at, count;
  char file[200];
} plan;

static void read_plan(void) {
  if (plan.known) return;
  plan.known = true;
  const char *text = getenv("MILLRACE_TEST_DIE_AT");
  char side[16];
  if (text == NULL || sscanf(text, "%d %15s %199s", &plan.at, side, plan.file) != 3) return;
  plan.after = strcmp(side, "after") == 0;
  plan.armed = access(plan.file, F_OK) != 0;
}

static void die(void) {
  int fd = open(plan.file, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  if (fd >= 0) close(fd);
  raise(SIGKILL);
}

static void die_when_done(store_write *write) {
  (void)write;
  die();
}

// Before a durable event is written. The loop's thread, as all starts of writes.
static void on_event(store_write *write) {
  read_plan();
  if (!plan.armed || ++plan.count != plan.at) return;
  if (!plan.after) die();
  write->on_done = die_when_done;
}

void __wrap_store_start_create(store *store, const store_operation *operation, mesh_view event,
                               store_write *write) {
  on_event(write);
  __real_store_start_create(store, operation, event, write);
}

void __wrap_store_start_append(store *store, const store_event *event, store_write *write) {
  on_event(write);
  __real_store_start_append(store, event, write);
}

void __wrap_store_start_segment(store *store, const series_key *key, const store_ledger *ledger,
                                const store_bars *bars, const store_event *event,
                                store_write *write) {
  if (event != NULL) on_event(write);
  __real_store_start_segment(store, key, ledger, bars, event, write);
}
