// A store of an older version is copied before it is brought up to date, and the copy kept until
// what came of it was looked at. Where there is no room for both, nothing is begun.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "backend/store/sqlite/internal.h"
#include "mesh/program/private.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/text.h"

enum { PATH_MOST = MESH_PRIVATE_PATH_MAX, MIB = 1 << 20 };

static void name_copy(const store *store, int64_t version, const char *suffix,
                      char out[PATH_MOST]) {
  snprintf(out, PATH_MOST, "%s.v%lld%s", store->path, (long long)version, suffix);
}

static mesh_code read_pragma(store *store, const char *sql, int64_t *out, mesh_error *err) {
  sqlite3_stmt *statement;
  sqlite3 *db = store->writer.db;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
    return store_fail(store, db, "cannot read the header", err);
  }
  bool read = sqlite3_step(statement) == SQLITE_ROW;
  if (read) *out = sqlite3_column_int64(statement, 0);
  mesh_code code = read ? GRPC_STATUS_OK : store_fail(store, db, "cannot read the header", err);
  sqlite3_finalize(statement);
  return code;
}

// The copy, and as much again for the pages that change.
static mesh_code check_room(store *store, int64_t version, mesh_error *err) {
  struct statvfs room;
  int64_t pages = 0, page_bytes = 0;
  mesh_code code = read_pragma(store, "PRAGMA page_count", &pages, err);
  if (code == GRPC_STATUS_OK) code = read_pragma(store, "PRAGMA page_size", &page_bytes, err);
  if (code != GRPC_STATUS_OK) return code;
  if (statvfs(store->path, &room) != 0) {
    return mesh_fail(err, store_code_of_errno(errno), "store %s: %s", store->path, strerror(errno));
  }
  int64_t needed = 2 * pages * page_bytes, free_bytes = (int64_t)(room.f_bavail * room.f_frsize);
  if (free_bytes >= needed) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED,
                   "store %s: to bring version %lld up to date takes %lld MiB on its disk, which "
                   "has %lld: make room, nothing was changed",
                   store->path, (long long)version, (long long)(needed / MIB + 1),
                   (long long)(free_bytes / MIB));
}

// All pages at once, as of one moment.
static mesh_code copy_pages(store *store, sqlite3 *to, mesh_error *err) {
  sqlite3_backup *copy = sqlite3_backup_init(to, "main", store->writer.db, "main");
  int said = copy == NULL ? sqlite3_errcode(to) : sqlite3_backup_step(copy, -1);
  if (copy != NULL) sqlite3_backup_finish(copy);
  if (said == SQLITE_DONE) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "store %s: cannot be copied: %s", store->path,
                   sqlite3_errstr(said));
}

static mesh_code copy_into(store *store, const char *part, mesh_error *err) {
  int fd;
  sqlite3 *to = NULL;
  mesh_code code = mesh_private_open(part, O_RDWR | O_CREAT | O_TRUNC, &fd, err);
  if (code != GRPC_STATUS_OK) return code;
  if (sqlite3_open_v2(part, &to, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
    code = copy_pages(store, to, err);
  } else {
    code = mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "store %s: cannot write %s", store->path, part);
  }
  sqlite3_close(to);
  if (code == GRPC_STATUS_OK && fsync(fd) != 0) {
    code = mesh_fail(err, store_code_of_errno(errno), "%s: %s", part, strerror(errno));
  }
  close(fd);
  return code;
}

mesh_code store_copy_old(store *store, int64_t *copied, mesh_error *err) {
  int64_t application = 0, version = 0;
  char path[PATH_MOST], part[PATH_MOST];
  *copied = 0;
  mesh_code code = read_pragma(store, "PRAGMA application_id", &application, err);
  if (code == GRPC_STATUS_OK) code = read_pragma(store, "PRAGMA user_version", &version, err);
  if (code != GRPC_STATUS_OK) return code;
  bool old = application == STORE_APPLICATION_ID && version >= 1 && version < STORE_SCHEMA_VERSION;
  if (!old) return code;  // what is none is refused elsewhere
  code = check_room(store, version, err);
  if (code != GRPC_STATUS_OK) return code;
  name_copy(store, version, "", path);
  name_copy(store, version, ".part", part);
  code = copy_into(store, part, err);
  if (code == GRPC_STATUS_OK && rename(part, path) != 0) {
    code = mesh_fail(err, store_code_of_errno(errno), "%s: %s", path, strerror(errno));
  }
  if (code != GRPC_STATUS_OK) {
    unlink(part);
    return code;
  }
  *copied = version;
  mesh_log(MESH_LOG_INFO, "store", "%s: version %lld is copied to %s", store->path,
           (long long)version, path);
  return code;
}

// "ok", or what is wrong.
static void look_at_pages(store *store, char out[160]) {
  sqlite3_stmt *statement;
  sqlite3 *db = store->writer.db;
  mesh_text_copy(out, 160, "it cannot be read");
  if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL) != SQLITE_OK) return;
  if (sqlite3_step(statement) == SQLITE_ROW) {
    mesh_text_copy(out, 160, store_text_column(statement, 0));
  }
  sqlite3_finalize(statement);
}

mesh_code store_drop_copy(store *store, int64_t copied, mesh_error *err) {
  char path[PATH_MOST], found[160];
  if (copied == 0) return GRPC_STATUS_OK;
  name_copy(store, copied, "", path);
  look_at_pages(store, found);
  if (strcmp(found, "ok") != 0) {
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS,
                     "store %s: was brought up to date, and is damaged since (%s): put %s in its "
                     "place, and tell us",
                     store->path, found, path);
  }
  if (unlink(path) == 0) return GRPC_STATUS_OK;
  mesh_log(MESH_LOG_WARN, "store", "%s is not needed any more, and stays: %s", path,
           strerror(errno));
  return GRPC_STATUS_OK;
}
