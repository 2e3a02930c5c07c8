// The writer thread: takes all the writes that wait into one transaction, so that they share what a
// commit costs, and tells each once that is durable.
#include <stdlib.h>
#include <time.h>

#include "backend/store/sqlite/internal.h"

// ---- a group of writes ----

static bool is_refusal(mesh_code code) {
  return code == GRPC_STATUS_ABORTED || code == GRPC_STATUS_ALREADY_EXISTS ||
         code == GRPC_STATUS_NOT_FOUND || code == GRPC_STATUS_FAILED_PRECONDITION;
}

// Runs one write of a transaction. False if the transaction cannot go on: it failed after it had
// changed something, or SQLite has given the transaction up.
static bool run_in_group(store *store, store_write *write) {
  sqlite3 *db = store->writer.db;
  sqlite3_int64 before = sqlite3_total_changes64(db);
  write->code = write->run(store, write, &write->err);
  if (write->code == GRPC_STATUS_OK) return true;
  return is_refusal(write->code) && sqlite3_total_changes64(db) == before &&
         sqlite3_get_autocommit(db) == 0;
}

// False, and nothing is stored, if one of them cannot be in a transaction with others, or the
// commit fails.
static bool write_together(store *store, store_write *group) {
  bool whole = true;
  for (store_write *write = group; write != NULL && whole; write = write->next)
    whole = run_in_group(store, write);
  if (whole && store_commit(store, NULL) == GRPC_STATUS_OK) return true;
  store_roll_back(store);
  return false;
}

static void write_alone(store *store, store_write *write) {
  write->code = store_begin(store, &write->err);
  if (write->code != GRPC_STATUS_OK) return;
  write->code = write->run(store, write, &write->err);
  if (write->code == GRPC_STATUS_OK) write->code = store_commit(store, &write->err);
  if (write->code != GRPC_STATUS_OK) store_roll_back(store);
}

// One that fails costs nobody else: then each has a transaction of its own.
static void write_group(store *store, store_write *group) {
  mesh_error err;
  mesh_code code = GRPC_STATUS_OK;
  if (group->next != NULL) {
    code = store_begin(store, &err);
    if (code == GRPC_STATUS_OK && write_together(store, group)) return;
  }
  for (store_write *write = group; write != NULL; write = write->next) {
    if (code == GRPC_STATUS_OK) {
      write_alone(store, write);
    } else {
      write->code = code;
      write->err = err;
    }
  }
}

static void tell(store_write *group) {
  for (store_write *write = group, *next; write != NULL; write = next) {
    next = write->next;  // first: the storage is the caller's again
    write->on_done(write);
  }
}

// In a transaction of its own. What fails here fails again for the next write, which tells.
static mesh_code run_alone(store *store, mesh_code (*work)(struct store *store, mesh_error *err)) {
  mesh_code code = store_begin(store, NULL);
  if (code != GRPC_STATUS_OK) return code;
  code = work(store, NULL);
  if (code == GRPC_STATUS_OK) code = store_commit(store, NULL);
  if (code != GRPC_STATUS_OK) store_roll_back(store);
  return code;
}

// Between two groups, so that nobody waits for it who was written before; each is a short piece.
static void tidy(store *store) {
  if (store_has_many_recent(store)) (void)run_alone(store, store_move_recent);
  if (store->removed_left && run_alone(store, store_clear_removed) != GRPC_STATUS_OK) {
    store->removed_left = false;  // the next one that is removed tries again
  }
  store_fold_log(store);
}

// ---- the thread ----

// With queue_lock: waits for something to do; while the log waits to be folded, a second at most.
static void await_work(store *store) {
  struct timespec until;
  if (!store_log_waits(store)) {
    pthread_cond_wait(&store->queue_changed, &store->queue_lock);
    return;
  }
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec++;
  pthread_cond_timedwait(&store->queue_changed, &store->queue_lock, &until);
}

// Takes all that waits; NULL if that is nothing and there is something to tidy up. False when the
// store closes and nothing is left.
static bool take_group(store *store, store_write **group) {
  pthread_mutex_lock(&store->queue_lock);
  while (store->first == NULL && !store->stopping && !store->removed_left) {
    await_work(store);
    if (store_log_waits(store)) break;
  }
  *group = store->first;
  store->first = NULL;
  store->last = &store->first;
  bool more = *group != NULL || !store->stopping;
  pthread_mutex_unlock(&store->queue_lock);
  return more;
}

static void *writer_thread(void *arg) {
  store *store = arg;
  for (store_write *group; take_group(store, &group);) {
    if (group != NULL) write_group(store, group);
    tell(group);
    tidy(store);
  }
  return NULL;
}

void store_writer_start(store *store) {
  pthread_mutex_init(&store->queue_lock, NULL);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&store->queue_changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
  store->last = &store->first;
  if (pthread_create(&store->thread, NULL, writer_thread, store) != 0) abort();
  store->started = true;
}

void store_writer_stop(store *store) {
  if (!store->started) return;
  pthread_mutex_lock(&store->queue_lock);
  store->stopping = true;
  pthread_cond_signal(&store->queue_changed);
  pthread_mutex_unlock(&store->queue_lock);
  pthread_join(store->thread, NULL);
  pthread_cond_destroy(&store->queue_changed);
  pthread_mutex_destroy(&store->queue_lock);
}

void store_submit(store *store, store_write *write) {
  write->next = NULL;
  pthread_mutex_lock(&store->queue_lock);
  *store->last = write;
  store->last = &write->next;
  pthread_cond_signal(&store->queue_changed);
  pthread_mutex_unlock(&store->queue_lock);
}

// ---- waiting ----

typedef struct waiter {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool done;
} waiter;

static void on_write_done(store_write *write) {
  waiter *own = write->arg;
  pthread_mutex_lock(&own->lock);
  own->done = true;
  pthread_cond_signal(&own->changed);
  pthread_mutex_unlock(&own->lock);
}

mesh_code store_submit_and_wait(store *store, store_write *write, mesh_error *err) {
  waiter own = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
  write->on_done = on_write_done;
  write->arg = &own;
  store_submit(store, write);
  pthread_mutex_lock(&own.lock);
  while (!own.done)
    pthread_cond_wait(&own.changed, &own.lock);
  pthread_mutex_unlock(&own.lock);
  pthread_cond_destroy(&own.changed);
  pthread_mutex_destroy(&own.lock);
  if (write->code != GRPC_STATUS_OK && err != NULL) *err = write->err;
  return write->code;
}
