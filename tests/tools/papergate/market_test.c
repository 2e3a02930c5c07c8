#include "tools/papergate/market.h"

#include <string.h>
#include <unistd.h>

#include "host/ib/bar_size.h"
#include "tests/tools/papergate/files.h"
#include "tools/papergate/csv.h"

#define ROW "2020-01-02T00:00:00Z,1,2,0.5,1.5,10\n"

static const struct line_case {
  const char *name, *text;
  const char *want;  // what the error says behind the path; NULL: the file is good
} lines[] = {
    {"two bars", CSV_HEADER ROW "2020-01-03T00:00:00Z,1,2,0.5,1.5,10\n", NULL},
    {"no bar", CSV_HEADER, NULL},
    {"no newline at the end", CSV_HEADER "2020-01-02T00:00:00Z,1,2,0.5,1.5,10", NULL},
    {"line ends of Windows", "time_utc,open,high,low,close,volume\r\n2020-01-02,1,2,0.5,1,0\r\n",
     NULL},
    {"an open above the high is passed on", CSV_HEADER "2020-01-02T00:00:00Z,9,2,0.5,1,10\n", NULL},
    {"an empty file", "", ":1: the file is empty"},
    {"another header", "date,open,high,low,close,volume\n" ROW, ":1: the header must be"},
    {"a word for a number", CSV_HEADER ROW "2020-01-03T00:00:00Z,1,x,0.5,1,10\n",
     ":3: not a number: \"x\""},
    {"no volume", CSV_HEADER "2020-01-03T00:00:00Z,1,2,0.5,1,\n", ":2: not a number: \"\""},
    {"not a number", CSV_HEADER "2020-01-03T00:00:00Z,nan,2,0.5,1,1\n",
     ":2: not a number: \"nan\""},
    {"infinity", CSV_HEADER "2020-01-03T00:00:00Z,1,inf,0.5,1,1\n", ":2: not a number: \"inf\""},
    {"a field short", CSV_HEADER "2020-01-03T00:00:00Z,1,2,0.5,1\n", ":2: not six fields"},
    {"a field more", CSV_HEADER "2020-01-03T00:00:00Z,1,2,0.5,1,1,1\n", ":2: not six fields"},
    {"an empty line", CSV_HEADER "\n" ROW, ":2: not six fields"},
    {"no time", CSV_HEADER "soon,1,2,0.5,1,1\n", ":2: not a UTC time: \"soon\""},
    {"the same time twice", CSV_HEADER ROW ROW, ":3: not after the bar before it"},
    {"time goes back", CSV_HEADER ROW "2020-01-01T00:00:00Z,1,2,0.5,1,10\n",
     ":3: not after the bar before it"},
    {"high below low", CSV_HEADER "2020-01-03T00:00:00Z,1,0.5,2,1,1\n",
     ":2: the high is below the low"},
    {"a day that starts at noon", CSV_HEADER "2020-01-03T12:00:00Z,1,2,0.5,1,1\n",
     ":2: a bar of a day or longer starts at 00:00:00Z"},
};

static void check_line(void **state) {
  const struct line_case *c = *state;
  char directory[PATH_MAX], want[PATH_MAX + 128];
  make_directory(directory);
  write_file(directory, "BAD-1d.csv", c->text);
  pg_market *market = NULL;
  mesh_error err = {0};
  mesh_code code = pg_market_load(directory, &market, &err);
  if (c->want == NULL) {
    assert_int_equal(code, GRPC_STATUS_OK);
    pg_market_destroy(market);
    return;
  }
  assert_int_equal(code, GRPC_STATUS_INVALID_ARGUMENT);
  assert_null(market);
  snprintf(want, sizeof want, "%s/BAD-1d.csv%s", directory, c->want);
  if (strncmp(err.message, want, strlen(want)) != 0) fail_msg("%s", err.message);
  assert_null(strchr(err.message, '\n'));
}

static const struct name_case {
  const char *name, *file;
  const char *symbol;  // NULL: refused; "": passed over
} names[] = {
    {"a symbol and a timeframe", "EURUSD-1d.csv", "EURUSD"},
    {"a dash in the symbol", "BRK-B-1d.csv", "BRK-B"},
    {"another ending", "README.md", ""},
    {"a hidden file", ".EURUSD-1d.csv", ""},
    {"no timeframe", "EURUSD.csv", NULL},
    {"an unknown timeframe", "EURUSD-7m.csv", NULL},
    {"no symbol", "-1d.csv", NULL},
    {"a symbol of 32 letters", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF-1d.csv", NULL},
};

static void check_name(void **state) {
  const struct name_case *c = *state;
  char directory[PATH_MAX];
  make_directory(directory);
  write_file(directory, c->file, CSV_HEADER ROW);
  pg_market *market = NULL;
  mesh_error err = {0};
  mesh_code code = pg_market_load(directory, &market, &err);
  if (c->symbol == NULL) {
    assert_int_equal(code, GRPC_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, c->file));
    return;
  }
  assert_int_equal(code, GRPC_STATUS_OK);
  assert_int_equal(pg_market_count(market), *c->symbol == '\0' ? 0 : 1);
  if (*c->symbol != '\0') assert_non_null(pg_market_find(market, c->symbol));
  assert_null(pg_market_find(market, "NONE"));
  pg_market_destroy(market);
}

static void a_missing_directory_is_named(void **state) {
  (void)state;
  pg_market *market;
  mesh_error err;
  assert_int_equal(pg_market_load("/nonexistent/market", &market, &err), GRPC_STATUS_NOT_FOUND);
  assert_string_equal(err.message,
                      "market directory /nonexistent/market: No such file or directory");
  assert_null(market);
}

static void a_file_is_no_directory(void **state) {
  (void)state;
  char directory[PATH_MAX], path[PATH_MAX + 16];
  make_directory(directory);
  write_file(directory, "file", "");
  snprintf(path, sizeof path, "%s/file", directory);
  pg_market *market;
  mesh_error err;
  assert_int_equal(pg_market_load(path, &market, &err), GRPC_STATUS_NOT_FOUND);
  assert_non_null(strstr(err.message, "Not a directory"));
}

static void an_unreadable_file_is_named(void **state) {
  (void)state;
  char directory[PATH_MAX], link[PATH_MAX + 16];
  make_directory(directory);
  snprintf(link, sizeof link, "%s/GONE-1d.csv", directory);
  assert_int_equal(symlink("/nonexistent/file", link), 0);
  pg_market *market;
  mesh_error err;
  assert_int_equal(pg_market_load(directory, &market, &err), GRPC_STATUS_NOT_FOUND);
  assert_non_null(strstr(err.message, "GONE-1d.csv: No such file"));
}

static void symbols_are_in_order_and_have_all_their_files(void **state) {
  (void)state;
  char directory[PATH_MAX];
  make_directory(directory);
  write_file(directory, "MSFT-1d.csv", CSV_HEADER "2020-01-02,1,2,0.5,1,1\n");
  write_file(directory, "AAPL-1h.csv", CSV_HEADER "2020-01-02T10:00:00Z,1,2,0.5,1,1\n");
  write_file(directory, "AAPL-1d.csv", CSV_HEADER "2019-12-31,1,2,0.5,1,1\n");
  pg_market *market;
  mesh_error err;
  assert_int_equal(pg_market_load(directory, &market, &err), GRPC_STATUS_OK);
  assert_int_equal(pg_market_count(market), 2);
  const pg_listing *aapl = pg_market_at(market, 0);
  assert_string_equal(aapl->symbol, "AAPL");
  assert_string_equal(pg_market_at(market, 1)->symbol, "MSFT");
  int64_t first, end;
  assert_true(pg_listing_first(aapl, &first));
  assert_int_equal(first, 1577750400);  // the day
  assert_true(pg_listing_end(aapl, &end));
  assert_int_equal(end, 1577962800);  // the hour's end
  pg_market_destroy(market);
}

static const struct source_case {
  const char *name, *size;
  const char *source;  // of files 5m, 1h and 1w; NULL: none
} sources[] = {
    {"a file of its own", "1h", "1h"},
    {"the nearest finer one", "4h", "1h"},
    {"one that divides it", "15m", "5m"},
    {"an hour is no multiple of it", "20m", "5m"},
    {"days from hours", "1d", "1h"},
    {"weeks from their own file", "1w", "1w"},
    {"months not from weeks", "1M", "1h"},
    {"nothing is fine enough", "1m", NULL},
    {"three minutes are no fives", "3m", NULL},
};

static void check_source(void **state) {
  const struct source_case *c = *state;
  pg_listing listing = {.symbol = "X"};
  const char *const files[] = {"5m", "1h", "1w"};
  for (size_t i = 0; i < COUNT_OF(files); i++) {
    listing.present[timeframe_named(files[i]) - timeframes()] = true;
  }
  const timeframe *source = pg_listing_source(&listing, timeframe_named(c->size));
  if (c->source == NULL) {
    assert_null(source);
  } else {
    assert_non_null(source);
    assert_string_equal(source->text, c->source);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_missing_directory_is_named),
      cmocka_unit_test(a_file_is_no_directory),
      cmocka_unit_test(an_unreadable_file_is_named),
      cmocka_unit_test(symbols_are_in_order_and_have_all_their_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL) + RUN_ROWS(lines, check_line) +
         RUN_ROWS(names, check_name) + RUN_ROWS(sources, check_source);
}
