// Other processes at the same file: who writes is waited for, who reads is in nobody's way, and
// what a reader made grow is cut when it has gone.
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/backend/store/harness.h"
#include "tests/unit.h"

static sqlite3 *connect_other(fixture *own, const char *sql) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open(own->path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
  return db;
}

static off_t size_of_log(const fixture *own) {
  char path[300];
  struct stat about;
  snprintf(path, sizeof path, "%s-wal", own->path);
  return stat(path, &about) == 0 ? about.st_size : 0;
}

// ---- who writes ----

typedef struct appender {
  pthread_t thread;
  fixture *own;
  mesh_code code;
} appender;

static void *append_one(void *arg) {
  appender *self = arg;
  store_event event = event_of("load-1", 2);
  mesh_error err;
  self->code = store_append_event(self->own->store, &event, &err);
  return NULL;
}

// Longer than any limit of SQLite's own would be, were it not for ours: the lock is let go only
// when a reader has seen that the write is not there.
static void a_lock_is_waited_for(fixture *own) {
  add_operation(own, "load-1", 1);
  sqlite3 *other = connect_other(own, "BEGIN IMMEDIATE");
  appender self = {.own = own};
  assert_int_equal(pthread_create(&self.thread, NULL, append_one, &self), 0);
  char text[64];
  for (int i = 0; i < 100; i++) {
    usleep(1000);
    read_sequences(own, "load-1", text);  // readers do not wait
    assert_string_equal(text, "1 ");
  }
  sqlite3_close(other);
  pthread_join(self.thread, NULL);
  assert_int_equal(self.code, GRPC_STATUS_OK);
  read_sequences(own, "load-1", text);
  assert_string_equal(text, "1 2 ");
}

static void who_leaves_does_not_wait_long(fixture *own) {
  add_operation(own, "load-1", 1);
  sqlite3 *other = connect_other(own, "BEGIN IMMEDIATE");
  store_leave(own->store);
  store_event event = event_of("load-1", 2);
  mesh_error err;
  assert_int_equal(store_append_event(own->store, &event, &err), GRPC_STATUS_UNAVAILABLE);
  assert_non_null(strstr(err.message, own->path));
  assert_non_null(strstr(err.message, "another process has locked the database"));
  sqlite3_close(other);
}

// ---- who reads ----

enum { LOG_BYTES = 2 << 20, SMALL_LOG = LOG_BYTES + (1 << 20) };  // and what one write may add

static void open_with_small_log(fixture *own) {
  close_store(own);
  store_options options = {.log_max_bytes = LOG_BYTES};
  mesh_error err;
  assert_int_equal(store_open(own->path, &options, &own->store, &err), GRPC_STATUS_OK);
}

static void put_many(fixture *own, int from, int count) {
  for (int i = from; i < from + count; i++)
    put_ok(own, i * 60000, (i + 1) * 60000, STORE_STORED, "", 1000);
}

static void the_log_stays_small_without_readers(fixture *own) {
  open_with_small_log(own);
  put_many(own, 0, 200);
  assert_true(size_of_log(own) < SMALL_LOG);
}

static void a_reader_outside_is_in_nobodys_way(fixture *own) {
  open_with_small_log(own);
  put_many(own, 0, 10);
  sqlite3 *other = connect_other(own, "BEGIN; SELECT count(*) FROM bars");
  put_many(own, 10, 200);
  off_t grown = size_of_log(own);
  assert_true(grown > SMALL_LOG);  // what it may still want to read must stay
  sqlite3_close(other);
  // Without another write: the writer thread looks by itself.
  int looks = 0;
  while (size_of_log(own) >= SMALL_LOG) {
    usleep(10000);
    assert_true(looks++ < 6000);
  }
  put_many(own, 300, 10);
  assert_true(size_of_log(own) < SMALL_LOG);
  assert_int_equal(count_bars(own), 220 * 1000);
}

static const row rows[] = {
    {"a lock is waited for", a_lock_is_waited_for},
    {"who leaves does not wait long", who_leaves_does_not_wait_long},
    {"the log stays small without readers", the_log_stays_small_without_readers},
    {"a reader outside is in nobody's way", a_reader_outside_is_in_nobodys_way},
};

int main(void) {
  if (getenv("TEST_TMPDIR") != NULL && chdir(getenv("TEST_TMPDIR")) != 0) return 1;
  RUN_ROWS("others", rows, run_row);
}
