// Opening and closing.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/store/sqlite/internal.h"
#include "mesh/program/private.h"
#include "mesh/runtime/log.h"

enum {
  LOG_MAX_BYTES = 64 << 20,  // see fold.c; fewer checkpoints are fewer syncs
  CACHE_KIB = 1024,          // of pages; 2 and 64 MiB were not faster (tests/bench:store)
  OPEN_LIMIT_MS = 5000,      // an opening is not asked to leave: it waits for others no longer
};

// Where SQLite may not make the file it tries to read it, and then says that there is none: the
// directory knows better.
static mesh_code refuse_open(store *store, sqlite3 *db, mesh_error *err) {
  mesh_code code = store_fail(store, db, "cannot open", err);
  const char *slash = strrchr(store->path, '/');
  char *directory =
      slash == NULL ? strdup(".") : strndup(store->path, (size_t)(slash - store->path) + 1);
  if (directory == NULL) abort();
  if (code == GRPC_STATUS_NOT_FOUND && faccessat(AT_FDCWD, directory, W_OK, AT_EACCESS) != 0) {
    int number = errno;
    code = mesh_fail(err, store_code_of_errno(number),
                     "store %s: cannot write to its directory: %s", store->path, strerror(number));
  }
  free(directory);
  return code;
}

static mesh_code open_connection(store *store, store_connection *connection, int flags,
                                 mesh_error *err) {
  int opened = sqlite3_open_v2(store->path, &connection->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
  if (opened != SQLITE_OK) return refuse_open(store, connection->db, err);
  store_wait_while_busy(store, connection);
  sqlite3_extended_result_codes(connection->db, 0);
  return GRPC_STATUS_OK;
}

// SQLite opens what it may not write as well, and says so at the first write only.
static mesh_code check_writable(store *store, mesh_error *err) {
  if (sqlite3_db_readonly(store->writer.db, "main") != 1) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_PERMISSION_DENIED,
                   "store %s: the file may be read but not written", store->path);
}

// SQLite's own limit is 2 MiB of pages for each connection, which fill up over minutes.
static mesh_code bound_cache(store *store, store_connection *connection, mesh_error *err) {
  char sql[64];
  snprintf(sql, sizeof sql, "PRAGMA cache_size=-%d", CACHE_KIB);
  return store_execute(store, connection->db, sql, "cannot configure", err);
}

static mesh_code configure(store *store, const store_options *options, mesh_error *err) {
  char sql[256];
  int64_t log_max_bytes = LOG_MAX_BYTES;
  if (options != NULL && options->log_max_bytes > 0) log_max_bytes = options->log_max_bytes;
  store->long_pages = (int)(log_max_bytes / STORE_PAGE_BYTES);
  store->synchronous_full = options != NULL && options->synchronous_full;
  snprintf(sql, sizeof sql,
           "PRAGMA page_size=%d; PRAGMA journal_mode=WAL; PRAGMA synchronous=%s;"
           "PRAGMA journal_size_limit=%lld; PRAGMA temp_store=MEMORY",
           STORE_PAGE_BYTES, store->synchronous_full ? "FULL" : "NORMAL", (long long)log_max_bytes);
  mesh_code code = store_execute(store, store->writer.db, sql, "cannot configure", err);
  store_watch_log(store);
  if (code == GRPC_STATUS_OK) code = bound_cache(store, &store->writer, err);
  if (code != GRPC_STATUS_OK || options == NULL || options->max_bytes == 0) return code;
  snprintf(sql, sizeof sql, "PRAGMA max_page_count=%lld",
           (long long)(options->max_bytes / STORE_PAGE_BYTES + 1));
  return store_execute(store, store->writer.db, sql, "cannot limit the size", err);
}

// SQLite opens by name, and follows any link: nothing of it may be somebody else's.
static mesh_code check_private(const store *store, mesh_error *err) {
  static const char *const suffixes[] = {"", "-wal", "-shm", ".id"};
  mesh_code code = GRPC_STATUS_OK;
  char path[MESH_PRIVATE_PATH_MAX];
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && code == GRPC_STATUS_OK; i++) {
    snprintf(path, sizeof path, "%s%s", store->path, suffixes[i]);
    code = mesh_private_check(path, err);
  }
  return code == GRPC_STATUS_OK ? code : mesh_error_prefix(err, "store");
}

static store *create(const char *path, const store_options *options) {
  store *created = calloc(1, sizeof *created);
  if (created == NULL) abort();
  size_t size_bytes = strlen(path) + sizeof ".id";
  created->path = strdup(path);
  created->identity_path = malloc(size_bytes);
  if (created->path == NULL || created->identity_path == NULL) abort();
  snprintf(created->identity_path, size_bytes, "%s.id", path);
  int64_t limit_ms = store_busy_limit_ms(options);
  created->busy_limit_ms = limit_ms < OPEN_LIMIT_MS ? limit_ms : OPEN_LIMIT_MS;
  bool chosen = options != NULL && options->read_moment != NULL;
  created->read_moment = chosen ? options->read_moment : store_read_moment;
  bool told = options != NULL && options->old_source != NULL;
  created->old_source = told ? options->old_source : SERIES_SOURCE_UNKNOWN;
  pthread_mutex_init(&created->read_lock, NULL);
  return created;
}

static mesh_code connect_both(store *store, const store_options *options, mesh_error *err) {
  mesh_code code =
      open_connection(store, &store->writer, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
  if (code == GRPC_STATUS_OK) code = check_writable(store, err);
  if (code == GRPC_STATUS_OK) code = configure(store, options, err);
  if (code == GRPC_STATUS_OK) {
    code = open_connection(store, &store->reader, SQLITE_OPEN_READONLY, err);
  }
  if (code == GRPC_STATUS_OK) code = bound_cache(store, &store->reader, err);
  if (code == GRPC_STATUS_OK) code = store_add_functions(store, err);
  if (code == GRPC_STATUS_OK) code = store_add_instrument_functions(store, err);
  return code == GRPC_STATUS_OK ? store_add_series_functions(store, err) : code;
}

mesh_code store_open(const char *path, const store_options *options, store **out, mesh_error *err) {
  store *opened = create(path, options);
  store_identity *file = NULL;
  mesh_code code = check_private(opened, err);
  if (code == GRPC_STATUS_OK) code = store_check_files(opened, &file, err);
  if (code == GRPC_STATUS_OK) code = connect_both(opened, options, err);
  if (code == GRPC_STATUS_OK) code = store_take_over(opened, file, err);  // last: it is for good
  if (code == GRPC_STATUS_OK) code = check_private(opened, err);          // what was made now
  free(file);
  opened->busy_limit_ms = store_busy_limit_ms(options);
  if (code == GRPC_STATUS_OK) store_writer_start(opened);
  *out = code == GRPC_STATUS_OK ? opened : NULL;
  if (code != GRPC_STATUS_OK) store_close(opened);
  return code;
}

// Says in the identity file that nothing is in the log, where that is so and the store still ours:
// with the lock for writing, so that no newer owner is declared gone.
static void close_identity(store *store) {
  mesh_error err;
  if (store_begin(store, NULL) != GRPC_STATUS_OK) return;  // it is not ours any more
  store_roll_back(store);
  if (!store_empty_log(store) || store_begin(store, NULL) != GRPC_STATUS_OK) return;
  if (store_write_identity(store, true, &err) != GRPC_STATUS_OK) {
    mesh_log(MESH_LOG_WARN, "store", "%s", err.message);
  }
  store_roll_back(store);
}

void store_close(store *store) {
  if (store == NULL) return;
  store_leave(store);
  store_writer_stop(store);
  store_disconnect(&store->reader);
  if (store->started) close_identity(store);
  store_disconnect(&store->writer);  // last: it folds the write-ahead log into the file
  pthread_mutex_destroy(&store->read_lock);
  free(store->identity_path);
  free(store->path);
  free(store);
}
