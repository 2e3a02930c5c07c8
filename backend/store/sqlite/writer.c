// The writer thread: takes all the writes that wait into one transaction, so that they share what a
// commit costs, and tells each once that is durable.
#include <stdlib.h>
#include <time.h>

#include "backend/store/sqlite/internal.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/loop.h"
#include "mesh/runtime/time.h"

// ---- a transaction ----

#define LOOK_NS MESH_S_NS

// Now and then: whether the files are still those that were opened.
static mesh_code check_files(store *store, mesh_error *err) {
  int64_t now_ns = mesh_now_ns();
  if (now_ns - store->looked_ns < LOOK_NS) return GRPC_STATUS_OK;
  mesh_code code = store_check_still_there(store, err);
  if (code == GRPC_STATUS_OK) store->looked_ns = now_ns;
  return code;
}

// Another process may have opened the store since: it owns it then.
static mesh_code check_owner(store *store, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, STORE_SQL_OWNER,
                                 "SELECT generation FROM meta", &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  int step = sqlite3_step(statement);
  if (step == SQLITE_DONE) {
    code = mesh_fail(err, GRPC_STATUS_DATA_LOSS,
                     "store %s: the file is damaged: it does not say whose it is", store->path);
  } else if (step != SQLITE_ROW) {
    code = store_fail(store, store->writer.db, "cannot read who owns it", err);
  } else if (sqlite3_column_int64(statement, 0) != store->generation) {
    code = mesh_fail(err, GRPC_STATUS_ABORTED,
                     "store %s: a newer process owns the store (generation %lld, ours is %lld)",
                     store->path, (long long)sqlite3_column_int64(statement, 0),
                     (long long)store->generation);
    mesh_error_set_reason(err, STORE_TAKEN, "store.millrace");
  }
  store_release(statement);
  return code;
}

static mesh_code run_prepared(store *store, store_sql id, const char *sql, const char *doing,
                              mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, id, sql, &statement, err);
  return code == GRPC_STATUS_OK ? store_step(store, statement, doing, err) : code;
}

static void roll_back(store *store) {
  // Fails where SQLite has rolled back by itself (a full disk): that is what is wanted.
  sqlite3_exec(store->writer.db, "ROLLBACK", NULL, NULL, NULL);
}

static mesh_code begin(store *store, mesh_error *err) {
  mesh_code code =
      run_prepared(store, STORE_SQL_BEGIN, "BEGIN IMMEDIATE", "cannot begin a transaction", err);
  if (code != GRPC_STATUS_OK) return code;
  store_tell_free(&store->writer);
  code = check_files(store, err);
  if (code == GRPC_STATUS_OK) code = check_owner(store, err);
  if (code != GRPC_STATUS_OK) roll_back(store);
  return code;
}

static mesh_code commit(store *store, mesh_error *err) {
  return run_prepared(store, STORE_SQL_COMMIT, "COMMIT", "cannot commit", err);
}

// ---- generations ----

static mesh_code raise_number(store *store, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = begin(store, err);
  if (code != GRPC_STATUS_OK) return code;
  code = store_prepare(store, &store->writer, STORE_SQL_RAISE,
                       "UPDATE meta SET generation=generation+1", &statement, err);
  if (code == GRPC_STATUS_OK) code = store_step(store, statement, "cannot raise its number", err);
  if (code == GRPC_STATUS_OK) code = commit(store, err);
  if (code != GRPC_STATUS_OK) roll_back(store);
  return code;
}

// Synced, whatever the others are: the identity file must not know of a generation that a power
// loss takes away. Where a newer owner writes that file at the same time, an older number in it
// costs nothing but a loss that goes unnoticed.
void store_raise_generation(store *store) {
  mesh_error err;
  sqlite3_exec(store->writer.db, "PRAGMA synchronous=FULL", NULL, NULL, NULL);
  mesh_code code = raise_number(store, &err);
  if (!store->synchronous_full) {
    sqlite3_exec(store->writer.db, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL);
  }
  if (code == GRPC_STATUS_OK) {
    store->generation++;
    code = store_write_identity(store, false, &err);
  }
  if (code != GRPC_STATUS_OK) mesh_log(MESH_LOG_WARN, "store", "%s", err.message);
}

// With the lock for writing, so that no newer owner is declared gone.
void store_close_identity(store *store) {
  mesh_error err;
  if (begin(store, NULL) != GRPC_STATUS_OK) return;  // it is not ours any more
  roll_back(store);
  if (!store_empty_log(store) || begin(store, NULL) != GRPC_STATUS_OK) return;
  if (store_write_identity(store, true, &err) != GRPC_STATUS_OK) {
    mesh_log(MESH_LOG_WARN, "store", "%s", err.message);
  }
  roll_back(store);
}

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
  if (whole && commit(store, NULL) == GRPC_STATUS_OK) return true;
  roll_back(store);
  return false;
}

static void write_alone(store *store, store_write *write) {
  write->code = begin(store, &write->err);
  if (write->code != GRPC_STATUS_OK) return;
  write->code = write->run(store, write, &write->err);
  if (write->code == GRPC_STATUS_OK) write->code = commit(store, &write->err);
  if (write->code != GRPC_STATUS_OK) roll_back(store);
}

// One that fails costs nobody else: then each has a transaction of its own.
static void write_group(store *store, store_write *group) {
  mesh_error err;
  mesh_code code = GRPC_STATUS_OK;
  if (group->next != NULL) {
    code = begin(store, &err);
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
  mesh_code code = begin(store, NULL);
  if (code != GRPC_STATUS_OK) return code;
  code = work(store, NULL);
  if (code == GRPC_STATUS_OK) code = commit(store, NULL);
  if (code != GRPC_STATUS_OK) roll_back(store);
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
