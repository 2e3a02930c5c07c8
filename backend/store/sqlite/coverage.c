// The coverage ledger: what is known about each interval of a series. Intervals of a series never
// overlap.
#include <string.h>

#include "backend/store/sqlite/internal.h"

enum { REASON_MAX = 256 };

typedef struct known {
  int64_t from_s, to_s;
  store_coverage_state state;
  char reason[REASON_MAX];
  int64_t asked_s, again_s;
  int tries;
} known;

// Copies a reason, cut between two characters of UTF-8.
static void copy_reason(char out[REASON_MAX], const char *reason) {
  if (reason == NULL) reason = "";
  size_t size = strnlen(reason, REASON_MAX - 1);
  while (size > 0 && ((unsigned char)reason[size] & 0xc0) == 0x80)
    size--;
  memcpy(out, reason, size);
  out[size] = '\0';
}

static mesh_code insert_one(store *store, int64_t series, const known *one, mesh_error *err) {
  if (one->from_s >= one->to_s) return GRPC_STATUS_OK;
  sqlite3_stmt *statement;
  mesh_code code =
      store_prepare(store, &store->writer, STORE_SQL_INSERT_COVERAGE,
                    "INSERT INTO coverage(series, from_s, to_s, state, reason, asked_s, again_s,"
                    " tries) VALUES(?,?,?,?,?,?,?,?)",
                    &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, series);
  sqlite3_bind_int64(statement, 2, one->from_s);
  sqlite3_bind_int64(statement, 3, one->to_s);
  sqlite3_bind_int(statement, 4, (int)one->state);
  sqlite3_bind_text(statement, 5, one->reason, -1, SQLITE_STATIC);
  sqlite3_bind_int64(statement, 6, one->asked_s);
  sqlite3_bind_int64(statement, 7, one->again_s);
  sqlite3_bind_int(statement, 8, one->tries);
  code = store_step(store, statement, "cannot write coverage", err);
  store_release(statement);
  return code;
}

static mesh_code delete_one(store *store, int64_t series, int64_t from_s, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code =
      store_prepare(store, &store->writer, STORE_SQL_DELETE_COVERAGE,
                    "DELETE FROM coverage WHERE series=? AND from_s=?", &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, series);
  sqlite3_bind_int64(statement, 2, from_s);
  code = store_step(store, statement, "cannot replace coverage", err);
  store_release(statement);
  return code;
}

// Finds one interval that overlaps or touches [from, to) and has not been dealt with: its end is
// after `after_s`.
static mesh_code find_touching(store *store, int64_t series, const known *added, int64_t after_s,
                               known *out, bool *found, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, STORE_SQL_TOUCHING_COVERAGE,
                                 "SELECT from_s, to_s, state, reason, asked_s, again_s, tries"
                                 " FROM coverage WHERE series=? AND from_s<=? AND to_s>=?"
                                 " AND from_s>? ORDER BY from_s LIMIT 1",
                                 &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, series);
  sqlite3_bind_int64(statement, 2, added->to_s);
  sqlite3_bind_int64(statement, 3, added->from_s);
  sqlite3_bind_int64(statement, 4, after_s);
  int step = sqlite3_step(statement);
  *found = step == SQLITE_ROW;
  if (*found) {
    out->from_s = sqlite3_column_int64(statement, 0);
    out->to_s = sqlite3_column_int64(statement, 1);
    out->state = (store_coverage_state)sqlite3_column_int(statement, 2);
    copy_reason(out->reason, store_text_column(statement, 3));
    out->asked_s = sqlite3_column_int64(statement, 4);
    out->again_s = sqlite3_column_int64(statement, 5);
    out->tries = sqlite3_column_int(statement, 6);
  } else if (step != SQLITE_DONE) {
    code = store_fail(store, store->writer.db, "cannot read coverage", err);
  }
  store_release(statement);
  return code;
}

static bool say_the_same(const known *a, const known *b) {
  return a->state == b->state && a->asked_s == b->asked_s && a->again_s == b->again_s &&
         a->tries == b->tries && strcmp(a->reason, b->reason) == 0;
}

// Takes `old` apart for `added`: an equal neighbour is swallowed (added grows), another keeps what
// sticks out.
static mesh_code give_way(store *store, int64_t series, const known *old, known *added,
                          mesh_error *err) {
  mesh_code code = delete_one(store, series, old->from_s, err);
  if (code != GRPC_STATUS_OK) return code;
  if (say_the_same(old, added)) {
    if (old->from_s < added->from_s) added->from_s = old->from_s;
    if (old->to_s > added->to_s) added->to_s = old->to_s;
    return GRPC_STATUS_OK;
  }
  known left = *old, right = *old;
  if (left.to_s > added->from_s) left.to_s = added->from_s;
  if (right.from_s < added->to_s) right.from_s = added->to_s;
  code = insert_one(store, series, &left, err);
  if (code == GRPC_STATUS_OK) code = insert_one(store, series, &right, err);
  return code;
}

mesh_code store_write_coverage(store *store, int64_t series, const store_coverage *coverage,
                               mesh_error *err) {
  if (coverage == NULL || coverage->from_s >= coverage->to_s) return GRPC_STATUS_OK;
  known added = {.from_s = coverage->from_s,
                 .to_s = coverage->to_s,
                 .state = coverage->state,
                 .asked_s = coverage->asked_s,
                 .again_s = coverage->again_s,
                 .tries = coverage->tries};
  copy_reason(added.reason, coverage->reason);
  known old;
  bool found;
  mesh_code code = GRPC_STATUS_OK;
  for (int64_t after_s = INT64_MIN; code == GRPC_STATUS_OK; after_s = old.from_s) {
    code = find_touching(store, series, &added, after_s, &old, &found, err);
    if (code != GRPC_STATUS_OK || !found) break;
    code = give_way(store, series, &old, &added, err);
  }
  if (code == GRPC_STATUS_OK) code = insert_one(store, series, &added, err);
  return code;
}

// What is no state would be taken for known.
static mesh_code refuse_state(store *store, int64_t from_s, mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS,
                   "store %s: the coverage from %lld s on is damaged: `PRAGMA integrity_check` in "
                   "sqlite3 may say more; put a backup in its place",
                   store->path, (long long)from_s);
}

static bool is_state(int state) {
  return state >= STORE_STORED && state <= STORE_REFUSED;
}

static mesh_code read_rows(store *store, int64_t series, int64_t from_s, int64_t to_s,
                           void (*each)(void *arg, const store_coverage *coverage), void *arg,
                           mesh_error *err) {
  sqlite3_stmt *statement;
  store_connection *reader = &store->reader;
  mesh_code code = store_prepare(store, reader, STORE_SQL_READ_COVERAGE,
                                 "SELECT from_s, to_s, state, reason, asked_s, again_s, tries"
                                 " FROM coverage WHERE series=? AND from_s<? AND to_s>?"
                                 " ORDER BY from_s",
                                 &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  sqlite3_bind_int64(statement, 1, series);
  sqlite3_bind_int64(statement, 2, to_s);
  sqlite3_bind_int64(statement, 3, from_s);
  int step = SQLITE_DONE;
  while (code == GRPC_STATUS_OK && (step = sqlite3_step(statement)) == SQLITE_ROW) {
    store_coverage one = {.from_s = sqlite3_column_int64(statement, 0),
                          .to_s = sqlite3_column_int64(statement, 1),
                          .state = (store_coverage_state)sqlite3_column_int(statement, 2),
                          .reason = store_text_column(statement, 3),
                          .asked_s = sqlite3_column_int64(statement, 4),
                          .again_s = sqlite3_column_int64(statement, 5),
                          .tries = sqlite3_column_int(statement, 6)};
    if (is_state((int)one.state) && one.from_s < one.to_s) {
      each(arg, &one);
    } else {
      code = refuse_state(store, one.from_s, err);
    }
  }
  if (code == GRPC_STATUS_OK && step != SQLITE_DONE) {
    code = store_fail(store, reader->db, "cannot read coverage", err);
  }
  store_release(statement);
  return code;
}

mesh_code store_read_coverage(store *store, const series_key *key, int64_t from_s, int64_t to_s,
                              void (*each)(void *arg, const store_coverage *coverage), void *arg,
                              mesh_error *err) {
  int64_t series = 0;
  mesh_error missing;
  pthread_mutex_lock(&store->read_lock);
  mesh_code code = store_find_series(store, &store->reader, key, &series, &missing);
  if (code == GRPC_STATUS_OK) {
    code = read_rows(store, series, from_s, to_s, each, arg, err);
  } else if (code == GRPC_STATUS_NOT_FOUND) {
    code = GRPC_STATUS_OK;  // nothing is known about a series that is not there
  } else if (err != NULL) {
    *err = missing;
  }
  pthread_mutex_unlock(&store->read_lock);
  return code;
}
