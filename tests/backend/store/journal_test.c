// The journal, in a real file: operations, their events and outcomes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/backend/store/harness.h"
#include "tests/unit.h"

static const store_operation first_operation = {.name = "load-1",
                                                .kind = "load",
                                                .title = "SPX 1d",
                                                .request_id = "r1",
                                                .work_key = "k",
                                                .state = 1,
                                                .epoch = 1,
                                                .last_sequence = 1,
                                                .created_ns = 5};

static mesh_code append(fixture *own, int64_t epoch, int64_t sequence, const char *outcome,
                        mesh_error *err) {
  store_event event = {.operation = "load-1",
                       .epoch = epoch,
                       .sequence = sequence,
                       .state = outcome[0] == '\0' ? 1 : 3,
                       .event = view_of("e"),
                       .outcome = view_of(outcome)};
  return store_append_event(own->store, &event, err);
}

static void take_operation(void *arg, const store_operation *operation) {
  sprintf(arg, "%s %d %lld %.*s", operation->name, operation->state,
          (long long)operation->last_sequence, (int)operation->outcome.size_bytes,
          (const char *)operation->outcome.data);
}

static void an_outcome_and_its_state_are_one(fixture *own) {
  mesh_error err;
  assert_int_equal(store_create_operation(own->store, &first_operation, view_of("accepted"), &err),
                   GRPC_STATUS_OK);
  assert_int_equal(append(own, 1, 2, "", &err), GRPC_STATUS_OK);
  assert_int_equal(append(own, 1, 3, "done", &err), GRPC_STATUS_OK);
  reopen(own);
  char text[128] = "";
  assert_int_equal(store_find_operation(own->store, NULL, "r1", take_operation, text, &err),
                   GRPC_STATUS_OK);
  assert_string_equal(text, "load-1 3 3 done");
}

static void events_must_be_the_next_of_the_newest_epoch(fixture *own) {
  mesh_error err;
  assert_int_equal(store_create_operation(own->store, &first_operation, view_of("accepted"), &err),
                   GRPC_STATUS_OK);
  assert_int_equal(append(own, 1, 3, "", &err), GRPC_STATUS_ABORTED);
  assert_int_equal(append(own, 2, 2, "", &err), GRPC_STATUS_OK);
  assert_int_equal(append(own, 1, 3, "", &err), GRPC_STATUS_ABORTED);
  assert_non_null(strstr(err.message, "is at event 2 of epoch 2"));
  assert_int_equal(append(own, 2, 2, "", &err), GRPC_STATUS_ABORTED);
}

static void a_request_id_is_taken_once(fixture *own) {
  mesh_error err;
  store_operation second = first_operation;
  second.name = "load-2";
  assert_int_equal(store_create_operation(own->store, &first_operation, view_of("a"), &err),
                   GRPC_STATUS_OK);
  assert_int_equal(store_create_operation(own->store, &second, view_of("a"), &err),
                   GRPC_STATUS_ALREADY_EXISTS);
  second.request_id = "";
  assert_int_equal(store_create_operation(own->store, &second, view_of("a"), &err), GRPC_STATUS_OK);
}

static void take_sequence(void *arg, int64_t sequence, mesh_view event) {
  (void)event;
  sprintf((char *)arg + strlen(arg), "%lld ", (long long)sequence);
}

static void events_are_read_after_a_sequence(fixture *own) {
  mesh_error err;
  assert_int_equal(store_create_operation(own->store, &first_operation, view_of("a"), &err),
                   GRPC_STATUS_OK);
  for (int i = 2; i <= 5; i++)
    assert_int_equal(append(own, 1, i, "", &err), GRPC_STATUS_OK);
  char text[64] = "";
  assert_int_equal(store_read_events(own->store, "load-1", 2, 2, take_sequence, text, &err),
                   GRPC_STATUS_OK);
  assert_string_equal(text, "3 4 ");
  assert_int_equal(store_read_events(own->store, "nope", 0, 2, take_sequence, text, &err),
                   GRPC_STATUS_NOT_FOUND);
}

static const row rows[] = {
    {"an outcome and its state are one", an_outcome_and_its_state_are_one},
    {"events must be the next of the newest epoch", events_must_be_the_next_of_the_newest_epoch},
    {"a request id is taken once", a_request_id_is_taken_once},
    {"events are read after a sequence", events_are_read_after_a_sequence},
};

int main(void) {
  if (getenv("TEST_TMPDIR") != NULL && chdir(getenv("TEST_TMPDIR")) != 0) return 1;
  RUN_ROWS("journal", rows, run_row);
}
