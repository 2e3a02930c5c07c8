// Operations in the store: what is kept of them, lists and pages, how they are removed, and those
// of an older file.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/backend/store/harness.h"
#include "tests/unit.h"

// ---- what is kept ----

// All that is kept of an operation beside its kind, title and keys, as one line.
static void write_all(void *arg, const store_operation *o) {
  sprintf(arg, "%s %d %d e%lld n%lld s%lld.%lld u%lld by[%s] labels[%s] r[%.*s] c[%.*s] o[%.*s]",
          o->name, o->state, o->detached, (long long)o->epoch, (long long)o->last_sequence,
          (long long)o->source_epoch, (long long)o->source_sequence, (long long)o->updated_ns,
          o->requested_by, o->labels, (int)o->request.size_bytes, (const char *)o->request.data,
          (int)o->checkpoint.size_bytes, (const char *)o->checkpoint.data,
          (int)o->outcome.size_bytes, (const char *)o->outcome.data);
}

static void expect_operation(fixture *own, const char *name, const char *want) {
  char text[512] = "";
  mesh_error err;
  assert_int_equal(store_find_operation(own->store, name, NULL, write_all, text, &err),
                   GRPC_STATUS_OK);
  assert_string_equal(text, want);
}

static void append_ok(fixture *own, const store_event *event) {
  mesh_error err;
  if (store_append_event(own->store, event, &err) != GRPC_STATUS_OK) fail_msg("%s", err.message);
}

static void everything_is_kept(fixture *own) {
  store_operation operation = {.name = "load-1",
                               .kind = "load",
                               .title = "t",
                               .request_id = "",
                               .work_key = "k",
                               .labels = "a=1\nb=2\n",
                               .request = view_of("asked"),
                               .requested_by = "",
                               .state = 1,
                               .detached = true,
                               .epoch = 3,
                               .last_sequence = 1,
                               .source_epoch = 4,
                               .source_sequence = 5,
                               .updated_ns = 6,
                               .checkpoint = view_of("half")};
  mesh_error err;
  assert_int_equal(store_create_operation(own->store, &operation, view_of("e"), &err),
                   GRPC_STATUS_OK);
  reopen(own);
  expect_operation(own, "load-1",
                   "load-1 1 1 e3 n1 s4.5 u6 by[] labels[a=1\nb=2\n] r[asked] c[half] o[]");
}

static void what_is_empty_later_stays(fixture *own) {
  add_operation(own, "load-1", 1);
  store_event event = event_of("load-1", 2);
  event.checkpoint = view_of("half");
  append_ok(own, &event);
  event = event_of("load-1", 3);
  event.requested_by = "ann";
  event.state = 2;
  event.epoch = 2;
  event.source_epoch = 7;
  event.source_sequence = 8;
  append_ok(own, &event);
  expect_operation(own, "load-1", "load-1 2 0 e2 n3 s7.8 u0 by[ann] labels[] r[] c[half] o[]");
  event.sequence = 4;
  event.checkpoint = view_of("most");
  event.outcome = view_of("done");
  append_ok(own, &event);
  event = event_of("load-1", 5);
  event.epoch = 2;
  append_ok(own, &event);
  expect_operation(own, "load-1", "load-1 1 0 e2 n5 s0.0 u0 by[] labels[] r[] c[most] o[done]");
}

// ---- lists ----

static void write_name(void *arg, const store_operation *operation) {
  sprintf((char *)arg + strlen(arg), "%s ", operation->name);
}

static void add_listed(fixture *own, const char *name, const char *kind, const char *labels,
                       int64_t created_ns) {
  store_operation operation = {.name = name,
                               .kind = kind,
                               .title = "",
                               .labels = labels,
                               .state = 1,
                               .epoch = 1,
                               .last_sequence = 1,
                               .created_ns = created_ns};
  mesh_error err;
  assert_int_equal(store_create_operation(own->store, &operation, view_of("e"), &err),
                   GRPC_STATUS_OK);
}

typedef struct list_case {
  const char *what;
  store_filter filter;
  const char *want;
} list_case;

// c and d have the same time: then the names decide.
static const list_case list_cases[] = {
    {"all, newest first", {.limit = 9}, "e c d b a "},
    {"a limit", {.limit = 2}, "e c "},
    {"a kind", {.kind = "train", .limit = 9}, "d b "},
    {"a state", {.state = 3, .limit = 9}, "c b "},
    {"a kind and a state", {.kind = "train", .state = 3, .limit = 9}, "b "},
    {"a label", {.labels = "desk=rates\n", .limit = 9}, "c b "},
    {"two labels", {.labels = "desk=rates\nteam=blue\n", .limit = 9}, "b "},
    {"no part of a label", {.labels = "esk=rates\n", .limit = 9}, ""},
    {"no beginning of a label", {.labels = "desk=rate\n", .limit = 9}, ""},
    {"a label without its end of line", {.labels = "team=blue", .limit = 9}, "b "},
    {"a time from", {.created_from_ns = 30, .limit = 9}, "e c d "},
    {"a time to", {.created_to_ns = 30, .limit = 9}, "b a "},
    {"the next page", {.after = "c", .limit = 2}, "d b "},
    {"the last page", {.after = "a", .limit = 2}, ""},
    {"a page of a state", {.after = "c", .state = 3, .limit = 9}, "b "},
    {"a page and a time", {.after = "e", .created_to_ns = 30, .limit = 9}, "b a "},
};

static void lists_obey_their_filter(fixture *own) {
  add_listed(own, "a", "load", "", 10);
  add_listed(own, "b", "train", "desk=rates\nteam=blue\n", 20);
  add_listed(own, "d", "train", "desk=ratesx\n", 30);
  add_listed(own, "c", "load", "desk=rates\nteam=red\n", 30);
  add_listed(own, "e", "load", "", 40);
  end_operation(own, "b", 50);
  end_operation(own, "c", 50);
  for (size_t i = 0; i < sizeof list_cases / sizeof *list_cases; i++) {
    const list_case *c = &list_cases[i];
    char text[64] = "";
    mesh_error err;
    print_message("  %s\n", c->what);
    assert_int_equal(store_list_operations(own->store, &c->filter, write_name, text, &err),
                     GRPC_STATUS_OK);
    assert_string_equal(text, c->want);
  }
}

static void an_unknown_page_is_named(fixture *own) {
  store_filter filter = {.after = "nobody", .limit = 1};
  char text[64] = "";
  mesh_error err;
  assert_int_equal(store_list_operations(own->store, &filter, write_name, text, &err),
                   GRPC_STATUS_NOT_FOUND);
  assert_string_equal(err.message, "no operation 'nobody'");
}

// ---- events ----

static void take_sequence(void *arg, int64_t sequence, mesh_view event) {
  (void)event;
  sprintf((char *)arg + strlen(arg), "%lld ", (long long)sequence);
}

static void large_events_are_read_a_few_at_a_time(fixture *own) {
  static uint8_t bytes[100 * 1024];
  add_operation(own, "load-1", 1);
  for (int i = 2; i <= 5; i++) {
    store_event event = event_of("load-1", i);
    event.event = (mesh_view){bytes, i == 4 ? sizeof bytes : 14 * 1024};
    append_ok(own, &event);
  }
  static const char *const want[] = {"1 2 3 ", "2 3 ", "3 ", "4 ", "5 ", ""};
  for (int after = 0; after <= 5; after++) {
    char text[64] = "";
    mesh_error err;
    assert_int_equal(store_read_events(own->store, "load-1", after, 100, take_sequence, text, &err),
                     GRPC_STATUS_OK);
    assert_string_equal(text, want[after]);
  }
}

// ---- remove ----

static void what_has_ended_is_removed_with_its_events(fixture *own) {
  add_operation(own, "load-1", 1);
  add_operation(own, "load-2", 2);
  int64_t events = 0;
  mesh_error err;
  assert_int_equal(store_remove_operation(own->store, "load-1", &events, &err),
                   GRPC_STATUS_FAILED_PRECONDITION);
  assert_non_null(strstr(err.message, "load-1 has not ended"));
  end_operation(own, "load-1", 5);
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
  int64_t before_ns, keep;
  const char *left;
} prune_case;

// "old" runs since the beginning; 1 to 5 ended at 10 to 50.
static const prune_case prune_cases[] = {
    {"nothing without a bound", 0, 0, "5 4 3 2 1 old "},
    {"what is older", 30, 0, "5 4 3 old "},
    {"all but the newest", 0, 2, "5 4 old "},
    {"both", 30, 1, "5 old "},
    {"fewer than are kept", 0, 9, "5 4 3 2 1 old "},
};

static void pruning_removes_what_ended_long_ago(fixture *own) {
  static const char *const names[] = {"1", "2", "3", "4", "5"};
  add_operation(own, "old", 1);
  for (size_t i = 0; i < sizeof prune_cases / sizeof *prune_cases; i++) {
    const prune_case *c = &prune_cases[i];
    print_message("  %s\n", c->what);
    for (int j = 0; j < 5; j++) {
      add_operation(own, names[j], 5 + j);
      end_operation(own, names[j], 10 * (j + 1));
    }
    int64_t removed = -1;
    mesh_error err;
    char text[64] = "", events[64];
    store_filter filter = {.limit = 99};
    assert_int_equal(store_prune_operations(own->store, c->before_ns, c->keep, &removed, &err),
                     GRPC_STATUS_OK);
    assert_int_equal(store_list_operations(own->store, &filter, write_name, text, &err),
                     GRPC_STATUS_OK);
    assert_string_equal(text, c->left);
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

// More than one transaction removes at a time.
static void many_are_pruned(fixture *own) {
  enum { COUNT = 450 };
  char name[32];
  for (int i = 0; i < COUNT; i++) {
    snprintf(name, sizeof name, "load-%d", i);
    add_operation(own, name, i);
    end_operation(own, name, i);
  }
  int64_t removed = 0;
  mesh_error err;
  assert_int_equal(store_prune_operations(own->store, 0, 3, &removed, &err), GRPC_STATUS_OK);
  assert_int_equal(removed, COUNT - 3);
  store_filter filter = {.limit = 9};
  char text[64] = "";
  assert_int_equal(store_list_operations(own->store, &filter, write_name, text, &err),
                   GRPC_STATUS_OK);
  assert_string_equal(text, "load-449 load-448 load-447 ");
}

// ---- an older file ----

static const char version_1[] =
    "PRAGMA page_size=8192; PRAGMA application_id=0x4d494c52; PRAGMA user_version=1;"
    "CREATE TABLE series("
    " id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, timeframe TEXT NOT NULL,"
    " bars INTEGER NOT NULL DEFAULT 0, first_s INTEGER, last_s INTEGER,"
    " updated_ns INTEGER NOT NULL DEFAULT 0, UNIQUE(symbol, timeframe));"
    "CREATE TABLE bars("
    " series INTEGER NOT NULL, time_s INTEGER NOT NULL,"
    " open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL,"
    " volume REAL, PRIMARY KEY(series, time_s)) WITHOUT ROWID;"
    "CREATE TABLE coverage("
    " series INTEGER NOT NULL, from_s INTEGER NOT NULL, to_s INTEGER NOT NULL,"
    " state INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY(series, from_s)) WITHOUT ROWID;"
    "CREATE TABLE operations("
    " name TEXT PRIMARY KEY, kind TEXT NOT NULL, title TEXT NOT NULL, request_id TEXT UNIQUE,"
    " work_key TEXT NOT NULL, state INTEGER NOT NULL, detached INTEGER NOT NULL,"
    " epoch INTEGER NOT NULL, last_sequence INTEGER NOT NULL, created_ns INTEGER NOT NULL,"
    " updated_ns INTEGER NOT NULL, outcome BLOB);"
    "CREATE INDEX operations_by_time ON operations(created_ns);"
    "CREATE INDEX operations_by_state ON operations(state);"
    "CREATE TABLE events("
    " operation TEXT NOT NULL, sequence INTEGER NOT NULL, event BLOB NOT NULL,"
    " PRIMARY KEY(operation, sequence)) WITHOUT ROWID;"
    "INSERT INTO operations VALUES('z','load','t','r1','k',3,1,2,2,10,20,CAST('done' AS BLOB));"
    "INSERT INTO operations VALUES('a','load','t',NULL,'',1,0,1,3,11,21,NULL);"
    "INSERT INTO events VALUES('z',1,x'65'),('z',2,x'65'),('a',1,x'65'),('a',2,x'65'),"
    " ('a',3,x'65');"
    "INSERT INTO series VALUES(1,'SPX','1m',1,0,0,5);"
    "INSERT INTO bars VALUES(1,0,1,1,1,1,NULL);";

static void version_1_is_brought_up_to_date(fixture *own) {
  close_store(own);
  assert_int_equal(unlink(own->path), 0);
  sqlite3 *db;
  assert_int_equal(sqlite3_open(own->path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, version_1, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(db);
  for (int opened = 0; opened < 2; opened++) {  // as of the second time it is version 2
    open_store(own);
    expect_operation(own, "z", "z 3 1 e2 n2 s0.0 u20 by[] labels[] r[] c[] o[done]");
    char text[64];
    read_sequences(own, "z", text);
    assert_string_equal(text, "1 2 ");
    read_sequences(own, "a", text);
    assert_string_equal(text, opened == 0 ? "1 2 3 " : "1 2 3 4 ");
    assert_int_equal(count_bars(own), 1);
    store_event event = event_of("a", opened == 0 ? 4 : 5);
    append_ok(own, &event);
    if (opened == 0) close_store(own);
  }
}

static const row rows[] = {
    {"everything is kept", everything_is_kept},
    {"what is empty later stays", what_is_empty_later_stays},
    {"lists obey their filter", lists_obey_their_filter},
    {"an unknown page is named", an_unknown_page_is_named},
    {"large events are read a few at a time", large_events_are_read_a_few_at_a_time},
    {"what has ended is removed with its events", what_has_ended_is_removed_with_its_events},
    {"pruning removes what ended long ago", pruning_removes_what_ended_long_ago},
    {"many are pruned", many_are_pruned},
    {"version 1 is brought up to date", version_1_is_brought_up_to_date},
};

int main(void) {
  if (getenv("TEST_TMPDIR") != NULL && chdir(getenv("TEST_TMPDIR")) != 0) return 1;
  RUN_ROWS("operations", rows, run_row);
}
