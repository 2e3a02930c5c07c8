// Each kind of statement where the disk is full, and where the file may only be read: the error
// names the file and what can be done, nothing is half there, and it goes on when there is room.
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/backend/store/harness.h"
#include "tests/unit.h"

static uint8_t large[300 * 1024];  // more than is left anywhere below

static mesh_code create_operation(fixture *own, mesh_error *err) {
  store_operation operation = {.name = "new",
                               .kind = "load",
                               .title = "",
                               .request = {large, sizeof large},
                               .state = 1,
                               .epoch = 1,
                               .last_sequence = 1};
  return store_create_operation(own->store, &operation, view_of("e"), err);
}

static mesh_code append_event(fixture *own, mesh_error *err) {
  store_event event = event_of("running", 2);
  event.event = (mesh_view){large, sizeof large};
  return store_append_event(own->store, &event, err);
}

static mesh_code end_with_outcome(fixture *own, mesh_error *err) {
  store_event event = event_of("running", 2);
  event.state = 3;
  event.outcome = (mesh_view){large, sizeof large};
  return store_append_event(own->store, &event, err);
}

static mesh_code put_segment(fixture *own, mesh_error *err) {
  static test_bars bars;
  make_bars(&bars, 0, BARS_MAX, 100);
  store_coverage coverage = {.from_s = 0, .to_s = 60000, .state = STORE_STORED, .reason = ""};
  store_ledger ledger = {&coverage, 1};
  store_event event = event_of("running", 2);
  event.event = (mesh_view){large, sizeof large};
  return store_put_segment(own->store, &spx_1m, &ledger, &bars.view, &event, err);
}

static mesh_code add_model(fixture *own, mesh_error *err) {
  int32_t version;
  store_model model = {
      .name = "m", .operation = "o", .sha256 = "0", .about = {large, sizeof large}};
  return store_add_model(own->store, &model, &version, err);
}

typedef struct class_case {
  const char *what;
  mesh_code (*run)(fixture *own, mesh_error *err);
} class_case;

static const class_case classes[] = {
    {"an operation", create_operation},
    {"an event", append_event},
    {"an outcome", end_with_outcome},
    {"a segment", put_segment},
    {"a model", add_model},
};

enum { CLASSES = sizeof classes / sizeof *classes };

// What another process sees: all there is, as one line.
static void describe(fixture *own, char out[256]) {
  static const char sql[] =
      "SELECT (SELECT group_concat(name || ' ' || state || ' ' || last_sequence) FROM operations)"
      " || '; events ' || (SELECT count(*) FROM recent) || (SELECT count(*) FROM events)"
      " || '; bars ' || (SELECT count(*) FROM bars) || '; coverage ' || (SELECT count(*) FROM"
      " coverage) || '; models ' || (SELECT count(*) FROM models)";
  sqlite3 *db;
  sqlite3_stmt *statement;
  assert_int_equal(sqlite3_open(own->path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  snprintf(out, 256, "%s", (const char *)sqlite3_column_text(statement, 0));
  sqlite3_finalize(statement);
  sqlite3_close(db);
}

static void expect_refused(fixture *own, const class_case *c, mesh_code code, const char *words) {
  char before[256], after[256];
  mesh_error err = {0};
  print_message("  %s\n", c->what);
  describe(own, before);
  assert_int_equal(c->run(own, &err), code);
  assert_non_null(strstr(err.message, own->path));
  assert_non_null(strstr(err.message, words));
  assert_non_null(strstr(err.message, "what was stored before is safe"));
  describe(own, after);
  assert_string_equal(before, after);
}

static void nothing_is_half_written_on_a_full_disk(fixture *own) {
  add_operation(own, "running", 1);
  close_store(own);
  store_options options = {.max_bytes = 256 * 1024};
  mesh_error err;
  assert_int_equal(store_open(own->path, &options, &own->store, &err), GRPC_STATUS_OK);
  for (int i = 0; i < CLASSES; i++)
    expect_refused(own, &classes[i], GRPC_STATUS_RESOURCE_EXHAUSTED, "the disk is full");
  reopen(own);  // with room again
  for (int i = 0; i < CLASSES; i++) {
    if (classes[i].run == append_event || classes[i].run == end_with_outcome) continue;
    assert_int_equal(classes[i].run(own, &err), GRPC_STATUS_OK);
  }
}

// The kernel refuses what is written behind a size, wherever the file or its log is then.
static void nothing_is_half_written_where_files_may_not_grow(fixture *own) {
  struct rlimit before, limit;
  add_operation(own, "running", 1);
  getrlimit(RLIMIT_FSIZE, &before);
  limit = (struct rlimit){512 * 1024, before.rlim_max};
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  for (int i = 0; i < CLASSES; i++)
    expect_refused(own, &classes[i], GRPC_STATUS_RESOURCE_EXHAUSTED, "the disk is full");
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  mesh_error err;
  assert_int_equal(put_segment(own, &err), GRPC_STATUS_OK);
}

// A removal needs hardly any room, and makes some: it must work on a disk that is full.
static void a_full_disk_can_be_emptied(fixture *own) {
  mesh_error err;
  assert_int_equal(create_operation(own, &err), GRPC_STATUS_OK);
  end_operation(own, "new");
  close_store(own);
  store_options options = {.max_bytes = 8192};  // less than there is
  assert_int_equal(store_open(own->path, &options, &own->store, &err), GRPC_STATUS_OK);
  assert_int_equal(append_event(own, &err), GRPC_STATUS_NOT_FOUND);
  int64_t events = 0;
  assert_int_equal(store_remove_operation(own->store, "new", &events, &err), GRPC_STATUS_OK);
  assert_int_equal(events, 2);
  assert_int_equal(create_operation(own, &err), GRPC_STATUS_OK);  // into what is free again
}

static const row rows[] = {
    {"nothing is half written on a full disk", nothing_is_half_written_on_a_full_disk},
    {"nothing is half written where files may not grow",
     nothing_is_half_written_where_files_may_not_grow},
    {"a full disk can be emptied", a_full_disk_can_be_emptied},
};

int main(void) {
  if (getenv("TEST_TMPDIR") != NULL && chdir(getenv("TEST_TMPDIR")) != 0) return 1;
  RUN_ROWS("classes", rows, run_row);
}
