// Opening and closing.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/store/sqlite/internal.h"
#include "mesh/program/private.h"

enum { BUSY_TIMEOUT_MS = 5000, PAGE_BYTES = 8192 };

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
                                 const store_options *options, mesh_error *err) {
  int opened = sqlite3_open_v2(store->path, &connection->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
  if (opened != SQLITE_OK) return refuse_open(store, connection->db, err);
  bool chosen = options != NULL && options->busy_timeout_ms > 0;
  sqlite3_busy_timeout(connection->db, chosen ? options->busy_timeout_ms : BUSY_TIMEOUT_MS);
  sqlite3_extended_result_codes(connection->db, 0);
  return GRPC_STATUS_OK;
}

// SQLite opens what it may not write as well, and says so at the first write only.
static mesh_code check_writable(store *store, mesh_error *err) {
  if (sqlite3_db_readonly(store->writer.db, "main") != 1) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_PERMISSION_DENIED,
                   "store %s: the file may be read but not written", store->path);
}

static mesh_code configure(store *store, const store_options *options, mesh_error *err) {
  char sql[256];
  bool full = options != NULL && options->synchronous_full;
  snprintf(sql, sizeof sql,
           "PRAGMA page_size=%d; PRAGMA journal_mode=WAL; PRAGMA synchronous=%s;"
           "PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=8000; PRAGMA temp_store=MEMORY",
           PAGE_BYTES, full ? "FULL" : "NORMAL");
  mesh_code code = store_execute(store, store->writer.db, sql, "cannot configure", err);
  if (code != GRPC_STATUS_OK || options == NULL || options->max_bytes == 0) return code;
  snprintf(sql, sizeof sql, "PRAGMA max_page_count=%lld",
           (long long)(options->max_bytes / PAGE_BYTES + 1));
  return store_execute(store, store->writer.db, sql, "cannot limit the size", err);
}

// SQLite opens by name, and follows any link: nothing of it may be somebody else's.
static mesh_code check_private(const store *store, mesh_error *err) {
  static const char *const suffixes[] = {"", "-wal", "-shm"};
  mesh_code code = GRPC_STATUS_OK;
  char path[MESH_PRIVATE_PATH_MAX];
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && code == GRPC_STATUS_OK; i++) {
    snprintf(path, sizeof path, "%s%s", store->path, suffixes[i]);
    code = mesh_private_check(path, err);
  }
  return code == GRPC_STATUS_OK ? code : mesh_error_prefix(err, "store");
}

mesh_code store_open(const char *path, const store_options *options, store **out, mesh_error *err) {
  store *opened = calloc(1, sizeof *opened);
  if (opened == NULL) abort();
  opened->path = strdup(path);
  if (opened->path == NULL) abort();
  pthread_mutex_init(&opened->read_lock, NULL);
  mesh_code code = check_private(opened, err);
  if (code == GRPC_STATUS_OK) {
    code = open_connection(opened, &opened->writer, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                           options, err);
  }
  if (code == GRPC_STATUS_OK) code = check_writable(opened, err);
  if (code == GRPC_STATUS_OK) code = configure(opened, options, err);
  if (code == GRPC_STATUS_OK) {
    code = open_connection(opened, &opened->reader, SQLITE_OPEN_READONLY, options, err);
  }
  if (code == GRPC_STATUS_OK) code = store_add_functions(opened, err);
  if (code == GRPC_STATUS_OK) code = store_take_over(opened, err);  // last: it is for good
  if (code == GRPC_STATUS_OK) code = check_private(opened, err);    // what was made now
  if (code == GRPC_STATUS_OK) store_writer_start(opened);
  *out = code == GRPC_STATUS_OK ? opened : NULL;
  if (code != GRPC_STATUS_OK) store_close(opened);
  return code;
}

void store_close(store *store) {
  if (store == NULL) return;
  store_writer_stop(store);
  store_disconnect(&store->reader);
  store_disconnect(&store->writer);  // last: it folds the write-ahead log into the file
  pthread_mutex_destroy(&store->read_lock);
  free(store->path);
  free(store);
}
