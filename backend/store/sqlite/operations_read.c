// Finding and listing operations.
#include <string.h>

#include "backend/store/sqlite/internal.h"

// What may be large comes last, and only where it is wanted: SQLite does not read it otherwise.
#define BRIEF                                                                                   \
  "name, kind, title, ifnull(request_id, ''), work_key, labels, requested_by, state, detached," \
  " epoch, last_sequence, source_epoch, source_sequence, created_ns, updated_ns, outcome"
#define COLUMNS BRIEF ", checkpoint, request"

enum { PAGE_ROWS = 256, PAGE_BYTES = 256 * 1024 };  // that one reading passes on

typedef void (*each_operation)(void *arg, const store_operation *operation);

static void pass_operation(sqlite3_stmt *statement, each_operation each, void *arg) {
  store_operation operation = {
      .name = store_text_column(statement, 0),
      .kind = store_text_column(statement, 1),
      .title = store_text_column(statement, 2),
      .request_id = store_text_column(statement, 3),
      .work_key = store_text_column(statement, 4),
      .labels = store_text_column(statement, 5),
      .requested_by = store_text_column(statement, 6),
      .state = sqlite3_column_int(statement, 7),
      .detached = sqlite3_column_int(statement, 8) != 0,
      .epoch = sqlite3_column_int64(statement, 9),
      .last_sequence = sqlite3_column_int64(statement, 10),
      .source_epoch = sqlite3_column_int64(statement, 11),
      .source_sequence = sqlite3_column_int64(statement, 12),
      .created_ns = sqlite3_column_int64(statement, 13),
      .updated_ns = sqlite3_column_int64(statement, 14),
      .outcome = store_view_column(statement, 15),
  };
  if (sqlite3_column_count(statement) > 16) {
    operation.checkpoint = store_view_column(statement, 16);
    operation.request = store_view_column(statement, 17);
  }
  each(arg, &operation);
}

// ---- find ----

static mesh_code find(store *store, store_sql id, const char *sql, const char *key,
                      each_operation each, void *arg, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->reader, id, sql, &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  store_bind_text(statement, 1, key);
  int step = sqlite3_step(statement);
  if (step == SQLITE_ROW) {
    pass_operation(statement, each, arg);
  } else if (step == SQLITE_DONE) {
    code = mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no operation '%s'", key);
  } else {
    code = store_fail(store, store->reader.db, "cannot find an operation", err);
  }
  store_release(statement);
  return code;
}

mesh_code store_find_operation(store *store, const char *name, const char *request_id,
                               each_operation each, void *arg, mesh_error *err) {
  pthread_mutex_lock(&store->read_lock);
  mesh_code code = name != NULL
                       ? find(store, STORE_SQL_FIND_BY_NAME,
                              "SELECT " COLUMNS " FROM operations WHERE name=? AND state>=0", name,
                              each, arg, err)
                       : find(store, STORE_SQL_FIND_BY_REQUEST,
                              "SELECT " COLUMNS " FROM operations WHERE request_id=?", request_id,
                              each, arg, err);
  pthread_mutex_unlock(&store->read_lock);
  return code;
}

mesh_code store_find_number(store *store, store_sql id, const char *sql, const char *name,
                            int64_t *out, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->reader, id, sql, &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  store_bind_text(statement, 1, name);
  int step = sqlite3_step(statement);
  if (step == SQLITE_ROW) {
    *out = sqlite3_column_int64(statement, 0);
  } else if (step == SQLITE_DONE) {
    code = mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no operation '%s'", name);
  } else {
    code = store_fail(store, store->reader.db, "cannot find an operation", err);
  }
  store_release(statement);
  return code;
}

// ---- list ----

// The line that `text` begins with, without its end; moves `text` behind it.
static mesh_view next_line(const char **text) {
  size_t size_bytes = strcspn(*text, "\n");
  mesh_view line = {(const uint8_t *)*text, size_bytes};
  *text += size_bytes + ((*text)[size_bytes] == '\n');
  return line;
}

static bool has_line(const char *text, mesh_view wanted) {
  while (*text != '\0') {
    mesh_view line = next_line(&text);
    if (line.size_bytes == wanted.size_bytes &&
        memcmp(line.data, wanted.data, wanted.size_bytes) == 0) {
      return true;
    }
  }
  return false;
}

// SQL's has_lines(text, wanted): 1 if each line of `wanted` is one of `text`.
static void has_lines(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  const char *text = (const char *)sqlite3_value_text(values[0]);
  const char *wanted = (const char *)sqlite3_value_text(values[1]);
  bool all = text != NULL && wanted != NULL;
  while (all && *wanted != '\0')
    all = has_line(text, next_line(&wanted));
  sqlite3_result_int(context, all);
}

mesh_code store_add_functions(store *store, mesh_error *err) {
  sqlite3 *db = store->reader.db;
  if (sqlite3_create_function(db, "has_lines", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
                              has_lines, NULL, NULL) == SQLITE_OK) {
    return GRPC_STATUS_OK;
  }
  return store_fail(store, db, "cannot add a function", err);
}

// Where a page begins: after this one, in the order of a list.
typedef struct position {
  int64_t created_ns;  // at most
  const char *name;    // after this, of those with that time
} position;

static bool is_empty(const char *text) {
  return text == NULL || text[0] == '\0';
}

static mesh_code find_position(store *store, const store_filter *filter, position *out,
                               mesh_error *err) {
  *out = (position){filter->created_to_ns > 0 ? filter->created_to_ns - 1 : INT64_MAX, ""};
  if (is_empty(filter->after)) return GRPC_STATUS_OK;
  int64_t created_ns = filter->after_created_ns;
  mesh_code code = GRPC_STATUS_OK;
  if (created_ns == 0) {
    code = store_find_number(store, STORE_SQL_FIND_CREATED,
                             "SELECT created_ns FROM operations WHERE name=? AND state>=0",
                             filter->after, &created_ns, err);
  }
  if (code == GRPC_STATUS_OK && created_ns <= out->created_ns) {
    *out = (position){created_ns, filter->after};
  }
  return code;
}

#define LIST(columns, where)                                              \
  "SELECT " columns " FROM operations WHERE " where                       \
  " AND (?1='' OR kind=?1) AND (?2='' OR has_lines(labels, ?2))"          \
  " AND created_ns>=?3 AND created_ns<=?4 AND (created_ns<?4 OR name>?5)" \
  " ORDER BY created_ns DESC, name LIMIT ?6"

static mesh_code prepare_list(store *store, const store_filter *filter, sqlite3_stmt **out,
                              mesh_error *err) {
  static const struct {
    store_sql id;
    const char *sql;
  } lists[2][2] = {
      {{STORE_SQL_LIST_OPERATIONS, LIST(BRIEF, "state>=0")},
       {STORE_SQL_LIST_OPERATIONS_IN_STATE, LIST(BRIEF, "state=?7")}},
      {{STORE_SQL_LIST_WHOLE_OPERATIONS, LIST(COLUMNS, "state>=0")},
       {STORE_SQL_LIST_WHOLE_OPERATIONS_IN_STATE, LIST(COLUMNS, "state=?7")}},
  };
  bool in_state = filter->state != 0;
  return store_prepare(store, &store->reader, lists[filter->whole][in_state].id,
                       lists[filter->whole][in_state].sql, out, err);
}

static size_t row_bytes(sqlite3_stmt *statement) {
  size_t size_bytes = 0;
  for (int i = 0; i < sqlite3_column_count(statement); i++)
    size_bytes += (size_t)sqlite3_column_bytes(statement, i);
  return size_bytes;
}

static mesh_code list_rows(store *store, const store_filter *filter, const position *from,
                           each_operation each, void *arg, bool *more, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = prepare_list(store, filter, &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  int limit = filter->limit < PAGE_ROWS ? filter->limit : PAGE_ROWS, count = 0;
  store_bind_text(statement, 1, filter->kind);
  store_bind_text(statement, 2, filter->labels);
  sqlite3_bind_int64(statement, 3, filter->created_from_ns);
  sqlite3_bind_int64(statement, 4, from->created_ns);
  store_bind_text(statement, 5, from->name);
  sqlite3_bind_int(statement, 6, limit);
  if (filter->state != 0) sqlite3_bind_int(statement, 7, filter->state);
  int step = SQLITE_ROW;
  for (size_t bytes = 0; bytes < PAGE_BYTES && (step = sqlite3_step(statement)) == SQLITE_ROW;) {
    pass_operation(statement, each, arg);
    bytes += row_bytes(statement);  // behind it: text that is damaged has its size then
    count++;
  }
  if (step != SQLITE_DONE && step != SQLITE_ROW) {
    code = store_fail(store, store->reader.db, "cannot list operations", err);
  }
  *more = count < filter->limit && (step == SQLITE_ROW || count == limit);
  store_release(statement);
  return code;
}

mesh_code store_list_operations(store *store, const store_filter *filter, each_operation each,
                                void *arg, bool *more, mesh_error *err) {
  position from;
  *more = false;
  pthread_mutex_lock(&store->read_lock);
  mesh_code code = find_position(store, filter, &from, err);
  if (code == GRPC_STATUS_OK) code = list_rows(store, filter, &from, each, arg, more, err);
  pthread_mutex_unlock(&store->read_lock);
  return code;
}
