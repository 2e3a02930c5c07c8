// Removing operations that have ended, one by name or many by age. To remove one is to hide it: a
// short write, however long its history. What it leaves goes piece by piece, between other writes.
#include "backend/store/sqlite/internal.h"

enum { HIDDEN_AT_ONCE = 50 };  // operations a transaction: other writes need not wait for all

// Its name and request id are free again, what is large is gone.
#define HIDE                                                                \
  "UPDATE operations SET state=-1, name='removed/' || id, request_id=NULL," \
  " ended_age_s=NULL, title='', labels='', outcome=NULL, checkpoint=NULL, request=NULL "

// ---- one ----

static mesh_code hide(store *store, int64_t id, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, STORE_SQL_REMOVE_OPERATION,
                                 HIDE "WHERE id=?", &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, id);
  code = store_step(store, statement, "cannot remove an operation", err);
  store_release(statement);
  return code;
}

static mesh_code run_remove(store *store, store_write *write, mesh_error *err) {
  store_located at;
  mesh_code code = store_locate(store, write->remove.name, &at, err);
  if (code != GRPC_STATUS_OK) return code;
  if (at.state < STORE_FIRST_ENDED_STATE) {
    return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                     "operation %s has not ended: only what has ended can be removed",
                     write->remove.name);
  }
  write->remove.events = at.last_sequence;
  store->removed_left = true;
  return hide(store, at.id, err);
}

void store_start_remove(store *store, const char *name, store_write *write) {
  write->run = run_remove;
  write->remove.name = name;
  store_submit(store, write);
}

mesh_code store_remove_operation(store *store, const char *name, int64_t *events, mesh_error *err) {
  store_write write = {.run = run_remove, .remove.name = name};
  mesh_code code = store_submit_and_wait(store, &write, err);
  if (code == GRPC_STATUS_OK && events != NULL) *events = write.remove.events;
  return code;
}

// ---- many ----

// A place in the order in which operations ended.
typedef struct end {
  int64_t age_s, id;
} end;

typedef struct pruning {
  store_write write;  // first: run() gets its address
  int64_t older_s, keep, removed;
} pruning;

// The last one that is too many to be kept; all before it are, too. None: as it was.
static mesh_code find_kept(store *store, int64_t keep, end *out, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, STORE_SQL_FIND_KEPT,
                                 "SELECT ended_age_s, id FROM operations"
                                 " WHERE ended_age_s IS NOT NULL"
                                 " ORDER BY ended_age_s DESC, id DESC LIMIT 1 OFFSET ?",
                                 &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, keep);
  int step = sqlite3_step(statement);
  if (step == SQLITE_ROW) {
    end last = {sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1)};
    if (last.age_s >= out->age_s) *out = last;
  } else if (step != SQLITE_DONE) {
    code = store_fail(store, store->writer.db, "cannot count operations", err);
  }
  store_release(statement);
  return code;
}

static mesh_code hide_until(store *store, end last, int64_t *removed, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, STORE_SQL_PRUNE_OPERATIONS,
                                 HIDE
                                 "WHERE id IN (SELECT id FROM operations"
                                 " WHERE ended_age_s IS NOT NULL AND ended_age_s<=?1"
                                 " AND (ended_age_s<?1 OR id<=?2)"
                                 " ORDER BY ended_age_s, id LIMIT ?3)",
                                 &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, last.age_s);
  sqlite3_bind_int64(statement, 2, last.id);
  sqlite3_bind_int(statement, 3, HIDDEN_AT_ONCE);
  code = store_step(store, statement, "cannot prune operations", err);
  *removed = sqlite3_changes64(store->writer.db);
  store_release(statement);
  return code;
}

static mesh_code run_prune(store *store, store_write *write, mesh_error *err) {
  pruning *own = (pruning *)write;
  end last = {-1, 0};
  mesh_code code = GRPC_STATUS_OK;
  if (own->older_s > 0) last = (end){store_age_now(store) - own->older_s - 1, INT64_MAX};
  if (own->keep > 0) code = find_kept(store, own->keep, &last, err);
  store->removed_left = true;
  return code == GRPC_STATUS_OK ? hide_until(store, last, &own->removed, err) : code;
}

mesh_code store_prune_operations(store *store, int64_t older_s, int64_t keep, int64_t *removed,
                                 bool *more, mesh_error *err) {
  pruning own = {.write.run = run_prune, .older_s = older_s, .keep = keep};
  mesh_code code = store_submit_and_wait(store, &own.write, err);
  *removed = code == GRPC_STATUS_OK ? own.removed : 0;
  *more = *removed == HIDDEN_AT_ONCE;
  return code;
}
