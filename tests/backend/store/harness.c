#include "tests/backend/store/harness.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit.h"

const series_key spx_1m = {"SPX", "1m", SERIES_SOURCE_UNKNOWN, "TRADES", "regular"};

store_moment test_moment = {.wall_s = 1700000000, .boot_s = 100, .boot = "first"};

void read_test_moment(store_moment *out) {
  *out = test_moment;
}

void open_store(fixture *own) {
  store_options options = {.read_moment = read_test_moment};
  mesh_error err;
  if (store_open(own->path, &options, &own->store, &err) != GRPC_STATUS_OK)
    fail_msg("%s", err.message);
}

void close_store(fixture *own) {
  store_close(own->store);
  own->store = NULL;
}

void reopen(fixture *own) {
  close_store(own);
  open_store(own);
}

void make_bars(test_bars *out, int64_t from_s, size_t count, double price) {
  for (size_t i = 0; i < count; i++) {
    out->times[i] = from_s + (int64_t)i * 60;
    out->price[i] = price + (double)i / 7;
    out->volume[i] = i % 2 == 0 ? NAN : (double)i;
  }
  out->view =
      (store_bars){count, out->times, out->price, out->price, out->price, out->price, out->volume};
}

mesh_code put(fixture *own, int64_t from_s, int64_t to_s, store_coverage_state state,
              const char *reason, size_t count, mesh_error *err) {
  test_bars bars;
  make_bars(&bars, from_s, count, 100);
  store_coverage coverage = {.from_s = from_s, .to_s = to_s, .state = state, .reason = reason};
  store_ledger ledger = {&coverage, 1};
  return store_put_segment(own->store, &spx_1m, &ledger, &bars.view, NULL, err);
}

void put_ok(fixture *own, int64_t from_s, int64_t to_s, store_coverage_state state,
            const char *reason, size_t count) {
  mesh_error err;
  if (put(own, from_s, to_s, state, reason, count, &err) != GRPC_STATUS_OK) {
    fail_msg("%s", err.message);
  }
}

int64_t count_bars(fixture *own) {
  int64_t count, first_s;
  mesh_error err;
  if (store_count_bars(own->store, &spx_1m, INT64_MIN, INT64_MAX, 0, &count, &first_s, &err) !=
      GRPC_STATUS_OK) {
    fail_msg("%s", err.message);
  }
  return count;
}

mesh_view view_of(const char *text) {
  return (mesh_view){(const uint8_t *)text, strlen(text)};
}

void add_operation(fixture *own, const char *name, int64_t created_ns) {
  store_operation operation = {.name = name,
                               .kind = "load",
                               .title = "SPX 1d",
                               .request_id = name,
                               .work_key = "",
                               .state = 1,
                               .epoch = 1,
                               .last_sequence = 1,
                               .created_ns = created_ns,
                               .updated_ns = created_ns};
  mesh_error err;
  if (store_create_operation(own->store, &operation, view_of("e"), &err) != GRPC_STATUS_OK) {
    fail_msg("%s", err.message);
  }
}

store_event event_of(const char *operation, int64_t sequence) {
  return (store_event){
      .operation = operation, .epoch = 1, .sequence = sequence, .state = 1, .event = view_of("e")};
}

void end_operation(fixture *own, const char *name) {
  store_event event = event_of(name, 2);
  event.state = 3;
  event.outcome = view_of("done");
  mesh_error err;
  if (store_append_event(own->store, &event, &err) != GRPC_STATUS_OK) fail_msg("%s", err.message);
}

static void write_sequence(void *arg, int64_t sequence, mesh_view event) {
  (void)event;
  sprintf((char *)arg + strlen(arg), "%lld ", (long long)sequence);
}

void read_sequences(fixture *own, const char *name, char *out) {
  out[0] = '\0';
  mesh_error err;
  mesh_code code = store_read_events(own->store, name, 0, 1000, write_sequence, out, &err);
  if (code == GRPC_STATUS_NOT_FOUND) strcpy(out, "gone");
  if (code != GRPC_STATUS_OK && code != GRPC_STATUS_NOT_FOUND) fail_msg("%s", err.message);
}

void run_row(void **state) {
  static int number;
  fixture own = {0};
  snprintf(own.path, sizeof own.path, "store-%d-%d.db", getpid(), number++);
  open_store(&own);
  ((const row *)*state)->run(&own);
  close_store(&own);
}

void append_ok(fixture *own, const store_event *event) {
  mesh_error err;
  if (store_append_event(own->store, event, &err) != GRPC_STATUS_OK) fail_msg("%s", err.message);
}

void write_operation_name(void *arg, const store_operation *operation) {
  sprintf((char *)arg + strlen(arg), "%s ", operation->name);
}

int64_t count_rows(fixture *own, const char *sql) {
  sqlite3 *db;
  sqlite3_stmt *statement;
  assert_int_equal(sqlite3_open(own->path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  int64_t count = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return count;
}
