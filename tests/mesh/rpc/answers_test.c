// Who loses a call when answers take too much room.
#include "mesh/rpc/answers.h"

#include <stdlib.h>

#include "tests/unit.h"

enum { CALLS = 10, PEERS = 5 };

typedef struct fixture {
  mesh_loop *loop;
  mesh_answers_room room;
  mesh_answers peers[PEERS];
  mesh_answers_line lines[PEERS];
  mesh_scope scopes[CALLS];
  mesh_answer answers[CALLS];
} fixture;

static mesh_answers_line *stuck;

static void on_stuck(mesh_answers_line *line) {
  assert_null(stuck);  // once
  stuck = line;
}

static int set_up(void **state) {
  stuck = NULL;
  fixture *own = calloc(1, sizeof *own);
  own->loop = mesh_loop_create();
  own->room.most = 100;
  for (int i = 0; i < PEERS; i++) {
    own->peers[i] = (mesh_answers){.room = &own->room, .name = "somebody"};
    own->lines[i] = (mesh_answers_line){&own->peers[i], 0, on_stuck};
  }
  for (int i = 0; i < CALLS; i++)
    mesh_scope_open_root(&own->scopes[i], own->loop);
  *state = own;
  return 0;
}

static int tear_down(void **state) {
  fixture *own = *state;
  for (int i = 0; i < CALLS; i++) {
    mesh_answer_end(&own->answers[i], true);
    mesh_scope_close(&own->scopes[i]);
  }
  assert_int_equal(own->room.bytes, 0);
  assert_null(own->room.first);
  for (int i = 0; i < PEERS; i++) {
    assert_int_equal(own->peers[i].bytes, 0);
    assert_null(own->peers[i].newest);
  }
  mesh_loop_destroy(own->loop);
  free(own);
  return 0;
}

static void begin(fixture *own, int call, int peer, int64_t bytes) {
  mesh_answer_begin(&own->answers[call], &own->lines[peer], &own->scopes[call], bytes);
}

// True if the call was ended for want of room.
static bool is_lost(const fixture *own, int call) {
  mesh_code code = own->scopes[call].code;
  if (code == GRPC_STATUS_OK) return false;
  assert_int_equal(code, GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_null(own->answers[call].of);
  return true;
}

static void what_fits_stays(void **state) {
  fixture *own = *state;
  begin(own, 0, 0, 60);
  begin(own, 1, 1, 40);
  assert_false(is_lost(own, 0) || is_lost(own, 1));
  assert_int_equal(own->room.bytes, 100);
  mesh_answer_end(&own->answers[0], true);
  mesh_answer_end(&own->answers[0], true);  // nothing
  assert_int_equal(own->room.bytes, 40);
  begin(own, 2, 0, 60);
  assert_false(is_lost(own, 1) || is_lost(own, 2));
}

static void who_holds_most_loses_the_oldest(void **state) {
  fixture *own = *state;
  begin(own, 0, 1, 20);  // older than all, of one who holds little
  begin(own, 1, 0, 30);
  begin(own, 2, 0, 30);
  begin(own, 3, 2, 25);
  assert_true(is_lost(own, 1));
  assert_false(is_lost(own, 0) || is_lost(own, 2) || is_lost(own, 3));
  assert_int_equal(own->room.bytes, 75);
  assert_string_equal(
      own->scopes[1].why,
      "the caller has not taken its answer of 0 KiB, and others need the room: 0 KiB "
      "may wait for all (limits.answers_mib)");
  assert_int_equal(own->room.ended.count, 1);
}

// Each has a quarter at most, be they one or many: who takes what he is sent is not among them.
static void of_many_the_slowest_loses(void **state) {
  fixture *own = *state;
  begin(own, 0, 0, 25);
  begin(own, 1, 1, 25);
  begin(own, 2, 2, 25);
  mesh_answer_end(&own->answers[0], true);
  begin(own, 3, 0, 25);  // it is taken; the next one begins
  begin(own, 4, 3, 25);
  begin(own, 5, 4, 25);
  assert_true(is_lost(own, 1));
  assert_false(is_lost(own, 2) || is_lost(own, 3) || is_lost(own, 4) || is_lost(own, 5));
  begin(own, 6, 1, 24);
  assert_true(is_lost(own, 2));
  assert_false(is_lost(own, 3) || is_lost(own, 6));
}

static void who_sends_may_be_the_one(void **state) {
  fixture *own = *state;
  begin(own, 0, 1, 20);
  begin(own, 1, 0, 81);
  assert_true(is_lost(own, 1));
  assert_false(is_lost(own, 0));
}

static void as_many_are_lost_as_there_have_to_be(void **state) {
  fixture *own = *state;
  for (int i = 0; i < 5; i++)
    begin(own, i, 0, 20);
  begin(own, 5, 1, 45);
  assert_true(is_lost(own, 0) && is_lost(own, 1) && is_lost(own, 2));
  assert_false(is_lost(own, 3) || is_lost(own, 4) || is_lost(own, 5));
  assert_int_equal(own->room.bytes, 85);
}

static void one_from_the_middle_may_go(void **state) {
  fixture *own = *state;
  for (int i = 0; i < 3; i++)
    begin(own, i, 0, 30);
  mesh_answer_end(&own->answers[1], true);
  begin(own, 3, 0, 50);
  assert_true(is_lost(own, 0));
  begin(own, 4, 1, 45);
  assert_true(is_lost(own, 2));
  assert_false(is_lost(own, 3) || is_lost(own, 4));
}

static void one_that_is_larger_than_the_room_is_lost_alone(void **state) {
  fixture *own = *state;
  begin(own, 0, 0, 40);
  begin(own, 1, 0, 40);
  begin(own, 2, 0, 101);
  assert_true(is_lost(own, 2));
  assert_false(is_lost(own, 0) || is_lost(own, 1));
  mesh_answer_end(&own->answers[0], true);
  mesh_answer_end(&own->answers[1], true);
  begin(own, 3, 0, 100);
  assert_false(is_lost(own, 3));
}

static void a_connection_that_loses_four_in_a_row_is_stuck(void **state) {
  fixture *own = *state;
  for (int i = 0; i < 3; i++)
    begin(own, i, 0, 30);
  begin(own, 3, 0, 95);
  assert_true(is_lost(own, 0) && is_lost(own, 1) && is_lost(own, 2));
  assert_null(stuck);
  mesh_answer_end(&own->answers[3], true);  // it takes one: the count begins anew
  for (int i = 4; i < 7; i++)
    begin(own, i, 0, 30);
  begin(own, 7, 0, 95);
  assert_true(is_lost(own, 4) && is_lost(own, 5) && is_lost(own, 6));
  assert_null(stuck);
  begin(own, 8, 0, 95);
  assert_true(is_lost(own, 7));
  assert_ptr_equal(stuck, &own->lines[0]);
  begin(own, 9, 0, 95);
  assert_true(is_lost(own, 8));  // it is told once
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_fits_stays, set_up, tear_down),
      cmocka_unit_test_setup_teardown(who_holds_most_loses_the_oldest, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_connection_that_loses_four_in_a_row_is_stuck, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(of_many_the_slowest_loses, set_up, tear_down),
      cmocka_unit_test_setup_teardown(who_sends_may_be_the_one, set_up, tear_down),
      cmocka_unit_test_setup_teardown(as_many_are_lost_as_there_have_to_be, set_up, tear_down),
      cmocka_unit_test_setup_teardown(one_from_the_middle_may_go, set_up, tear_down),
      cmocka_unit_test_setup_teardown(one_that_is_larger_than_the_room_is_lost_alone, set_up,
                                      tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
