// Group commit: what waits is one transaction, and nobody pays for another's failure. And who owns
// the store.
#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/backend/store/harness.h"
#include "tests/unit.h"

enum { MEMBERS = 8 };

// Writes that are queued while the writer thread is held: they are one group.
typedef struct group {
  fixture *own;
  sem_t held, gate, told;
  store_event first_event, events[MEMBERS];
  store_write first, writes[MEMBERS];
  char names[MEMBERS][32];
  int64_t seen;  // events in the file when the first member was told
} group;

static void hold_writer(store_write *write) {
  group *self = write->arg;
  sem_post(&self->held);
  sem_wait(&self->gate);
}

static void count_told(store_write *write) {
  group *self = write->arg;
  sem_post(&self->told);
}

// What another process would see now.
static int64_t count_events(const char *path) {
  sqlite3 *db;
  sqlite3_stmt *statement;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db,
                                      "SELECT (SELECT count(*) FROM events)"
                                      " + (SELECT count(*) FROM recent)",
                                      -1, &statement, NULL),
                   SQLITE_OK);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  int64_t count = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return count;
}

static void count_then_told(store_write *write) {
  group *self = write->arg;
  self->seen = count_events(self->own->path);
  sem_post(&self->told);
}

// Gives each member an operation, and holds the writer thread.
static void begin_group(group *self, fixture *own) {
  self->own = own;
  sem_init(&self->held, 0, 0);
  sem_init(&self->gate, 0, 0);
  sem_init(&self->told, 0, 0);
  add_operation(own, "first", 1);
  for (int i = 0; i < MEMBERS; i++) {
    snprintf(self->names[i], sizeof self->names[i], "load-%d", i);
    add_operation(own, self->names[i], 1);
    self->events[i] = event_of(self->names[i], 2);
    self->writes[i] = (store_write){.on_done = count_told, .arg = self};
  }
  self->first_event = event_of("first", 2);
  self->first = (store_write){.on_done = hold_writer, .arg = self};
  store_start_append(own->store, &self->first_event, &self->first);
  sem_wait(&self->held);  // else it might take the first members with it
}

// Queues all of them, lets the writer thread go on, and waits until each was told.
static void run_group(group *self) {
  for (int i = 0; i < MEMBERS; i++)
    store_start_append(self->own->store, &self->events[i], &self->writes[i]);
  sem_post(&self->gate);
  for (int i = 0; i < MEMBERS; i++)
    sem_wait(&self->told);
  sem_destroy(&self->held);
  sem_destroy(&self->gate);
  sem_destroy(&self->told);
}

// Each member but `except` has its event; that one has not.
static void expect_all_but(group *self, int except) {
  for (int i = 0; i < MEMBERS; i++) {
    char text[64];
    read_sequences(self->own, self->names[i], text);
    assert_string_equal(text, i == except ? "1 " : "1 2 ");
    if (i != except) assert_int_equal(self->writes[i].code, GRPC_STATUS_OK);
  }
}

static void what_waits_is_one_transaction(fixture *own) {
  group self;
  begin_group(&self, own);
  self.writes[0].on_done = count_then_told;
  int64_t before = 1 + MEMBERS + 1;  // the creations, and the first append
  run_group(&self);
  assert_int_equal(self.seen, before + MEMBERS);
  expect_all_but(&self, -1);
}

static void a_refused_write_costs_nobody_else(fixture *own) {
  group self;
  begin_group(&self, own);
  self.events[3].sequence = 7;
  self.writes[0].on_done = count_then_told;
  int64_t before = 1 + MEMBERS + 1;
  run_group(&self);
  assert_int_equal(self.seen, before + MEMBERS - 1);  // still one transaction
  expect_all_but(&self, 3);
  assert_int_equal(self.writes[3].code, GRPC_STATUS_ABORTED);
  assert_non_null(strstr(self.writes[3].err.message, "load-3 is at event 1 of epoch 1: event 7"));
}

static void a_write_that_fails_costs_nobody_else(fixture *own) {
  close_store(own);
  store_options options = {.max_bytes = 400 * 1024};
  mesh_error err;
  assert_int_equal(store_open(own->path, &options, &own->store, &err), GRPC_STATUS_OK);
  static uint8_t large[1024 * 1024];
  group self;
  begin_group(&self, own);
  self.events[3].event = (mesh_view){large, sizeof large};
  run_group(&self);
  expect_all_but(&self, 3);
  assert_int_equal(self.writes[3].code, GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_non_null(strstr(self.writes[3].err.message, "the disk is full"));
}

// The same operation twice in a group: the second one sees what the first one wrote.
static void writes_of_a_group_follow_each_other(fixture *own) {
  group self;
  begin_group(&self, own);
  for (int i = 0; i < MEMBERS; i++)
    self.events[i] = event_of("load-0", 2 + i);
  run_group(&self);
  char text[64];
  read_sequences(own, "load-0", text);
  assert_string_equal(text, "1 2 3 4 5 6 7 8 9 ");
}

// ---- threads ----

enum { THREADS = 8, EVENTS_EACH = 700 };  // together more than the store keeps as recent ones

typedef struct appender {
  pthread_t thread;
  fixture *own;
  char name[32];
  int failures;
} appender;

static void *append_events(void *arg) {
  appender *self = arg;
  for (int i = 0; i < EVENTS_EACH; i++) {
    store_event event = event_of(self->name, 2 + i);
    mesh_error err;
    self->failures += store_append_event(self->own->store, &event, &err) != GRPC_STATUS_OK;
  }
  return NULL;
}

typedef struct dense_check {
  int64_t last;
  bool dense;
} dense_check;

static void check_dense(void *arg, int64_t sequence, mesh_view event) {
  dense_check *self = arg;
  self->dense = self->dense && sequence == self->last + 1 && event.size_bytes == 1;
  self->last = sequence;
}

static void expect_dense(fixture *own, const char *name) {
  dense_check got = {0, true};
  mesh_error err;
  assert_int_equal(store_read_events(own->store, name, 0, 10000, check_dense, &got, &err),
                   GRPC_STATUS_OK);
  assert_true(got.dense);
  assert_int_equal(got.last, 1 + EVENTS_EACH);
}

static void threads_may_append_at_once(fixture *own) {
  appender all[THREADS];
  for (int i = 0; i < THREADS; i++) {
    all[i] = (appender){.own = own};
    snprintf(all[i].name, sizeof all[i].name, "load-%d", i);
    add_operation(own, all[i].name, i);
    assert_int_equal(pthread_create(&all[i].thread, NULL, append_events, &all[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(all[i].thread, NULL);
    assert_int_equal(all[i].failures, 0);
    expect_dense(own, all[i].name);
  }
  reopen(own);
  for (int i = 0; i < THREADS; i++)
    expect_dense(own, all[i].name);
}

// ---- closing ----

static void count_written(store_write *write) {
  *(int *)write->arg += write->code == GRPC_STATUS_OK;
}

static void closing_writes_what_waits(fixture *own) {
  enum { COUNT = 50 };
  static store_write writes[COUNT];
  static store_event events[COUNT];
  int written = 0;
  add_operation(own, "load-1", 1);
  for (int i = 0; i < COUNT; i++) {
    events[i] = event_of("load-1", 2 + i);
    writes[i] = (store_write){.on_done = count_written, .arg = &written};
    store_start_append(own->store, &events[i], &writes[i]);
  }
  close_store(own);
  assert_int_equal(written, COUNT);
}

// ---- the owner ----

static void expect_taken_over(const mesh_error *err) {
  assert_int_equal(err->code, GRPC_STATUS_ABORTED);
  assert_non_null(strstr(err->message, "a newer process owns the store (generation 2, ours is 1)"));
}

static void a_newer_process_takes_the_store_over(fixture *own) {
  fixture newer = *own;
  add_operation(own, "load-1", 1);
  open_store(&newer);
  mesh_error err;
  store_event event = event_of("load-1", 2);
  assert_int_equal(store_append_event(own->store, &event, &err), GRPC_STATUS_ABORTED);
  expect_taken_over(&err);
  assert_int_equal(put(own, 0, 600, STORE_STORED, "", 10, &err), GRPC_STATUS_ABORTED);
  expect_taken_over(&err);
  assert_int_equal(store_append_event(newer.store, &event, &err), GRPC_STATUS_OK);
  char text[64];
  read_sequences(own, "load-1", text);  // reading still works
  assert_string_equal(text, "1 2 ");
  close_store(&newer);
  event.sequence = 3;
  assert_int_equal(store_append_event(own->store, &event, &err), GRPC_STATUS_ABORTED);
}

static void a_group_is_refused_as_a_whole(fixture *own) {
  fixture newer = *own;
  group self;
  begin_group(&self, own);
  open_store(&newer);
  run_group(&self);
  for (int i = 0; i < MEMBERS; i++)
    expect_taken_over(&self.writes[i].err);
  close_store(&newer);
}

static const row rows[] = {
    {"what waits is one transaction", what_waits_is_one_transaction},
    {"a refused write costs nobody else", a_refused_write_costs_nobody_else},
    {"a write that fails costs nobody else", a_write_that_fails_costs_nobody_else},
    {"writes of a group follow each other", writes_of_a_group_follow_each_other},
    {"threads may append at once", threads_may_append_at_once},
    {"closing writes what waits", closing_writes_what_waits},
    {"a newer process takes the store over", a_newer_process_takes_the_store_over},
    {"a group is refused as a whole", a_group_is_refused_as_a_whole},
};

int main(void) {
  if (getenv("TEST_TMPDIR") != NULL && chdir(getenv("TEST_TMPDIR")) != 0) return 1;
  RUN_ROWS("group", rows, run_row);
}
