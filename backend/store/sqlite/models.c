// Models: what is known of each; their files lie elsewhere.
#include "backend/store/sqlite/internal.h"

#define COLUMNS "name, version, created_ns, operation, sha256, about"

// ---- adding ----

typedef struct addition {
  store_write write;  // first: run() gets its address
  const store_model *model;
  int32_t version;
} addition;

// Reads a number with a text as its parameter; `fallback` where there is no row.
static mesh_code read_number(store *store, store_sql id, const char *sql, const char *text,
                             int64_t fallback, int64_t *out, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, id, sql, &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  store_bind_text(statement, 1, text);
  int step = sqlite3_step(statement);
  *out = step == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : fallback;
  if (step != SQLITE_ROW && step != SQLITE_DONE) {
    code = store_fail(store, store->writer.db, "cannot read models", err);
  }
  store_release(statement);
  return code;
}

static mesh_code insert(store *store, const addition *own, mesh_error *err) {
  sqlite3_stmt *statement;
  mesh_code code =
      store_prepare(store, &store->writer, STORE_SQL_INSERT_MODEL,
                    "INSERT INTO models(" COLUMNS ") VALUES(?,?,?,?,?,?)", &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  store_bind_text(statement, 1, own->model->name);
  sqlite3_bind_int(statement, 2, own->version);
  sqlite3_bind_int64(statement, 3, own->model->created_ns);
  store_bind_text(statement, 4, own->model->operation);
  store_bind_text(statement, 5, own->model->sha256);
  store_bind_view(statement, 6, own->model->about);
  code = store_step(store, statement, "cannot add a model", err);
  store_release(statement);
  return code;
}

static mesh_code run_add(store *store, store_write *write, mesh_error *err) {
  addition *own = (addition *)write;
  int64_t version = 0;
  mesh_code code = read_number(store, STORE_SQL_MODEL_OF_OPERATION,
                               "SELECT version FROM models WHERE operation=?",
                               own->model->operation, 0, &version, err);
  own->version = (int32_t)version;
  if (code != GRPC_STATUS_OK || version > 0) return code;
  code = read_number(store, STORE_SQL_NEXT_VERSION,
                     "SELECT coalesce(max(version), 0) + 1 FROM models WHERE name=?",
                     own->model->name, 1, &version, err);
  own->version = (int32_t)version;
  return code == GRPC_STATUS_OK ? insert(store, own, err) : code;
}

mesh_code store_add_model(store *store, const store_model *model, int32_t *version,
                          mesh_error *err) {
  addition own = {.write.run = run_add, .model = model};
  mesh_code code = store_submit_and_wait(store, &own.write, err);
  *version = own.version;
  return code;
}

// ---- removing ----

typedef struct removal {
  store_write write;  // first: run() gets its address
  const char *name;
  int32_t version;
  bool file_unused;
} removal;

static mesh_code run_remove(store *store, store_write *write, mesh_error *err) {
  removal *own = (removal *)write;
  sqlite3_stmt *statement;
  mesh_code code = store_prepare(store, &store->writer, STORE_SQL_FILE_USES,
                                 "SELECT count(*) FROM models WHERE sha256=(SELECT sha256 FROM "
                                 "models WHERE name=? AND version=?)",
                                 &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  store_bind_text(statement, 1, own->name);
  sqlite3_bind_int(statement, 2, own->version);
  bool counted = sqlite3_step(statement) == SQLITE_ROW;
  int64_t uses = counted ? sqlite3_column_int64(statement, 0) : 0;
  if (!counted) code = store_fail(store, store->writer.db, "cannot find a model", err);
  store_release(statement);
  if (code != GRPC_STATUS_OK) return code;
  if (uses == 0) {
    return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "there is no model %s version %d", own->name,
                     own->version);
  }
  own->file_unused = uses == 1;
  code = store_prepare(store, &store->writer, STORE_SQL_DELETE_MODEL,
                       "DELETE FROM models WHERE name=? AND version=?", &statement, err);
  if (code != GRPC_STATUS_OK) return code;
  store_bind_text(statement, 1, own->name);
  sqlite3_bind_int(statement, 2, own->version);
  code = store_step(store, statement, "cannot remove a model", err);
  store_release(statement);
  return code;
}

mesh_code store_remove_model(store *store, const char *name, int32_t version, bool *file_unused,
                             mesh_error *err) {
  removal own = {.write.run = run_remove, .name = name, .version = version};
  mesh_code code = store_submit_and_wait(store, &own.write, err);
  *file_unused = own.file_unused;
  return code;
}

// ---- reading ----

typedef void (*each_model)(void *arg, const store_model *model);

enum { PAGE_ROWS = 64, PAGE_BYTES = 1 << 20 };  // that one reading passes on

// Passes on rows until a page is full: *more says that it may have left some.
static mesh_code read_rows(store *store, sqlite3_stmt *statement, each_model each, void *arg,
                           int *count, bool *more, mesh_error *err) {
  int step = SQLITE_ROW;
  size_t size_bytes = 0;
  for (*count = 0; size_bytes < PAGE_BYTES && (step = sqlite3_step(statement)) == SQLITE_ROW;
       ++*count) {
    store_model model = {.name = store_text_column(statement, 0),
                         .version = sqlite3_column_int(statement, 1),
                         .created_ns = sqlite3_column_int64(statement, 2),
                         .operation = store_text_column(statement, 3),
                         .sha256 = store_text_column(statement, 4),
                         .about = store_view_column(statement, 5)};
    size_bytes += model.about.size_bytes;
    each(arg, &model);
  }
  *more = step == SQLITE_ROW || *count == PAGE_ROWS;
  if (step == SQLITE_DONE || step == SQLITE_ROW) return GRPC_STATUS_OK;
  return store_fail(store, store->reader.db, "cannot read models", err);
}

mesh_code store_list_models(store *store, const char *name, const store_model_place *after,
                            each_model each, void *arg, bool *more, mesh_error *err) {
  sqlite3_stmt *statement;
  int count;
  *more = false;
  pthread_mutex_lock(&store->read_lock);
  mesh_code code = store_prepare(store, &store->reader, STORE_SQL_LIST_MODELS,
                                 "SELECT " COLUMNS
                                 " FROM models WHERE (?1='' OR name=?1) AND created_ns<=?2"
                                 " AND (created_ns<?2 OR name>?3 OR (name=?3 AND version<?4))"
                                 " ORDER BY created_ns DESC, name, version DESC LIMIT ?5",
                                 &statement, err);
  if (code == GRPC_STATUS_OK) {
    store_bind_text(statement, 1, name);
    sqlite3_bind_int64(statement, 2, after != NULL ? after->created_ns : INT64_MAX);
    store_bind_text(statement, 3, after != NULL ? after->name : "");
    sqlite3_bind_int(statement, 4, after != NULL ? after->version : 0);
    sqlite3_bind_int(statement, 5, PAGE_ROWS);
    code = read_rows(store, statement, each, arg, &count, more, err);
    store_release(statement);
  }
  pthread_mutex_unlock(&store->read_lock);
  return code;
}

mesh_code store_find_model(store *store, const char *name, int32_t version, each_model each,
                           void *arg, mesh_error *err) {
  sqlite3_stmt *statement;
  int count = 0;
  bool more;
  pthread_mutex_lock(&store->read_lock);
  mesh_code code = store_prepare(store, &store->reader, STORE_SQL_FIND_MODEL,
                                 "SELECT " COLUMNS
                                 " FROM models WHERE name=?1 AND "
                                 "(?2=0 OR version=?2) ORDER BY version DESC LIMIT 1",
                                 &statement, err);
  if (code == GRPC_STATUS_OK) {
    store_bind_text(statement, 1, name);
    sqlite3_bind_int(statement, 2, version);
    code = read_rows(store, statement, each, arg, &count, &more, err);
    store_release(statement);
  }
  pthread_mutex_unlock(&store->read_lock);
  if (code != GRPC_STATUS_OK || count > 0) return code;
  if (version == 0) return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "there is no model '%s'", name);
  return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "there is no model '%s' version %d", name, version);
}
