// Operations and their events.
#include <string.h>

#include "backend/store/sqlite_internal.h"

#define COLUMNS                                                                                 \
  "name, kind, title, ifnull(request_id, ''), work_key, state, detached, epoch, last_sequence," \
  " created_ns, updated_ns, outcome"

static void bind_view(sqlite3_stmt *statement, int index, mesh_view view) {
  if (view.size_bytes == 0) {
    sqlite3_bind_null(statement, index);
  } else {
    sqlite3_bind_blob64(statement, index, view.data, view.size_bytes, SQLITE_STATIC);
  }
}

static mesh_view view_column(sqlite3_stmt *statement, int column) {
  const void *data = sqlite3_column_blob(statement, column);
  return (mesh_view){data, (size_t)sqlite3_column_bytes(statement, column)};
}

static const char *text_column(sqlite3_stmt *statement, int column) {
  return (const char *)sqlite3_column_text(statement, column);
}

// ---- write ----

static mesh_code insert_event(store *store, const char *operation, int64_t sequence,
                              mesh_view event, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, store->writer.db,
                                 "INSERT INTO events(operation, sequence, event) VALUES(?,?,?)",
                                 &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_text(statement, 1, operation, -1, SQLITE_STATIC);
  sqlite3_bind_int64(statement, 2, sequence);
  sqlite3_bind_blob64(statement, 3, event.data, event.size_bytes, SQLITE_STATIC);
  code = store_step(store, statement, "cannot append an event", err);
  sqlite3_finalize(statement);
  return code;
}

static mesh_code insert_operation(store *store, const store_operation *operation, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(
      store, store->writer.db,
      "INSERT INTO operations(name, kind, title, request_id, work_key, state, detached, epoch,"
      " last_sequence, created_ns, updated_ns, outcome) VALUES(?,?,?,nullif(?,''),?,?,?,?,?,?,?,?)",
      &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_text(statement, 1, operation->name, -1, SQLITE_STATIC);
  sqlite3_bind_text(statement, 2, operation->kind, -1, SQLITE_STATIC);
  sqlite3_bind_text(statement, 3, operation->title, -1, SQLITE_STATIC);
  sqlite3_bind_text(statement, 4, operation->request_id, -1, SQLITE_STATIC);
  sqlite3_bind_text(statement, 5, operation->work_key, -1, SQLITE_STATIC);
  sqlite3_bind_int(statement, 6, operation->state);
  sqlite3_bind_int(statement, 7, operation->detached);
  sqlite3_bind_int64(statement, 8, operation->epoch);
  sqlite3_bind_int64(statement, 9, operation->last_sequence);
  sqlite3_bind_int64(statement, 10, operation->created_ns);
  sqlite3_bind_int64(statement, 11, operation->updated_ns);
  bind_view(statement, 12, operation->outcome);
  if (sqlite3_step(statement) != SQLITE_DONE) {
    bool taken = sqlite3_errcode(store->writer.db) == SQLITE_CONSTRAINT;
    code = taken ? mesh_fail(err, GRPC_STATUS_ALREADY_EXISTS,
                             "operation %s or its request id '%s' is there already",
                             operation->name, operation->request_id)
                 : store_fail(store, store->writer.db, "cannot add an operation", err);
  }
  sqlite3_finalize(statement);
  return code;
}

mesh_code store_create_operation(store *store, const store_operation *operation, mesh_view event,
                                 mesh_error *err) {
  mesh_code code = store_begin(store, err);
  if (code != GRPC_STATUS_OK) return code;
  code = insert_operation(store, operation, err);
  if (code == GRPC_STATUS_OK) {
    code = insert_event(store, operation->name, operation->last_sequence, event, err);
  }
  return store_end(store, code, err);
}

// Why an update of an operation met no row.
static mesh_code refuse_event(store *store, const store_event *event, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code =
      store_prepare(store, store->writer.db,
                    "SELECT last_sequence, epoch FROM operations WHERE name=?", &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_text(statement, 1, event->operation, -1, SQLITE_STATIC);
  if (sqlite3_step(statement) == SQLITE_ROW) {
    code = mesh_fail(err, GRPC_STATUS_ABORTED,
                     "operation %s is at event %lld of epoch %lld: event %lld of epoch %lld is "
                     "refused",
                     event->operation, (long long)sqlite3_column_int64(statement, 0),
                     (long long)sqlite3_column_int64(statement, 1), (long long)event->sequence,
                     (long long)event->epoch);
  } else {
    code = mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no operation '%s'", event->operation);
  }
  sqlite3_finalize(statement);
  return code;
}

static mesh_code update_operation(store *store, const store_event *event, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(
      store, store->writer.db,
      "UPDATE operations SET state=?1, detached=?2, epoch=?3, last_sequence=?4, updated_ns=?5,"
      " outcome=ifnull(?6, outcome) WHERE name=?7 AND last_sequence=?4-1 AND epoch<=?3",
      &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int(statement, 1, event->state);
  sqlite3_bind_int(statement, 2, event->detached);
  sqlite3_bind_int64(statement, 3, event->epoch);
  sqlite3_bind_int64(statement, 4, event->sequence);
  sqlite3_bind_int64(statement, 5, event->updated_ns);
  bind_view(statement, 6, event->outcome);
  sqlite3_bind_text(statement, 7, event->operation, -1, SQLITE_STATIC);
  code = store_step(store, statement, "cannot update an operation", err);
  sqlite3_finalize(statement);
  if (code == GRPC_STATUS_OK && sqlite3_changes(store->writer.db) != 1) {
    code = refuse_event(store, event, err);
  }
  return code;
}

mesh_code store_write_event(store *store, const store_event *event, mesh_error *err) {
  mesh_code code = update_operation(store, event, err);
  if (code != GRPC_STATUS_OK) return code;
  return insert_event(store, event->operation, event->sequence, event->event, err);
}

mesh_code store_append_event(store *store, const store_event *event, mesh_error *err) {
  mesh_code code = store_begin(store, err);
  if (code != GRPC_STATUS_OK) return code;
  return store_end(store, store_write_event(store, event, err), err);
}

// ---- read ----

static void pass_operation(sqlite3_stmt *statement,
                           void (*each)(void *arg, const store_operation *operation), void *arg) {
  store_operation operation = {
      .name = text_column(statement, 0),
      .kind = text_column(statement, 1),
      .title = text_column(statement, 2),
      .request_id = text_column(statement, 3),
      .work_key = text_column(statement, 4),
      .state = sqlite3_column_int(statement, 5),
      .detached = sqlite3_column_int(statement, 6) != 0,
      .epoch = sqlite3_column_int64(statement, 7),
      .last_sequence = sqlite3_column_int64(statement, 8),
      .created_ns = sqlite3_column_int64(statement, 9),
      .updated_ns = sqlite3_column_int64(statement, 10),
      .outcome = view_column(statement, 11),
  };
  each(arg, &operation);
}

mesh_code store_find_operation(store *store, const char *name, const char *request_id,
                               void (*each)(void *arg, const store_operation *operation), void *arg,
                               mesh_error *err) {
  sqlite3_stmt *statement;
  sqlite3 *db = store->reader.db;
  const char *sql = name != NULL ? "SELECT " COLUMNS " FROM operations WHERE name=?"
                                 : "SELECT " COLUMNS " FROM operations WHERE request_id=?";
  const char *key = name != NULL ? name : request_id;
  pthread_mutex_lock(&store->reader.lock);
  mesh_code code = store_prepare(store, db, sql, &statement, err);
  if (code == GRPC_STATUS_OK) {
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    int step = sqlite3_step(statement);
    if (step == SQLITE_ROW) {
      pass_operation(statement, each, arg);
    } else if (step == SQLITE_DONE) {
      code = mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no operation '%s'", key);
    } else {
      code = store_fail(store, db, "cannot find an operation", err);
    }
    sqlite3_finalize(statement);
  }
  pthread_mutex_unlock(&store->reader.lock);
  return code;
}

mesh_code store_list_operations(store *store, const char *kind, int32_t state, int limit,
                                void (*each)(void *arg, const store_operation *operation),
                                void *arg, mesh_error *err) {
  sqlite3_stmt *statement;
  sqlite3 *db = store->reader.db;
  pthread_mutex_lock(&store->reader.lock);
  mesh_code code = store_prepare(store, db,
                                 "SELECT " COLUMNS
                                 " FROM operations WHERE (?1='' OR kind=?1) AND (?2=0 OR state=?2)"
                                 " ORDER BY created_ns DESC, name LIMIT ?3",
                                 &statement, err);
  if (code == GRPC_STATUS_OK) {
    sqlite3_bind_text(statement, 1, kind, -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 2, state);
    sqlite3_bind_int(statement, 3, limit);
    int step;
    while ((step = sqlite3_step(statement)) == SQLITE_ROW)
      pass_operation(statement, each, arg);
    if (step != SQLITE_DONE) code = store_fail(store, db, "cannot list operations", err);
    sqlite3_finalize(statement);
  }
  pthread_mutex_unlock(&store->reader.lock);
  return code;
}

static void ignore_operation(void *arg, const store_operation *operation) {
  (void)arg, (void)operation;
}

static mesh_code read_event_rows(store *store, const char *name, int64_t after_sequence, int limit,
                                 void (*each)(void *arg, int64_t sequence, mesh_view event),
                                 void *arg, mesh_error *err) {
  sqlite3_stmt *statement;
  sqlite3 *db = store->reader.db;
  mesh_code code = store_prepare(store, db,
                                 "SELECT sequence, event FROM events WHERE operation=? AND"
                                 " sequence>? ORDER BY sequence LIMIT ?",
                                 &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
  sqlite3_bind_int64(statement, 2, after_sequence);
  sqlite3_bind_int(statement, 3, limit);
  int step;
  while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
    each(arg, sqlite3_column_int64(statement, 0), view_column(statement, 1));
  }
  if (step != SQLITE_DONE) code = store_fail(store, db, "cannot read events", err);
  sqlite3_finalize(statement);
  return code;
}

mesh_code store_read_events(store *store, const char *name, int64_t after_sequence, int limit,
                            void (*each)(void *arg, int64_t sequence, mesh_view event), void *arg,
                            mesh_error *err) {
  mesh_code code = store_find_operation(store, name, NULL, ignore_operation, NULL, err);
  if (code != GRPC_STATUS_OK) return code;
  pthread_mutex_lock(&store->reader.lock);
  code = read_event_rows(store, name, after_sequence, limit, each, arg, err);
  pthread_mutex_unlock(&store->reader.lock);
  return code;
}
