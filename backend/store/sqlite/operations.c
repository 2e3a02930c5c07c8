// Writing operations and their events.
#include "backend/store/sqlite/internal.h"

mesh_code store_locate(store *store, const char *name, store_located *out, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(
      store, &store->writer, STORE_SQL_LOCATE_OPERATION,
      "SELECT id, last_sequence, epoch, state FROM operations WHERE name=? AND state>=0",
      &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  store_bind_text(statement, 1, name);
  int step = sqlite3_step(statement);
  if (step == SQLITE_ROW) {
    *out = (store_located){.id = sqlite3_column_int64(statement, 0),
                           .last_sequence = sqlite3_column_int64(statement, 1),
                           .epoch = sqlite3_column_int64(statement, 2),
                           .state = sqlite3_column_int(statement, 3)};
  } else if (step == SQLITE_DONE) {
    code = mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no operation '%s'", name);
  } else {
    code = store_fail(store, store->writer.db, "cannot find an operation", err);
  }
  store_release(statement);
  return code;
}

// ---- create ----

static void bind_operation(sqlite3_stmt *statement, const store_operation *operation) {
  store_bind_text(statement, 1, operation->name);
  sqlite3_bind_int(statement, 2, operation->state);
  sqlite3_bind_int(statement, 3, operation->detached);
  sqlite3_bind_int64(statement, 4, operation->epoch);
  sqlite3_bind_int64(statement, 5, operation->last_sequence);
  sqlite3_bind_int64(statement, 6, operation->source_epoch);
  sqlite3_bind_int64(statement, 7, operation->source_sequence);
  sqlite3_bind_int64(statement, 8, operation->created_ns);
  sqlite3_bind_int64(statement, 9, operation->updated_ns);
  store_bind_text(statement, 10, operation->kind);
  store_bind_text(statement, 11, operation->title);
  store_bind_text(statement, 12, operation->request_id);
  store_bind_text(statement, 13, operation->work_key);
  store_bind_text(statement, 14, operation->labels);
  store_bind_text(statement, 15, operation->requested_by);
  store_bind_view(statement, 16, operation->outcome);
  store_bind_view(statement, 17, operation->checkpoint);
  store_bind_view(statement, 18, operation->request);
}

static mesh_code insert_operation(store *store, const store_operation *operation, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(
      store, &store->writer, STORE_SQL_INSERT_OPERATION,
      "INSERT INTO operations(name, state, detached, epoch, last_sequence, source_epoch,"
      " source_sequence, created_ns, updated_ns, kind, title, request_id, work_key, labels,"
      " requested_by, outcome, checkpoint, request)"
      " VALUES(?,?,?,?,?,?,?,?,?,?,?,nullif(?,''),?,?,?,?,?,?)",
      &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  bind_operation(statement, operation);
  if (sqlite3_step(statement) != SQLITE_DONE) {
    bool taken = (sqlite3_errcode(store->writer.db) & 0xff) == SQLITE_CONSTRAINT;
    const char *request_id = operation->request_id != NULL ? operation->request_id : "";
    code = taken ? mesh_fail(err, GRPC_STATUS_ALREADY_EXISTS,
                             "operation %s or its request id '%s' is there already",
                             operation->name, request_id)
                 : store_fail(store, store->writer.db, "cannot add an operation", err);
  }
  store_release(statement);
  return code;
}

static mesh_code run_create(store *store, store_write *write, mesh_error *err) {
  const store_operation *operation = write->create.operation;
  mesh_code code = insert_operation(store, operation, err);
  if (code != GRPC_STATUS_OK) return code;
  int64_t id = sqlite3_last_insert_rowid(store->writer.db);
  return store_insert_event(store, id, operation->last_sequence, write->create.event, err);
}

static void fill_create(store_write *write, const store_operation *operation, mesh_view event) {
  write->run = run_create;
  write->create.operation = operation;
  write->create.event = event;
}

void store_start_create(store *store, const store_operation *operation, mesh_view event,
                        store_write *write) {
  fill_create(write, operation, event);
  store_submit(store, write);
}

mesh_code store_create_operation(store *store, const store_operation *operation, mesh_view event,
                                 mesh_error *err) {
  store_write write;
  fill_create(&write, operation, event);
  return store_submit_and_wait(store, &write, err);
}

// ---- append ----

static mesh_code check_event(const store_event *event, const store_located *at, mesh_error *err) {
  if (event->sequence == at->last_sequence + 1 && event->epoch >= at->epoch) return GRPC_STATUS_OK;
  return mesh_fail(
      err, GRPC_STATUS_ABORTED,
      "operation %s is at event %lld of epoch %lld: event %lld of epoch %lld is refused",
      event->operation, (long long)at->last_sequence, (long long)at->epoch,
      (long long)event->sequence, (long long)event->epoch);
}

// All but the state, which is in an index.
static mesh_code update_operation(store *store, int64_t id, const store_event *event,
                                  mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(
      store, &store->writer, STORE_SQL_UPDATE_OPERATION,
      "UPDATE operations SET detached=?1, epoch=?2, last_sequence=?3, source_epoch=?4,"
      " source_sequence=?5, updated_ns=?6, requested_by=?7, outcome=ifnull(?8, outcome),"
      " checkpoint=ifnull(?9, checkpoint) WHERE id=?10",
      &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int(statement, 1, event->detached);
  sqlite3_bind_int64(statement, 2, event->epoch);
  sqlite3_bind_int64(statement, 3, event->sequence);
  sqlite3_bind_int64(statement, 4, event->source_epoch);
  sqlite3_bind_int64(statement, 5, event->source_sequence);
  sqlite3_bind_int64(statement, 6, event->updated_ns);
  store_bind_text(statement, 7, event->requested_by);
  store_bind_view(statement, 8, event->outcome);
  store_bind_view(statement, 9, event->checkpoint);
  sqlite3_bind_int64(statement, 10, id);
  code = store_step(store, statement, "cannot update an operation", err);
  store_release(statement);
  return code;
}

// What is not bound is NULL: an operation that runs has no end.
static mesh_code enter_state(store *store, int64_t id, int32_t state, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code =
      store_prepare(store, &store->writer, STORE_SQL_ENTER_STATE,
                    "UPDATE operations SET state=?, ended_age_s=? WHERE id=?", &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int(statement, 1, state);
  bool ended = state >= STORE_FIRST_ENDED_STATE;
  if (ended) sqlite3_bind_int64(statement, 2, store_age_now(store));
  sqlite3_bind_int64(statement, 3, id);
  code = store_step(store, statement, "cannot change an operation's state", err);
  store_release(statement);
  return code;
}

mesh_code store_write_event(store *store, const store_event *event, mesh_error *err) {
  store_located at;
  mesh_code code = store_locate(store, event->operation, &at, err);
  if (code == GRPC_STATUS_OK) code = check_event(event, &at, err);
  if (code == GRPC_STATUS_OK) code = update_operation(store, at.id, event, err);
  if (code == GRPC_STATUS_OK && event->state != at.state) {
    code = enter_state(store, at.id, event->state, err);
  }
  if (code != GRPC_STATUS_OK) return code;
  return store_insert_event(store, at.id, event->sequence, event->event, err);
}

static mesh_code run_append(store *store, store_write *write, mesh_error *err) {
  return store_write_event(store, write->append, err);
}

void store_start_append(store *store, const store_event *event, store_write *write) {
  write->run = run_append;
  write->append = event;
  store_submit(store, write);
}

mesh_code store_append_event(store *store, const store_event *event, mesh_error *err) {
  store_write write = {.run = run_append, .append = event};
  return store_submit_and_wait(store, &write, err);
}

// ---- check ----

static mesh_code run_nothing(store *store, store_write *write, mesh_error *err) {
  (void)store, (void)write, (void)err;
  return GRPC_STATUS_OK;
}

void store_start_check(store *store, store_write *write) {
  write->run = run_nothing;
  store_submit(store, write);
}
