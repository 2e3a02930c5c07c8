// Removing operations that have ended, one by name or many by age.
#include "backend/store/sqlite/internal.h"

enum { PRUNED_AT_ONCE = 200 };  // operations a transaction: other writes need not wait for all

// ---- one ----

// Runs a statement with one parameter; *changed (may be NULL) says how many rows it changed.
static mesh_code run_with(store *store, store_sql sql_id, const char *sql, int64_t value,
                          int64_t *changed, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, sql_id, sql, &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, value);
  code = store_step(store, statement, "cannot remove an operation", err);
  if (changed != NULL) *changed = sqlite3_changes64(store->writer.db);
  store_release(statement);
  return code;
}

typedef struct removal {
  store_write write;  // first: run() gets its address
  const char *name;
  int64_t events;
} removal;

static mesh_code run_remove(store *store, store_write *write, mesh_error *err) {
  removal *own = (removal *)write;
  store_located at;
  mesh_code code = store_locate(store, own->name, &at, err);
  if (code != GRPC_STATUS_OK) return code;
  if (at.state < STORE_FIRST_ENDED_STATE) {
    return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                     "operation %s has not ended: only what has ended can be removed", own->name);
  }
  int64_t moved = 0, recent = 0;
  code = run_with(store, STORE_SQL_DELETE_EVENTS, "DELETE FROM events WHERE operation=?", at.id,
                  &moved, err);
  if (code == GRPC_STATUS_OK) {
    code = run_with(store, STORE_SQL_DELETE_RECENT, "DELETE FROM recent WHERE operation=?", at.id,
                    &recent, err);
  }
  own->events = moved + recent;
  if (code != GRPC_STATUS_OK) return code;
  return run_with(store, STORE_SQL_DELETE_OPERATION, "DELETE FROM operations WHERE id=?", at.id,
                  NULL, err);
}

mesh_code store_remove_operation(store *store, const char *name, int64_t *events, mesh_error *err) {
  removal own = {.write.run = run_remove, .name = name};
  mesh_code code = store_submit_and_wait(store, &own.write, err);
  if (code == GRPC_STATUS_OK && events != NULL) *events = own.events;
  return code;
}

// ---- many ----

// The next operations to go: ?1 is before_ns, ?2 keep, ?3 how many. Both statements of a
// transaction choose the same ones.
#define ENDED "state IN (3, 4, 5)"  // OperationState: SUCCEEDED, FAILED, CANCELLED
#define CHOSEN                                                     \
  "(SELECT id FROM operations WHERE " ENDED                        \
  " AND (updated_ns<?1 OR (?2>0 AND id NOT IN"                     \
  " (SELECT id FROM operations WHERE " ENDED                       \
  " AND updated_ns>=?1 ORDER BY created_ns DESC, name LIMIT ?2)))" \
  " ORDER BY id LIMIT ?3)"

typedef struct pruning {
  store_write write;  // first: run() gets its address
  int64_t before_ns, keep, removed;
} pruning;

static mesh_code run_chosen(store *store, const pruning *own, store_sql id, const char *sql,
                            mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, id, sql, &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  // No bound is one that nothing is older than.
  sqlite3_bind_int64(statement, 1, own->before_ns > 0 ? own->before_ns : INT64_MIN);
  sqlite3_bind_int64(statement, 2, own->keep);
  sqlite3_bind_int(statement, 3, PRUNED_AT_ONCE);
  code = store_step(store, statement, "cannot prune operations", err);
  store_release(statement);
  return code;
}

static mesh_code run_prune(store *store, store_write *write, mesh_error *err) {
  pruning *own = (pruning *)write;
  mesh_code code = run_chosen(store, own, STORE_SQL_PRUNE_EVENTS,
                              "DELETE FROM events WHERE operation IN " CHOSEN, err);
  if (code == GRPC_STATUS_OK) {
    code = run_chosen(store, own, STORE_SQL_PRUNE_RECENT,
                      "DELETE FROM recent WHERE operation IN " CHOSEN, err);
  }
  if (code != GRPC_STATUS_OK) return code;
  code = run_chosen(store, own, STORE_SQL_PRUNE_OPERATIONS,
                    "DELETE FROM operations WHERE id IN " CHOSEN, err);
  own->removed = sqlite3_changes64(store->writer.db);
  return code;
}

mesh_code store_prune_operations(store *store, int64_t before_ns, int64_t keep, int64_t *removed,
                                 mesh_error *err) {
  int64_t total = 0;
  mesh_code code;
  pruning own;
  do {
    own = (pruning){.write.run = run_prune, .before_ns = before_ns, .keep = keep};
    code = store_submit_and_wait(store, &own.write, err);
    if (code == GRPC_STATUS_OK) total += own.removed;
  } while (code == GRPC_STATUS_OK && own.removed == PRUNED_AT_ONCE);
  if (removed != NULL) *removed = total;
  return code;
}
