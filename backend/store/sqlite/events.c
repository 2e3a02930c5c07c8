// Events. A new one goes into `recent`, in the order of time, and from there, with thousands of
// others, into `events`, in the order of operations: a commit of 256 operations then writes the few
// pages at the end of one small table, not 256 pages all over a large one.
#include "backend/store/sqlite/internal.h"

enum {
  RECENT_MAX = 4096,             // events; more of them are moved at the next commit
  EVENTS_MAX_BYTES = 32 * 1024,  // that one reading passes on, unless one alone is larger
};

// ---- write ----

mesh_code store_insert_event(store *store, int64_t id, int64_t sequence, mesh_view event,
                             mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, STORE_SQL_INSERT_EVENT,
                                 "INSERT INTO recent(operation, sequence, event) VALUES(?,?,?)",
                                 &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, id);
  sqlite3_bind_int64(statement, 2, sequence);
  sqlite3_bind_blob64(statement, 3, event.data, event.size_bytes, SQLITE_STATIC);
  code = store_step(store, statement, "cannot append an event", err);
  store_release(statement);
  store->recent++;
  return code;
}

bool store_has_many_recent(const store *store) {
  return store->recent >= RECENT_MAX;
}

mesh_code store_move_recent(store *store, mesh_error *err) {
  store->recent = 0;  // where it fails, the next thousands try again
  return store_execute(store, store->writer.db,
                       "INSERT INTO events SELECT operation, sequence, event FROM recent"
                       " ORDER BY operation, sequence;"
                       "DELETE FROM recent;",
                       "cannot move the recent events", err);
}

// ---- read ----

static mesh_code read_event_rows(store *store, int64_t id, int64_t after_sequence, int limit,
                                 void (*each)(void *arg, int64_t sequence, mesh_view event),
                                 void *arg, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(
      store, &store->reader, STORE_SQL_READ_EVENTS,
      "SELECT sequence, event FROM events WHERE operation=?1 AND sequence>?2"
      " UNION ALL SELECT sequence, event FROM recent WHERE operation=?1 AND sequence>?2"
      " ORDER BY sequence LIMIT ?3",
      &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, id);
  sqlite3_bind_int64(statement, 2, after_sequence);
  sqlite3_bind_int(statement, 3, limit);
  size_t total_bytes = 0;
  int step;
  while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
    mesh_view event = store_view_column(statement, 1);
    if (total_bytes > 0 && total_bytes + event.size_bytes > EVENTS_MAX_BYTES) break;
    total_bytes += event.size_bytes;
    each(arg, sqlite3_column_int64(statement, 0), event);
  }
  if (step != SQLITE_DONE && step != SQLITE_ROW) {
    code = store_fail(store, store->reader.db, "cannot read events", err);
  }
  store_release(statement);
  return code;
}

mesh_code store_read_events(store *store, const char *name, int64_t after_sequence, int limit,
                            void (*each)(void *arg, int64_t sequence, mesh_view event), void *arg,
                            mesh_error *err) {
  int64_t id = 0;
  pthread_mutex_lock(&store->read_lock);
  mesh_code code = store_find_number(store, STORE_SQL_FIND_ID,
                                     "SELECT id FROM operations WHERE name=?", name, &id, err);
  if (code == GRPC_STATUS_OK) {
    code = read_event_rows(store, id, after_sequence, limit, each, arg, err);
  }
  pthread_mutex_unlock(&store->read_lock);
  return code;
}
