// A store of an older version: what is kept until it is up to date.
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tests/backend/store/harness.h"
#include "tests/unit.h"

// ---- a disk that is as full as a test wants ----

static int64_t room_bytes = -1;  // negative: as it is

int __real_statvfs(const char *path, struct statvfs *out);
int __wrap_statvfs(const char *path, struct statvfs *out);
int __wrap_statvfs(const char *path, struct statvfs *out) {
  int said = __real_statvfs(path, out);
  if (room_bytes >= 0) out->f_bavail = (fsblkcnt_t)room_bytes / out->f_frsize;
  return said;
}

static void run_sql(fixture *own, const char *sql) {
  sqlite3 *db;
  char *why = NULL;
  assert_int_equal(sqlite3_open(own->path, &db), SQLITE_OK);
  if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s", why);
  sqlite3_close(db);
}

static bool has_copy(const fixture *own, struct stat *out) {
  char path[300];
  snprintf(path, sizeof path, "%s.v6", own->path);
  return stat(path, out) == 0;
}

static void make_old(fixture *own) {
  put_ok(own, 0, 60000, STORE_STORED, "", 1000);
  close_store(own);
  run_sql(own, TO_VERSION_6);
}

// Nothing is left of the copy once the pages were looked at.
static void what_is_up_to_date_needs_no_copy(fixture *own) {
  struct stat found;
  make_old(own);
  open_store(own);
  assert_int_equal(count_bars(own), 1000);
  assert_false(has_copy(own, &found));
}

// The transaction is rolled back; the copy is a whole store, and ours alone.
static void what_fails_leaves_a_copy(fixture *own) {
  mesh_error err;
  struct stat found;
  make_old(own);
  run_sql(own, "CREATE TABLE instruments(odd)");
  assert_int_not_equal(store_open(own->path, NULL, &own->store, &err), GRPC_STATUS_OK);
  assert_non_null(strstr(err.message, "cannot bring version 6 up to date"));
  assert_true(has_copy(own, &found));
  assert_int_equal(found.st_mode & 0777, 0600);
  run_sql(own, "DROP TABLE instruments");
  open_store(own);
  assert_int_equal(count_bars(own), 1000);
  assert_false(has_copy(own, &found));
}

static void without_room_nothing_is_begun(fixture *own) {
  mesh_error err;
  struct stat found;
  make_old(own);
  room_bytes = 100000;
  mesh_code code = store_open(own->path, NULL, &own->store, &err);
  room_bytes = -1;
  assert_int_equal(code, GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_non_null(strstr(err.message,
                         "to bring version 6 up to date takes 1 MiB on its disk, which "
                         "has 0: make room, nothing was changed"));
  assert_false(has_copy(own, &found));
  open_store(own);
  assert_int_equal(count_bars(own), 1000);
}

// A new store, and one of this version, are not copied: a full disk does not keep them shut.
static void this_version_needs_no_room(fixture *own) {
  put_ok(own, 0, 60000, STORE_STORED, "", 1000);
  room_bytes = 0;
  reopen(own);
  room_bytes = -1;
  assert_int_equal(count_bars(own), 1000);
}

// A series keeps its number, and what is known of it.
static void version_7_keeps_its_series(fixture *own) {
  put_ok(own, 0, 60000, STORE_STORED, "", 1000);
  close_store(own);
  run_sql(own, TO_VERSION_7);
  open_store(own);
  assert_int_equal(count_bars(own), 1000);
  put_ok(own, 60000, 60600, STORE_STORED, "", 10);
  assert_int_equal(count_bars(own), 1010);
}

static const row rows[] = {
    {"version 7 keeps its series", version_7_keeps_its_series},
    {"what is up to date needs no copy", what_is_up_to_date_needs_no_copy},
    {"what fails leaves a copy", what_fails_leaves_a_copy},
    {"without room nothing is begun", without_room_nothing_is_begun},
    {"this version needs no room", this_version_needs_no_room},
};

int main(void) {
  RUN_ROWS("upgrade", rows, run_row);
}
