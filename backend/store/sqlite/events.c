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

// What one reading passes on.
typedef struct reading {
  const char *name;
  int64_t id, next, last;  // the number that must come next; the last that there must be
  int left;                // events that may be passed on still
  size_t size_bytes;
  void (*each)(void *arg, int64_t sequence, mesh_view event);
  void *arg;
} reading;

static mesh_code find_last(store *store, reading *own, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(
      store, &store->reader, STORE_SQL_FIND_ID,
      "SELECT id, last_sequence FROM operations WHERE name=? AND state>=0", &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  store_bind_text(statement, 1, own->name);
  int step = sqlite3_step(statement);
  if (step == SQLITE_ROW) {
    own->id = sqlite3_column_int64(statement, 0);
    own->last = sqlite3_column_int64(statement, 1);
  } else if (step == SQLITE_DONE) {
    code = mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no operation '%s'", own->name);
  } else {
    code = store_fail(store, store->reader.db, "cannot find an operation", err);
  }
  store_release(statement);
  return code;
}

// The journal is dense from 1, or damaged.
static mesh_code refuse_gap(const store *store, const reading *own, int64_t found,
                            mesh_error *err) {
  if (found == 0) {
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS,
                     "store %s: operation %s has %lld events, but event %lld and all after it are "
                     "missing",
                     store->path, own->name, (long long)own->last, (long long)own->next);
  }
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS,
                   "store %s: operation %s: event %lld is missing, event %lld is next: what "
                   "follows can be read after event %lld",
                   store->path, own->name, (long long)own->next, (long long)found,
                   (long long)found - 1);
}

// Passes rows on until there are enough of them: *ended says that there are no more.
static mesh_code pass_events(store *store, sqlite3_stmt *statement, reading *own, bool *ended,
                             mesh_error *err) {
  int step;
  while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
    int64_t sequence = sqlite3_column_int64(statement, 0);
    mesh_view event = store_view_column(statement, 1);
    bool full = own->size_bytes > 0 && own->size_bytes + event.size_bytes > EVENTS_MAX_BYTES;
    if (own->left == 0 || full) return GRPC_STATUS_OK;
    if (sequence != own->next) return refuse_gap(store, own, sequence, err);
    own->size_bytes += event.size_bytes;
    own->next++;
    own->left--;
    own->each(own->arg, sequence, event);
  }
  *ended = step == SQLITE_DONE;
  return *ended ? GRPC_STATUS_OK : store_fail(store, store->reader.db, "cannot read events", err);
}

static mesh_code read_event_rows(store *store, reading *own, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(
      store, &store->reader, STORE_SQL_READ_EVENTS,
      "SELECT sequence, event FROM events WHERE operation=?1 AND sequence>=?2"
      " UNION ALL SELECT sequence, event FROM recent WHERE operation=?1 AND sequence>=?2"
      " ORDER BY sequence LIMIT ?3",
      &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  int limit = own->left;
  bool ended = false;
  sqlite3_bind_int64(statement, 1, own->id);
  sqlite3_bind_int64(statement, 2, own->next);
  sqlite3_bind_int(statement, 3, limit);
  code = pass_events(store, statement, own, &ended, err);
  store_release(statement);
  if (code != GRPC_STATUS_OK || !ended || own->left == 0) return code;
  return own->next <= own->last ? refuse_gap(store, own, 0, err) : GRPC_STATUS_OK;
}

mesh_code store_read_events(store *store, const char *name, int64_t after_sequence, int limit,
                            void (*each)(void *arg, int64_t sequence, mesh_view event), void *arg,
                            mesh_error *err) {
  int64_t after = after_sequence < 0 ? 0 : after_sequence;
  reading own = {.name = name, .left = limit, .each = each, .arg = arg};
  own.next = after == INT64_MAX ? after : after + 1;
  pthread_mutex_lock(&store->read_lock);
  mesh_code code = store_begin_read(store, err);
  if (code == GRPC_STATUS_OK) {
    code = find_last(store, &own, err);
    if (code == GRPC_STATUS_OK) code = read_event_rows(store, &own, err);
    store_end_read(store);
  }
  pthread_mutex_unlock(&store->read_lock);
  return code;
}
