// How long operations stay in the store: what is removed, pruned, and how old it is.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/backend/store/harness.h"
#include "tests/unit.h"

// ---- remove ----

static void what_has_ended_is_removed_with_its_events(fixture *own) {
  add_operation(own, "load-1", 1);
  add_operation(own, "load-2", 2);
  int64_t events = 0;
  mesh_error err;
  assert_int_equal(store_remove_operation(own->store, "load-1", &events, &err),
                   GRPC_STATUS_FAILED_PRECONDITION);
  assert_non_null(strstr(err.message, "load-1 has not ended"));
  end_operation(own, "load-1");
  assert_int_equal(store_remove_operation(own->store, "load-1", &events, &err), GRPC_STATUS_OK);
  assert_int_equal(events, 2);
  assert_int_equal(store_remove_operation(own->store, "load-1", NULL, &err), GRPC_STATUS_NOT_FOUND);
  add_operation(own, "load-1", 1);  // the name is free, and has no past
  char text[64];
  read_sequences(own, "load-1", text);
  assert_string_equal(text, "1 ");
  read_sequences(own, "load-2", text);
  assert_string_equal(text, "1 ");
}

typedef struct prune_case {
  const char *what;
  int64_t older_s, keep;
  const char *left;
} prune_case;

// "old" runs since the beginning; 1 to 5 ended 50 to 10 seconds ago.
static const prune_case prune_cases[] = {
    {"nothing without a bound", 0, 0, "5 4 3 2 1 old "},
    {"what is older", 30, 0, "5 4 3 old "},
    {"all but the last", 0, 2, "5 4 old "},
    {"both", 30, 1, "5 old "},
    {"both, the other way", 10, 3, "5 old "},
    {"fewer than are kept", 0, 9, "5 4 3 2 1 old "},
};

static void prune(fixture *own, int64_t older_s, int64_t keep, int64_t *removed) {
  bool more = true;
  mesh_error err;
  *removed = 0;
  while (more) {
    int64_t some = 0;
    assert_int_equal(store_prune_operations(own->store, older_s, keep, &some, &more, &err),
                     GRPC_STATUS_OK);
    *removed += some;
  }
}

static void expect_list(fixture *own, const char *want) {
  store_filter filter = {.limit = 9};
  char text[256] = "";
  bool more;
  mesh_error err;
  assert_int_equal(
      store_list_operations(own->store, &filter, write_operation_name, text, &more, &err),
      GRPC_STATUS_OK);
  assert_string_equal(text, want);
}

static void pruning_removes_what_ended_long_ago(fixture *own) {
  static const char *const names[] = {"1", "2", "3", "4", "5"};
  add_operation(own, "old", 1);
  for (size_t i = 0; i < sizeof prune_cases / sizeof *prune_cases; i++) {
    const prune_case *c = &prune_cases[i];
    print_message("  %s\n", c->what);
    for (int j = 0; j < 5; j++) {
      add_operation(own, names[j], 5 + j);
      end_operation(own, names[j]);
      test_moment.boot_s += 10;
    }
    int64_t removed;
    mesh_error err;
    char events[64];
    prune(own, c->older_s, c->keep, &removed);
    expect_list(own, c->left);
    for (int j = 0; j < 5; j++) {
      read_sequences(own, names[j], events);
      bool gone = strstr(c->left, names[j]) == NULL;
      assert_string_equal(events, gone ? "gone" : "1 2 ");
      removed -= gone;
      if (!gone) {
        assert_int_equal(store_remove_operation(own->store, names[j], NULL, &err), GRPC_STATUS_OK);
      }
    }
    assert_int_equal(removed, 0);
  }
}

// A few in each transaction, so that a process which leaves need not wait for all of them.
static void many_are_pruned_a_few_at_a_time(fixture *own) {
  enum { COUNT = 120 };
  char name[32];
  for (int i = 0; i < COUNT; i++) {
    snprintf(name, sizeof name, "load-%d", i);
    add_operation(own, name, i);
    end_operation(own, name);
  }
  int64_t removed = 0;
  bool more = false;
  mesh_error err;
  assert_int_equal(store_prune_operations(own->store, 0, 3, &removed, &more, &err), GRPC_STATUS_OK);
  assert_int_equal(removed, 50);
  assert_true(more);
  prune(own, 0, 3, &removed);
  assert_int_equal(removed, COUNT - 50 - 3);
  expect_list(own, "load-119 load-118 load-117 ");
}

// A long history goes piece by piece after the operation has gone, and not in the way of others.
static void what_is_removed_is_cleared_between_other_writes(fixture *own) {
  enum { EVENTS = 5000 };
  add_operation(own, "long", 1);
  for (int i = 2; i < EVENTS; i++) {
    store_event event = event_of("long", i);
    append_ok(own, &event);
  }
  store_event event = event_of("long", EVENTS);
  event.state = 3;
  append_ok(own, &event);
  int64_t events = 0;
  mesh_error err;
  assert_int_equal(store_remove_operation(own->store, "long", &events, &err), GRPC_STATUS_OK);
  assert_int_equal(events, EVENTS);
  add_operation(own, "other", 2);  // before the history has gone
  expect_list(own, "other ");
  close_store(own);  // does not wait for it either
  open_store(own);   // what is left goes now, a piece after each write
  int64_t left = EVENTS;
  for (int i = 2; left > 1; i++) {
    event = event_of("other", i);
    append_ok(own, &event);
    left = count_rows(own,
                      "SELECT (SELECT count(*) FROM events e JOIN operations o ON o.id=e.operation"
                      " WHERE state=-1) + (SELECT count(*) FROM operations)");
    assert_true(i < 1000);
  }
  char text[8192];
  read_sequences(own, "other", text);
  assert_memory_equal(text, "1 2 ", 4);
}

// ---- ages ----

typedef struct age_case {
  const char *what;
  store_moment after;  // the machine's clocks at the next start
  const char *left;    // of what ended just before, once what is older than a day is pruned
} age_case;

#define DAY INT64_C(86400)
#define YEAR (365 * DAY)

static const age_case age_cases[] = {
    {"a clock that is a year ahead", {1700000000 + YEAR, 200, "first"}, "a "},
    {"a year ahead after a boot", {1700000000 + YEAR, 5, "second"}, "a "},
    {"a clock of 1970", {10, 200, "first"}, "a "},
    {"a clock of 1970 after a boot", {10, 5, "second"}, "a "},
    {"two days that it has seen", {1700000000, 100 + 2 * DAY, "first"}, ""},
    {"two days, and a clock that is behind", {10, 100 + 2 * DAY, "first"}, ""},
};

static void only_time_that_was_seen_makes_old(fixture *own) {
  store_moment before = {.wall_s = 1700000000, .boot_s = 100, .boot = "first"};
  for (size_t i = 0; i < sizeof age_cases / sizeof *age_cases; i++) {
    const age_case *c = &age_cases[i];
    print_message("  %s\n", c->what);
    close_store(own);
    snprintf(own->path, sizeof own->path, "age-%d-%zu.db", getpid(), i);
    test_moment = before;
    open_store(own);
    add_operation(own, "a", 1);
    end_operation(own, "a");
    close_store(own);
    test_moment = c->after;
    open_store(own);
    int64_t removed;
    prune(own, DAY, 0, &removed);
    expect_list(own, c->left);
    close_store(own);  // and at the right time again
    test_moment = before;
    open_store(own);
    prune(own, DAY, 0, &removed);
    expect_list(own, c->left);
  }
  test_moment = before;
}

// A machine that is off every other day: each start believes half a day.
static void time_that_was_not_seen_counts_a_little(fixture *own) {
  int64_t removed;
  add_operation(own, "a", 1);
  end_operation(own, "a");
  for (int start = 1; start <= 3; start++) {
    close_store(own);
    test_moment.wall_s += 10 * DAY;
    test_moment.boot_s = 1;
    snprintf(test_moment.boot, sizeof test_moment.boot, "boot %d", start);
    open_store(own);
    prune(own, DAY, 0, &removed);
    expect_list(own, start < 3 ? "a " : "");
  }
}

static const row rows[] = {
    {"what has ended is removed with its events", what_has_ended_is_removed_with_its_events},
    {"pruning removes what ended long ago", pruning_removes_what_ended_long_ago},
    {"many are pruned a few at a time", many_are_pruned_a_few_at_a_time},
    {"what is removed is cleared between other writes",
     what_is_removed_is_cleared_between_other_writes},
    {"only time that was seen makes old", only_time_that_was_seen_makes_old},
    {"time that was not seen counts a little", time_that_was_not_seen_counts_a_little},
};

int main(void) {
  if (getenv("TEST_TMPDIR") != NULL && chdir(getenv("TEST_TMPDIR")) != 0) return 1;
  RUN_ROWS("retention", rows, run_row);
}
