// The writer thread: takes all the writes that wait into one transaction, so that they share what a
// commit costs, and tells each once that is durable.
#include <stdlib.h>

#include "backend/store/sqlite/internal.h"

// ---- a transaction ----

// Another process may have opened the store since: it owns it then.
static mesh_code check_owner(store *store, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, STORE_SQL_OWNER,
                                 "SELECT generation FROM meta", &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  if (sqlite3_step(statement) != SQLITE_ROW) {
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
  code = check_owner(store, err);
  if (code != GRPC_STATUS_OK) roll_back(store);
  return code;
}

static mesh_code commit(store *store, mesh_error *err) {
  return run_prepared(store, STORE_SQL_COMMIT, "COMMIT", "cannot commit", err);
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

// Between two groups, so that nobody waits for it who was written before. What fails here fails
// again for the next write, which tells.
static void tidy(store *store) {
  if (!store_has_many_recent(store) || begin(store, NULL) != GRPC_STATUS_OK) return;
  mesh_code code = store_move_recent(store, NULL);
  if (code == GRPC_STATUS_OK) code = commit(store, NULL);
  if (code != GRPC_STATUS_OK) roll_back(store);
}

// ---- the thread ----

// Takes all that waits; NULL when the store closes and nothing is left.
static store_write *take_group(store *store) {
  pthread_mutex_lock(&store->queue_lock);
  while (store->first == NULL && !store->stopping)
    pthread_cond_wait(&store->queue_changed, &store->queue_lock);
  store_write *group = store->first;
  store->first = NULL;
  store->last = &store->first;
  pthread_mutex_unlock(&store->queue_lock);
  return group;
}

static void *writer_thread(void *arg) {
  store *store = arg;
  for (store_write *group; (group = take_group(store)) != NULL;) {
    write_group(store, group);
    tell(group);
    tidy(store);
  }
  return NULL;
}

void store_writer_start(store *store) {
  pthread_mutex_init(&store->queue_lock, NULL);
  pthread_cond_init(&store->queue_changed, NULL);
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
