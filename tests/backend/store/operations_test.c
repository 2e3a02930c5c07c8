// Operations in the store: what is kept of them, lists and pages, and those of an older file.
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
  end_operation(own, "b");
  end_operation(own, "c");
  for (size_t i = 0; i < sizeof list_cases / sizeof *list_cases; i++) {
    const list_case *c = &list_cases[i];
    char text[64] = "";
    bool more;
    mesh_error err;
    print_message("  %s\n", c->what);
    assert_int_equal(
        store_list_operations(own->store, &c->filter, write_operation_name, text, &more, &err),
        GRPC_STATUS_OK);
    assert_string_equal(text, c->want);
  }
}

static void an_unknown_page_is_named(fixture *own) {
  store_filter filter = {.after = "nobody", .limit = 1};
  char text[64] = "";
  bool more;
  mesh_error err;
  assert_int_equal(
      store_list_operations(own->store, &filter, write_operation_name, text, &more, &err),
      GRPC_STATUS_NOT_FOUND);
  assert_string_equal(err.message, "no operation 'nobody'");
}

// Pages of a list with many, and with large ones; what it does not show it does not read.
static void count_whole(void *arg, const store_operation *operation) {
  size_t *sizes = arg;
  sizes[0]++;
  sizes[1] += operation->request.size_bytes + operation->checkpoint.size_bytes;
}

static void expect_page(fixture *own, const store_filter *filter, size_t count, size_t size_bytes,
                        bool want_more) {
  size_t got[2] = {0};
  bool more;
  mesh_error err;
  assert_int_equal(store_list_operations(own->store, filter, count_whole, got, &more, &err),
                   GRPC_STATUS_OK);
  assert_int_equal(got[0], count);
  assert_int_equal(got[1], size_bytes);
  assert_int_equal(more, want_more);
}

static void a_page_has_a_few_hundred(fixture *own) {
  char name[32];
  for (int i = 0; i < 600; i++) {
    snprintf(name, sizeof name, "load-%d", i);
    add_listed(own, name, "load", "", i + 1);
  }
  store_filter filter = {.limit = 1000};
  expect_page(own, &filter, 256, 0, true);
  end_operation(own, "load-344");  // the last one of that page
  mesh_error err;
  assert_int_equal(store_remove_operation(own->store, "load-344", NULL, &err), GRPC_STATUS_OK);
  filter = (store_filter){.after = "load-344", .after_created_ns = 345, .limit = 256};
  expect_page(own, &filter, 256, 0, false);  // its time makes that it need not be there
  filter = (store_filter){.after = "load-88", .limit = 1000};
  expect_page(own, &filter, 88, 0, false);
}

static void a_page_has_a_few_hundred_kilobytes(fixture *own) {
  static uint8_t large[100 * 1024];
  store_operation operation = {.kind = "train",
                               .title = "",
                               .state = 1,
                               .last_sequence = 1,
                               .request = {large, sizeof large},
                               .checkpoint = {large, sizeof large}};
  char name[32];
  mesh_error err;
  for (int i = 0; i < 5; i++) {
    snprintf(name, sizeof name, "train-%d", i);
    operation.name = name;
    operation.created_ns = 1000 + i;
    assert_int_equal(store_create_operation(own->store, &operation, view_of("e"), &err),
                     GRPC_STATUS_OK);
  }
  store_filter filter = {.whole = true, .limit = 5};
  expect_page(own, &filter, 2, 4 * sizeof large, true);  // the second one passes the bound
  filter.whole = false;
  expect_page(own, &filter, 5, 0, false);  // what is not shown is not read
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

// What another program did to the file while the store was closed.
static void damage(fixture *own, const char *sql) {
  sqlite3 *db;
  close_store(own);
  assert_int_equal(sqlite3_open(own->path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(db);
  open_store(own);
}

typedef struct gap_case {
  const char *what, *sql;
  int64_t after;
  int limit;
  mesh_code code;
  const char *passed;   // those that were passed on
  const char *message;  // a part of it
} gap_case;

// load-1 has five events.
static const gap_case gap_cases[] = {
    {"the first one", "DELETE FROM recent WHERE sequence=1", 0, 9, GRPC_STATUS_DATA_LOSS, "",
     "event 1 is missing, event 2 is next"},
    {"one in between", "DELETE FROM recent WHERE sequence=3", 0, 9, GRPC_STATUS_DATA_LOSS, "1 2 ",
     "event 3 is missing, event 4 is next: what follows can be read after event 3"},
    {"what follows", "DELETE FROM recent WHERE sequence=3", 3, 9, GRPC_STATUS_OK, "4 5 ", ""},
    {"two at once", "DELETE FROM recent WHERE sequence IN (3, 4)", 1, 9, GRPC_STATUS_DATA_LOSS,
     "2 ", "event 3 is missing, event 5 is next"},
    {"the last ones", "DELETE FROM recent WHERE sequence>=4", 0, 9, GRPC_STATUS_DATA_LOSS, "1 2 3 ",
     "has 5 events, but event 4 and all after it are missing"},
    {"the last one, a page before", "DELETE FROM recent WHERE sequence>=4", 0, 3, GRPC_STATUS_OK,
     "1 2 3 ", ""},
    {"all of them", "DELETE FROM recent", 0, 9, GRPC_STATUS_DATA_LOSS, "", "event 1 and all after"},
    {"one that moved on",
     "INSERT INTO events SELECT operation, sequence, event FROM recent; DELETE FROM recent;"
     "DELETE FROM events WHERE sequence=2",
     0, 9, GRPC_STATUS_DATA_LOSS, "1 ", "event 2 is missing"},
    {"nothing", "SELECT 1", 0, 9, GRPC_STATUS_OK, "1 2 3 4 5 ", ""},
    {"nothing, after the end", "SELECT 1", 5, 9, GRPC_STATUS_OK, "", ""},
};

static void a_missing_event_is_named(fixture *own) {
  for (size_t i = 0; i < sizeof gap_cases / sizeof *gap_cases; i++) {
    const gap_case *c = &gap_cases[i];
    print_message("  %s\n", c->what);
    close_store(own);
    snprintf(own->path, sizeof own->path, "gap-%d-%zu.db", getpid(), i);
    open_store(own);
    add_operation(own, "load-1", 1);
    for (int sequence = 2; sequence <= 5; sequence++) {
      store_event event = event_of("load-1", sequence);
      append_ok(own, &event);
    }
    damage(own, c->sql);
    char text[64] = "";
    mesh_error err = {0};
    assert_int_equal(
        store_read_events(own->store, "load-1", c->after, c->limit, take_sequence, text, &err),
        c->code);
    assert_string_equal(text, c->passed);
    assert_non_null(strstr(err.message, c->message));
    if (c->code != GRPC_STATUS_OK) assert_non_null(strstr(err.message, "load-1"));
  }
}

// A row of nonsense is read as far as it goes, and does not end a list.
static void damaged_rows_do_not_end_a_list(fixture *own) {
  add_operation(own, "load-1", 1);
  add_operation(own, "load-2", 2);
  add_operation(own, "load-3", 3);
  damage(own,
         "PRAGMA ignore_check_constraints=1; PRAGMA writable_schema=1;"
         "UPDATE operations SET title=x'ff00ff', labels=x'ff', requested_by=7, outcome='text',"
         " updated_ns='soon', epoch=1e300 WHERE name='load-2'");
  char text[64] = "";
  store_filter filter = {.limit = 9};
  bool more;
  mesh_error err;
  assert_int_equal(
      store_list_operations(own->store, &filter, write_operation_name, text, &more, &err),
      GRPC_STATUS_OK);
  assert_string_equal(text, "load-3 load-2 load-1 ");
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
    {"a page has a few hundred", a_page_has_a_few_hundred},
    {"a page has a few hundred kilobytes", a_page_has_a_few_hundred_kilobytes},
    {"large events are read a few at a time", large_events_are_read_a_few_at_a_time},
    {"a missing event is named", a_missing_event_is_named},
    {"damaged rows do not end a list", damaged_rows_do_not_end_a_list},
    {"version 1 is brought up to date", version_1_is_brought_up_to_date},
};

int main(void) {
  if (getenv("TEST_TMPDIR") != NULL && chdir(getenv("TEST_TMPDIR")) != 0) return 1;
  RUN_ROWS("operations", rows, run_row);
}
