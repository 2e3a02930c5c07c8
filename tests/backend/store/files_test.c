// What can go wrong with the store's file: each is one clear error, and what was stored stays.
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/backend/store/harness.h"
#include "tests/unit.h"

static void expect_refusal(fixture *own, mesh_code want, const char *words) {
  mesh_error err;
  store *opened = NULL;
  assert_int_equal(store_open(own->path, NULL, &opened, &err), want);
  assert_null(opened);
  assert_non_null(strstr(err.message, own->path));
  assert_non_null(strstr(err.message, words));
}

static sqlite3 *run_sql(const char *path, const char *sql) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
  return db;
}

// ---- a disk that is full ----

// Puts segments of 1,000 bars until one is refused; returns how many went in.
static int fill_up(fixture *own, mesh_error *err) {
  enum { ENOUGH = 1000 };
  int stored = 0;
  while (stored < ENOUGH && put(own, stored * 60000, (stored + 1) * 60000, STORE_STORED, "", 1000,
                                err) == GRPC_STATUS_OK) {
    stored++;
  }
  return stored;
}

static void expect_full(fixture *own, int stored, const mesh_error *err) {
  assert_int_equal(err->code, GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_non_null(strstr(err->message, own->path));
  assert_non_null(strstr(err->message, "the disk is full; nothing of this was stored"));
  assert_true(stored > 0);
  assert_int_equal(count_bars(own), stored * 1000);
}

static void a_full_disk_keeps_what_was_stored(fixture *own) {
  close_store(own);
  store_options options = {.max_bytes = 400 * 1024};
  mesh_error err = {0};
  assert_int_equal(store_open(own->path, &options, &own->store, &err), GRPC_STATUS_OK);
  int stored = fill_up(own, &err);
  expect_full(own, stored, &err);
  reopen(own);
  assert_int_equal(count_bars(own), stored * 1000);
}

// The kernel refuses to let the file grow, as a quota does.
static void a_file_that_may_not_grow_is_a_full_disk(fixture *own) {
  struct rlimit before, limit;
  getrlimit(RLIMIT_FSIZE, &before);
  limit = (struct rlimit){400 * 1024, before.rlim_max};
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  mesh_error err = {0};
  int stored = fill_up(own, &err);
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  expect_full(own, stored, &err);
  put_ok(own, -60000, 0, STORE_STORED, "", 1000);  // there is room again
  assert_int_equal(count_bars(own), (stored + 1) * 1000);
}

// ---- a file that is not ours, or damaged ----

static void a_newer_schema_is_refused(fixture *own) {
  close_store(own);
  sqlite3_close(run_sql(own->path, "PRAGMA user_version=99"));
  expect_refusal(own, GRPC_STATUS_FAILED_PRECONDITION, "version 99, this program knows up to 8");
}

static void another_programs_database_is_refused(fixture *own) {
  close_store(own);
  sqlite3_close(run_sql(own->path, "PRAGMA application_id=77"));
  expect_refusal(own, GRPC_STATUS_FAILED_PRECONDITION, "another program");
}

static void a_file_that_is_no_database_is_refused(fixture *own) {
  close_store(own);
  FILE *file = fopen(own->path, "wb");
  for (int i = 0; i < 1000; i++)
    fputs("this is no database\n", file);
  fclose(file);
  expect_refusal(own, GRPC_STATUS_DATA_LOSS, "damaged");
}

static void a_file_cut_short_is_refused(fixture *own) {
  put_ok(own, 0, 60000, STORE_STORED, "", 1000);
  close_store(own);
  assert_int_equal(truncate(own->path, 5 * 8192 + 100), 0);
  expect_refusal(own, GRPC_STATUS_DATA_LOSS, "damaged");
}

// The page that the tree of a table begins with; `sql` selects it.
static off_t find_page(fixture *own, const char *sql) {
  sqlite3 *db;
  sqlite3_stmt *statement;
  assert_int_equal(sqlite3_open(own->path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  off_t page = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return page;
}

static void damage_page(fixture *own, off_t page) {
  static char garbage[8192];
  memset(garbage, 0xa5, sizeof garbage);
  int file = open(own->path, O_RDWR);
  assert_int_equal(pwrite(file, garbage, sizeof garbage, (page - 1) * (off_t)sizeof garbage),
                   sizeof garbage);
  close(file);
}

// The header is whole, the bars behind it are not: the first use of one says so.
static void damaged_pages_are_named_when_met(fixture *own) {
  put_ok(own, 0, 60000, STORE_STORED, "", 1000);
  close_store(own);
  damage_page(own, find_page(own, "SELECT rootpage FROM sqlite_master WHERE name='bars'"));
  open_store(own);
  mesh_error err;
  int64_t count, first_s;
  assert_int_equal(store_count_bars(own->store, &spx_1m, 0, 60000, 0, &count, &first_s, &err),
                   GRPC_STATUS_DATA_LOSS);
  assert_non_null(strstr(err.message, own->path));
  assert_int_equal(put(own, 0, 600, STORE_STORED, "", 10, &err), GRPC_STATUS_DATA_LOSS);
}

static void a_damaged_owner_is_refused(fixture *own) {
  close_store(own);
  damage_page(own, find_page(own, "SELECT rootpage FROM sqlite_master WHERE name='meta'"));
  expect_refusal(own, GRPC_STATUS_DATA_LOSS, "damaged");
}

// ---- a place where it cannot be ----

static void a_missing_directory_is_named(fixture *own) {
  close_store(own);
  snprintf(own->path, sizeof own->path, "nowhere/millrace.db");
  expect_refusal(own, GRPC_STATUS_NOT_FOUND, "No such file or directory");
}

static void a_directory_is_no_database(fixture *own) {
  close_store(own);
  snprintf(own->path, sizeof own->path, "directory.db");
  assert_int_equal(mkdir(own->path, 0755), 0);
  expect_refusal(own, GRPC_STATUS_FAILED_PRECONDITION, "Is a directory");
}

// Makes the permission bits count for root too, or no longer.
static void obey_permissions(bool obey) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
  assert_int_equal(syscall(SYS_capget, &header, sets), 0);
  uint32_t skip = 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH;
  sets[0].effective = obey ? sets[0].effective & ~skip : sets[0].permitted;
  assert_int_equal(syscall(SYS_capset, &header, sets), 0);
}

static void a_directory_that_may_not_be_written_is_named(fixture *own) {
  close_store(own);
  assert_int_equal(mkdir("locked", 0555), 0);
  snprintf(own->path, sizeof own->path, "locked/millrace.db");
  obey_permissions(true);
  expect_refusal(own, GRPC_STATUS_PERMISSION_DENIED, "its directory: Permission denied");
  obey_permissions(false);
}

static void a_file_that_may_not_be_written_is_named(fixture *own) {
  close_store(own);
  assert_int_equal(chmod(own->path, 0444), 0);
  obey_permissions(true);
  expect_refusal(own, GRPC_STATUS_PERMISSION_DENIED, "may be read but not written");
  obey_permissions(false);
}

// ---- other programs ----

static void another_writer_is_waited_for_then_named(fixture *own) {
  put_ok(own, 0, 60000, STORE_STORED, "", 1000);
  close_store(own);
  store_options options = {.busy_limit_ms = 20};
  mesh_error err;
  assert_int_equal(store_open(own->path, &options, &own->store, &err), GRPC_STATUS_OK);
  sqlite3 *other = run_sql(own->path, "BEGIN IMMEDIATE");
  assert_int_equal(put(own, 60000, 120000, STORE_STORED, "", 1000, &err), GRPC_STATUS_UNAVAILABLE);
  assert_non_null(strstr(err.message, "locked"));
  assert_int_equal(count_bars(own), 1000);  // reading does not wait for a writer
  sqlite3_close(other);
  put_ok(own, 60000, 120000, STORE_STORED, "", 1000);
  assert_int_equal(count_bars(own), 2000);
}

static void a_program_that_dies_leaves_what_it_committed(fixture *own) {
  close_store(own);
  pid_t child = fork();
  if (child == 0) {
    open_store(own);
    put_ok(own, 0, 60000, STORE_STORED, "", 1000);
    kill(getpid(), SIGKILL);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  open_store(own);
  assert_int_equal(count_bars(own), 1000);
}

static const row rows[] = {
    {"a full disk keeps what was stored", a_full_disk_keeps_what_was_stored},
    {"a file that may not grow is a full disk", a_file_that_may_not_grow_is_a_full_disk},
    {"a newer schema is refused", a_newer_schema_is_refused},
    {"another program's database is refused", another_programs_database_is_refused},
    {"a file that is no database is refused", a_file_that_is_no_database_is_refused},
    {"a file cut short is refused", a_file_cut_short_is_refused},
    {"damaged pages are named when met", damaged_pages_are_named_when_met},
    {"a damaged owner is refused", a_damaged_owner_is_refused},
    {"a missing directory is named", a_missing_directory_is_named},
    {"a directory is no database", a_directory_is_no_database},
    {"a directory that may not be written is named", a_directory_that_may_not_be_written_is_named},
    {"a file that may not be written is named", a_file_that_may_not_be_written_is_named},
    {"another writer is waited for, then named", another_writer_is_waited_for_then_named},
    {"a program that dies leaves what it committed", a_program_that_dies_leaves_what_it_committed},
};

int main(void) {
  if (getenv("TEST_TMPDIR") != NULL && chdir(getenv("TEST_TMPDIR")) != 0) return 1;
  RUN_ROWS("files", rows, run_row);
}
