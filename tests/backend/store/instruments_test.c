// Which instrument a text is, and the series of an instrument.
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "tests/backend/store/harness.h"
#include "tests/unit.h"

static mesh_code try_name(fixture *own, const char *text, int64_t con_id, const char *spare,
                          char *out, mesh_error *err) {
  store_instrument one = {.source = "ib", .name = text, .con_id = con_id, .about = view_of("c")};
  return store_name_instrument(own->store, text, &one, spare, out, err);
}

static void expect_name(fixture *own, const char *text, int64_t con_id, const char *spare,
                        const char *want) {
  char name[INSTRUMENT_NAME_MAX] = "", foretold[INSTRUMENT_NAME_MAX] = "";
  mesh_error err;
  store_instrument one = {.source = "ib", .name = text, .con_id = con_id};
  assert_int_equal(store_foretell_name(own->store, &one, spare, foretold, &err), GRPC_STATUS_OK);
  assert_int_equal(try_name(own, text, con_id, spare, name, &err), GRPC_STATUS_OK);
  assert_string_equal(name, want);
  assert_string_equal(foretold, want);
}

static void write_found(void *arg, const store_instrument *found) {
  sprintf(arg, "%s %s %lld %.*s", found->source, found->name, (long long)found->con_id,
          (int)found->about.size_bytes, (const char *)found->about.data);
}

static void the_first_text_names_an_instrument(fixture *own) {
  char text[256];
  mesh_error err;
  assert_int_equal(store_find_instrument(own->store, "ib", "AAPL", write_found, text, &err),
                   GRPC_STATUS_NOT_FOUND);
  expect_name(own, "AAPL", 265598, "AAPL:STK:SMART/NASDAQ:USD", "AAPL");
  expect_name(own, "CONID:265598", 265598, "?", "AAPL");
  assert_int_equal(store_find_instrument(own->store, "ib", "CONID:265598", write_found, text, &err),
                   GRPC_STATUS_OK);
  assert_string_equal(text, "ib AAPL 265598 c");
  assert_int_equal(store_find_instrument(own->store, "files", "AAPL", write_found, text, &err),
                   GRPC_STATUS_NOT_FOUND);
}

// A symbol that was given to another company.
static void a_name_is_of_one_instrument(fixture *own) {
  char name[INSTRUMENT_NAME_MAX];
  mesh_error err;
  expect_name(own, "FB", 1, "FB:STK:SMART/NASDAQ:USD", "FB");
  expect_name(own, "FB", 2, "FB:STK:SMART/ARCA:USD", "FB:STK:SMART/ARCA:USD");
  expect_name(own, "FB", 2, "?", "FB:STK:SMART/ARCA:USD");
  assert_int_equal(try_name(own, "FB", 3, "FB:STK:SMART/ARCA:USD", name, &err),
                   GRPC_STATUS_ALREADY_EXISTS);
}

// A continuous future has the number of another month after each roll.
static void without_a_number_the_name_tells(fixture *own) {
  expect_name(own, "ES:CONTFUT:CME:USD", 0, "?", "ES:CONTFUT:CME:USD");
  expect_name(own, "ES:CONTFUT:CME:USD", 0, "?", "ES:CONTFUT:CME:USD");
  expect_name(own, "NQ:CONTFUT:CME:USD", 0, "?", "NQ:CONTFUT:CME:USD");
}

// ---- series ----

static void put_series(fixture *own, const series_key *key, size_t count) {
  test_bars bars;
  mesh_error err;
  make_bars(&bars, 0, count, 100);
  assert_int_equal(store_put_segment(own->store, key, NULL, &bars.view, NULL, &err),
                   GRPC_STATUS_OK);
}

static void write_series(void *arg, const store_series *series) {
  char *text = arg;
  const series_key *key = &series->key;
  sprintf(text + strlen(text), "%s %s %s %s %lld\n", key->symbol, key->source, key->prices,
          key->session, (long long)series->bars);
}

static void expect_listed(fixture *own, const char *symbol, const char *want) {
  char text[1024] = "";
  mesh_error err;
  series_key key = {.symbol = symbol, .timeframe = "1m"};
  assert_int_equal(store_list_sources(own->store, &key, write_series, text, &err), GRPC_STATUS_OK);
  assert_string_equal(text, want);
}

static void prices_and_sessions_never_mix(fixture *own) {
  series_key key = {"EURUSD", "1m", "ib", "MIDPOINT", "all"};
  put_series(own, &key, 3);
  key.prices = "BID";
  put_series(own, &key, 2);
  key.session = "regular";
  put_series(own, &key, 1);
  expect_listed(own, "EURUSD",
                "EURUSD ib BID all 2\nEURUSD ib BID regular 1\n"
                "EURUSD ib MIDPOINT all 3\n");
}

// What a text is at one source says nothing of another.
static void series_are_found_by_each_text(fixture *own) {
  series_key key = {"AAPL", "1m", "ib", "TRADES", "regular"};
  put_series(own, &key, 3);
  key.source = "files";
  put_series(own, &key, 2);
  expect_name(own, "AAPL", 265598, "?", "AAPL");
  expect_name(own, "CONID:265598", 265598, "?", "AAPL");
  expect_listed(own, "CONID:265598", "AAPL ib TRADES regular 3\n");
  expect_listed(own, "AAPL", "AAPL files TRADES regular 2\nAAPL ib TRADES regular 3\n");
}

static void one_text_is_one_instrument_at_a_source(fixture *own) {
  series_key key = {"FB", "1m", "ib", "TRADES", "regular"};
  expect_name(own, "FB", 1, "?", "FB");
  put_series(own, &key, 3);
  key.symbol = "FB:STK:SMART/ARCA:USD";
  expect_name(own, "FB", 2, key.symbol, key.symbol);
  put_series(own, &key, 1);
  expect_listed(own, "FB", "FB:STK:SMART/ARCA:USD ib TRADES regular 1\n");
  expect_listed(own, key.symbol, "FB:STK:SMART/ARCA:USD ib TRADES regular 1\n");
}

// ---- version 6 ----

static void put_old(fixture *own, const char *symbol, int64_t from_s, size_t count, double price) {
  test_bars bars;
  mesh_error err;
  series_key key = {.symbol = symbol, .timeframe = "1m", .source = "ib"};
  make_bars(&bars, from_s, count, price);
  store_coverage part = {
      .from_s = from_s, .to_s = from_s + 60 * (int64_t)count, .state = STORE_STORED, .reason = ""};
  store_ledger ledger = {&part, 1};
  assert_int_equal(store_put_segment(own->store, &key, &ledger, &bars.view, NULL, &err),
                   GRPC_STATUS_OK);
}

static void write_part(void *arg, const store_coverage *one) {
  char *text = arg;
  sprintf(text + strlen(text), "[%lld,%lld)%d ", (long long)one->from_s, (long long)one->to_s,
          (int)one->state);
}

// Two texts of one pair: their bars are one series, of which only the larger one's are known.
static void version_6_is_brought_up_to_date(fixture *own) {
  put_old(own, "EUR:CASH:IDEALPRO:USD", 0, 4, 1);
  put_old(own, "EURUSD", 180, 10, 2);
  put_old(own, "spx", 0, 2, 3);
  close_store(own);
  sqlite3 *db;
  assert_int_equal(sqlite3_open(own->path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, TO_VERSION_6, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(db);
  open_store(own);
  expect_listed(own, "EURUSD", "EURUSD ib MIDPOINT all 13\n");
  expect_listed(own, "SPX", "SPX ib TRADES regular 2\n");
  double values[5][20];
  int64_t times[20];
  store_columns columns = {20, times, values[0], values[1], values[2], values[3], values[4], NULL};
  size_t count;
  mesh_error err;
  series_key key = {"EURUSD", "1m", "ib", "MIDPOINT", "all"};
  assert_int_equal(store_read_bars(own->store, &key, INT64_MIN, INT64_MAX, &columns, &count, &err),
                   GRPC_STATUS_OK);
  assert_int_equal(count, 13);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(times[i], 60 * (int64_t)i);
    assert_int_equal(values[0][i] < 1.9, i < 3);  // where both had one, the larger series'
  }
  char known[256] = "";
  assert_int_equal(
      store_read_coverage(own->store, &key, INT64_MIN, INT64_MAX, write_part, known, &err),
      GRPC_STATUS_OK);
  assert_string_equal(known, "[180,780)1 ");
}

static const row rows[] = {
    {"the first text names an instrument", the_first_text_names_an_instrument},
    {"a name is of one instrument", a_name_is_of_one_instrument},
    {"without a number the name tells", without_a_number_the_name_tells},
    {"prices and sessions never mix", prices_and_sessions_never_mix},
    {"series are found by each text", series_are_found_by_each_text},
    {"one text is one instrument at a source", one_text_is_one_instrument_at_a_source},
    {"version 6 is brought up to date", version_6_is_brought_up_to_date},
};

int main(void) {
  RUN_ROWS("instruments", rows, run_row);
}
