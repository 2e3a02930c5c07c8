// Which errors are an outage, and which are about one request; an outage that ends while it is
// written down that it has begun.
#include "backend/data/patience.h"

#include "tests/mesh/harness.h"
#include "tests/mesh/operation/memory_journal.h"

typedef struct error_case {
  const char *name;
  mesh_code code;
  const char *reason;
  int64_t retry_ms;
  bool want;
} error_case;

static const error_case rows[] = {
    {"a host's link is down", GRPC_STATUS_UNAVAILABLE, "LINK_DOWN", 300, true},
    {"a host leaves", GRPC_STATUS_UNAVAILABLE, "DRAINING", 0, true},
    {"a connection breaks", GRPC_STATUS_UNAVAILABLE, "", 0, true},
    {"the gateway is down", GRPC_STATUS_UNAVAILABLE, "GATEWAY_DOWN", 300, true},
    {"somebody else is logged in", GRPC_STATUS_UNAVAILABLE, "COMPETING_SESSION", 60000, true},
    {"the pace was too fast", GRPC_STATUS_RESOURCE_EXHAUSTED, "PACING_VIOLATION", 15000, true},
    {"the gateway stumbles over a request", GRPC_STATUS_UNAVAILABLE, "GATEWAY_ERROR", 1000, false},
    {"a request is not answered", GRPC_STATUS_DEADLINE_EXCEEDED, "GATEWAY_SILENT", 300, false},
    {"no data, not believed", GRPC_STATUS_UNAVAILABLE, "SOURCE_AWAY", 1000, false},
    {"a stream without its end", GRPC_STATUS_UNAVAILABLE, "NO_OUTCOME", 0, false},
    {"too many calls", GRPC_STATUS_RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", 100, false},
    {"no such instrument", GRPC_STATUS_NOT_FOUND, "NO_CONTRACT", 0, false},
    {"no permission", GRPC_STATUS_PERMISSION_DENIED, "NO_PERMISSION", 0, false},
    {"a deadline of ours", GRPC_STATUS_DEADLINE_EXCEEDED, "", 0, false},
};

static void check(void **state) {
  const error_case *c = *state;
  mesh_error err;
  mesh_fail(&err, c->code, "%s", c->name);
  mesh_error_set_reason(&err, c->reason, "test.millrace");
  if (c->retry_ms > 0) mesh_error_set_retry(&err, c->retry_ms);
  assert_int_equal(patience_is_for(&err), c->want);
}

// ---- an outage that ends at once ----

typedef struct outage {
  memory_journal journal;
  patience patience;
  bool begun, returned;
  mesh_code code;
  mesh_error err;
} outage;

static void ignore_note(void *owner, const char *note) {
  (void)owner, (void)note;
}

static mesh_code meet_outage(mesh_operation *operation, void *arg,
                             Millrace__V1__Succeeded *succeeded, Millrace__V1__Cancelled *cancelled,
                             mesh_error *err) {
  (void)succeeded, (void)cancelled;
  outage *own = arg;
  own->patience.operation = operation;
  own->journal.held = own->begun = true;
  mesh_fail(&own->err, GRPC_STATUS_UNAVAILABLE, "the gateway is down");
  mesh_error_set_reason(&own->err, "GATEWAY_DOWN", "test.millrace");
  own->code =
      patience_wait(&own->patience, mesh_operation_scope(operation), "a piece", 1, &own->err);
  own->returned = true;
  (void)err;
  return GRPC_STATUS_OK;
}

// The first piece writes into the history that the source is away; before that is done another one
// has had its answer.
static void an_answer_comes_while_the_outage_is_written(harness *test, void *arg) {
  (void)arg;
  outage own = {.patience = {.limit_ms = 60000, .on_change = ignore_note}};
  mesh_error err;
  char name[MESH_OPERATION_NAME_MAX];
  const char *joined;
  memory_journal_init(&own.journal, test->loop);
  assert_int_equal(
      mesh_link_open(test->loop, "adapter", "unix:/nonexistent/s", &own.patience.adapter, &err),
      GRPC_STATUS_OK);
  mesh_operations_options options = {.force_ms = 1};
  mesh_operations *operations =
      mesh_operations_create(test->loop, "tester", &own.journal.table, &options);
  Millrace__V1__StartOptions how = MILLRACE__V1__START_OPTIONS__INIT;
  how.detached = true;
  mesh_start start = {.kind = "load", .title = "a load", .options = &how};
  mesh_work work = {meet_outage, NULL, &own};
  assert_int_equal(mesh_operation_start(operations, &start, &work, name, &joined, &err),
                   GRPC_STATUS_OK);
  while (!own.begun)
    mesh_yield(test->loop);
  for (int i = 0; i < 10; i++)
    mesh_yield(test->loop);
  assert_false(own.returned);
  patience_end(&own.patience);
  own.journal.held = false;
  mesh_signal_notify(&own.journal.released);
  assert_int_equal(mesh_operation_await(operations, name, &test->scope, &err), GRPC_STATUS_OK);
  assert_true(own.returned);
  if (own.code != GRPC_STATUS_OK) fail_msg("%s", own.err.message);
  mesh_operations_stop(operations);
  mesh_operations_destroy(operations);
  mesh_link_close(own.patience.adapter);
  memory_journal_fini(&own.journal);
}

static void end_at_once(void **state) {
  (void)state;
  run_in_fiber(an_answer_comes_while_the_outage_is_written, NULL);
}

static int check_errors(void) {
  RUN_ROWS("patience", rows, check);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(end_at_once)};
  return check_errors() + cmocka_run_group_tests(tests, NULL, NULL);
}
