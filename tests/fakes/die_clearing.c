// Linked around the removal of series (--wrap): kills its own process before a series is hidden, or
// before a piece of a hidden one is cleared. MILLRACE_TEST_DIE_CLEARING="N FILE": 0 is the hiding,
// 1 the first piece; FILE is made just before the death, and where it is there already nobody dies.
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// Its functions are for the files of the store; this one stands between two of them.
#include "backend/store/store.h"

mesh_code __real_store_clear_removed_series(store *store, int *left, mesh_error *err);
mesh_code __wrap_store_clear_removed_series(store *store, int *left, mesh_error *err);
__typeof__(store_remove_unused_series) __real_store_remove_unused_series,
    __wrap_store_remove_unused_series;

static atomic_bool removing;  // what is cleared before is an operation's

static void die_at(int number) {
  int at;
  char file[200];
  const char *text = getenv("MILLRACE_TEST_DIE_CLEARING");
  if (text == NULL || sscanf(text, "%d %199s", &at, file) != 2 || at != number) return;
  int fd = open(file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0) return;
  close(fd);
  raise(SIGKILL);
}

mesh_code __wrap_store_remove_unused_series(store *store, const series_key *key, store_uses uses,
                                            void *arg, int64_t *bars, mesh_error *err) {
  die_at(0);
  atomic_store(&removing, true);
  return __real_store_remove_unused_series(store, key, uses, arg, bars, err);
}

// The store's thread.
mesh_code __wrap_store_clear_removed_series(store *store, int *left, mesh_error *err) {
  static int count;
  if (atomic_load(&removing)) die_at(++count);
  return __real_store_clear_removed_series(store, left, err);
}
