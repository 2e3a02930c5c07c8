// For tests of the store: a database of its own for each row, and bars to put into it.
#ifndef MILLRACE_TESTS_BACKEND_STORE_HARNESS_H
#define MILLRACE_TESTS_BACKEND_STORE_HARNESS_H

#include "backend/store/store.h"

typedef struct fixture {
  char path[256];
  store *store;
} fixture;

typedef struct row {
  const char *name;
  void (*run)(fixture *own);
} row;

// Runs the row that *state points to on a new database; closes it after. A cmocka test function.
void run_row(void **state);

// Opens and closes own->store; a failure fails the test. close_store() leaves NULL.
void open_store(fixture *own);
void close_store(fixture *own);
void reopen(fixture *own);

// The series that these tests write, of a source that nobody wrote down.
extern const series_key spx_1m;

enum { BARS_MAX = 1000 };

typedef struct test_bars {
  int64_t times[BARS_MAX];
  double price[BARS_MAX], volume[BARS_MAX];
  store_bars view;
} test_bars;

// Bars of one minute from `from_s` on.
void make_bars(test_bars *out, int64_t from_s, size_t count, double price);

// Puts `count` bars from `from_s` on into SPX 1m, with coverage of [from, to).
MESH_NODISCARD mesh_code put(fixture *own, int64_t from_s, int64_t to_s, store_coverage_state state,
                             const char *reason, size_t count, mesh_error *err);
void put_ok(fixture *own, int64_t from_s, int64_t to_s, store_coverage_state state,
            const char *reason, size_t count);

// How many bars of SPX 1m there are.
int64_t count_bars(fixture *own);

// The bytes of a text, without its NUL.
mesh_view view_of(const char *text);

// Adds a running operation with its first event: its kind is "load", its request id is its name.
void add_operation(fixture *own, const char *name, int64_t created_ns);

// Event number `sequence` of an operation: its bytes are "e", its epoch is 1.
store_event event_of(const char *operation, int64_t sequence);

// The number that a question of the store's file is answered with: "SELECT count(*) FROM bars".
int64_t count_rows(fixture *own, const char *sql);

// Appends an event; a failure fails the test.
void append_ok(fixture *own, const store_event *event);

// For store_list_operations(): writes the names, a blank behind each, to the text that `arg` is.
void write_operation_name(void *arg, const store_operation *operation);

// Ends an operation with its event number 2.
void end_operation(fixture *own, const char *name);

// What the stores of this test take for the machine's clocks; see store_options.
extern store_moment test_moment;
void read_test_moment(store_moment *out);

// The numbers of an operation's events, "1 2 3 "; "gone" if there is no such operation.
void read_sequences(fixture *own, const char *name, char *out);

// Makes the tables what they were in version 7.
#define TO_VERSION_7                                                                              \
  "ALTER TABLE series RENAME TO series_8;"                                                        \
  "CREATE TABLE series("                                                                          \
  " id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, timeframe TEXT NOT NULL, source TEXT NOT NULL," \
  " prices TEXT NOT NULL, session TEXT NOT NULL, bars INTEGER NOT NULL DEFAULT 0,"                \
  " first_s INTEGER, last_s INTEGER, updated_ns INTEGER NOT NULL DEFAULT 0,"                      \
  " probed_s INTEGER NOT NULL DEFAULT 0, UNIQUE(symbol, timeframe, source, prices, session));"    \
  "INSERT INTO series SELECT * FROM series_8; DROP TABLE series_8; PRAGMA user_version=7;"

// Makes the tables what they were in version 6.
#define TO_VERSION_6                                                                \
  "DROP TABLE instruments; DROP TABLE aliases; DROP TABLE changes;"                 \
  "ALTER TABLE series RENAME TO series_7;"                                          \
  "CREATE TABLE series("                                                            \
  " id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, timeframe TEXT NOT NULL,"         \
  " source TEXT NOT NULL, bars INTEGER NOT NULL DEFAULT 0, first_s INTEGER,"        \
  " last_s INTEGER, updated_ns INTEGER NOT NULL DEFAULT 0,"                         \
  " UNIQUE(symbol, timeframe, source));"                                            \
  "INSERT INTO series SELECT id, symbol, timeframe, source, bars, first_s, last_s," \
  " updated_ns FROM series_7; DROP TABLE series_7; PRAGMA user_version=6;"

#endif
