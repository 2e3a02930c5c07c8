// The write-ahead log: folded into the file when it is long, by the writer thread between two
// groups. Somebody outside who reads (a backup) keeps it from starting anew, so it grows while that
// lasts; the writer looks every second, also when nothing is written, and cuts it after that.
#include "backend/store/sqlite/internal.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/loop.h"
#include "mesh/runtime/time.h"

enum {
  AGAIN_PART = 8,  // grown by such a part of its limit since the last try, it is tried again
  TELL_TIMES = 4,  // so many times its limit is worth a line
};

#define AGAIN_NS MESH_S_NS

// After each commit: how many pages the log has.
static int on_commit(void *arg, sqlite3 *db, const char *name, int pages) {
  (void)db, (void)name;
  ((store *)arg)->log_pages = pages;
  return SQLITE_OK;
}

void store_watch_log(store *store) {
  sqlite3_wal_hook(store->writer.db, on_commit, store);
  store->fold_at_pages = store->long_pages;
}

static int again_pages(const store *store) {
  return store->long_pages / AGAIN_PART + 1;
}

bool store_log_waits(const store *store) {
  return store->log_pages >= store->long_pages;
}

// A checkpoint that waits for nobody. False if something is left in the log.
static bool checkpoint(store *store, int mode, int *done) {
  int pages = 0;
  store_never_wait(&store->writer);
  int result = sqlite3_wal_checkpoint_v2(store->writer.db, NULL, mode, &pages, done);
  if (result != SQLITE_OK && result != SQLITE_BUSY && !store->fold_failed) {
    mesh_error err;
    (void)store_fail(store, store->writer.db, "cannot fold the log into the file", &err);
    mesh_log(MESH_LOG_WARN, "store", "%s", err.message);
  }
  store->fold_failed = result != SQLITE_OK && result != SQLITE_BUSY;
  store_wait_while_busy(store, &store->writer);
  return result == SQLITE_OK && *done == pages;
}

static void tell_of_reader(store *store) {
  if (store->log_pages / TELL_TIMES < store->long_pages || store->log_told) return;
  store->log_told = true;
  mesh_log(MESH_LOG_WARN, "store",
           "%s-wal has %d MB: another process (a backup?) reads an old state, and the log grows "
           "until it ends",
           store->path, (int)((int64_t)store->log_pages * STORE_PAGE_BYTES >> 20));
}

void store_fold_log(store *store) {
  int64_t now_ns = mesh_now_ns();
  if (!store_log_waits(store)) return;
  if (store->log_pages < store->fold_at_pages && now_ns < store->fold_at_ns) return;
  int done = 0;
  bool whole = checkpoint(store, SQLITE_CHECKPOINT_PASSIVE, &done);
  bool cut = whole && store->log_pages >= store->long_pages + again_pages(store) &&
             checkpoint(store, SQLITE_CHECKPOINT_TRUNCATE, &done);
  bool moved = whole || done > store->folded_pages;
  store->folded_pages = whole ? 0 : done;
  store->fold_at_ns = now_ns + AGAIN_NS;
  store->fold_at_pages = whole ? store->long_pages : store->log_pages + again_pages(store);
  if (whole) store->log_told = false;
  if (whole || cut) store->log_pages = 0;
  if (!whole) tell_of_reader(store);
  if (moved) store_raise_generation(store);
  // A reader of our own may still be in it: then it starts anew a little later.
  if (store_log_waits(store)) store->fold_at_pages = store->log_pages + again_pages(store);
}

bool store_empty_log(store *store) {
  int done = 0;
  return checkpoint(store, SQLITE_CHECKPOINT_TRUNCATE, &done);
}
