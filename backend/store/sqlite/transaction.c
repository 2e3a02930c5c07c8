// A transaction on the writer's connection: whether the store is still ours at its begin, and the
// one that starts a new generation.
#include "backend/store/sqlite/internal.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/loop.h"
#include "mesh/runtime/time.h"

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

void store_roll_back(store *store) {
  // Fails where SQLite has rolled back by itself (a full disk): that is what is wanted.
  sqlite3_exec(store->writer.db, "ROLLBACK", NULL, NULL, NULL);
}

mesh_code store_begin(store *store, mesh_error *err) {
  mesh_code code =
      run_prepared(store, STORE_SQL_BEGIN, "BEGIN IMMEDIATE", "cannot begin a transaction", err);
  if (code != GRPC_STATUS_OK) return code;
  store_tell_free(&store->writer);
  code = check_files(store, err);
  if (code == GRPC_STATUS_OK) code = check_owner(store, err);
  if (code != GRPC_STATUS_OK) store_roll_back(store);
  return code;
}

mesh_code store_commit(store *store, mesh_error *err) {
  return run_prepared(store, STORE_SQL_COMMIT, "COMMIT", "cannot commit", err);
}

// ---- generations ----

static mesh_code raise_number(store *store, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_begin(store, err);
  if (code != GRPC_STATUS_OK) return code;
  code = store_prepare(store, &store->writer, STORE_SQL_RAISE,
                       "UPDATE meta SET generation=generation+1", &statement, err);
  if (code == GRPC_STATUS_OK) code = store_step(store, statement, "cannot raise its number", err);
  if (code == GRPC_STATUS_OK) code = store_commit(store, err);
  if (code != GRPC_STATUS_OK) store_roll_back(store);
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
