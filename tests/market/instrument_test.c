#include "market/instrument.h"

#include <string.h>

#include "market/prices.h"
#include "tests/unit.h"

// ---- what people write ----

typedef struct row {
  const char *name, *text, *normal, *prices, *session;
} row;

static const row rows[] = {
    {"a pair", "EURUSD", "EURUSD", "MIDPOINT", "all"},
    {"a pair in small letters", "eurusd", "EURUSD", "MIDPOINT", "all"},
    {"a pair with a dot", "EUR.USD", "EURUSD", "MIDPOINT", "all"},
    {"a pair with a slash", "eur/usd", "EURUSD", "MIDPOINT", "all"},
    {"a pair in full", "EUR:CASH:IDEALPRO:USD", "EURUSD", "MIDPOINT", "all"},
    {"a pair on another exchange", "EUR:CASH:FXSUBPIP:USD", "EUR:CASH:FXSUBPIP:USD", "MIDPOINT",
     "all"},
    {"letters that are no pair", "ABC.DEF", "ABC.DEF", "TRADES", "regular"},
    {"an index", "spx", "SPX", "TRADES", "regular"},
    {"an index in full", "SPX:IND:CBOE:USD", "SPX", "TRADES", "regular"},
    {"an index that is not known", "OMXS30:IND:OMS:SEK", "OMXS30:IND:OMS:SEK", "TRADES", "regular"},
    {"a stock that is called as an index", "SPX:STK:SMART:USD", "SPX:STK:SMART:USD", "TRADES",
     "regular"},
    {"a stock", "AAPL", "AAPL", "TRADES", "regular"},
    {"a stock in full", "aapl:stk:smart:usd", "AAPL", "TRADES", "regular"},
    {"its primary exchange", "AAPL:STK:SMART/NASDAQ:USD", "AAPL:STK:SMART/NASDAQ:USD", "TRADES",
     "regular"},
    {"a class of shares", "BRK.B", "BRK B", "TRADES", "regular"},
    {"a class of shares with a blank", "brk b", "BRK B", "TRADES", "regular"},
    {"a class of shares abroad", "RCI.B:STK:SMART/TSE:CAD", "RCI.B:STK:SMART/TSE:CAD", "TRADES",
     "regular"},
    {"a dot in full is a dot", "RCI.B:STK:SMART:USD", "RCI.B:STK:SMART:USD", "TRADES", "regular"},
    {"some future", "es:fut:cme:usd", "ES:FUT:CME:USD", "TRADES", "all"},
    {"a future", "ES:FUT:CME:USD:202712", "ES:FUT:CME:USD:202712", "TRADES", "all"},
    {"a future by its day", "ES:FUT:CME:USD:20271217", "ES:FUT:CME:USD:20271217", "TRADES", "all"},
    {"the continuous future", "ES:CONTFUT:CME:USD", "ES:CONTFUT:CME:USD", "TRADES", "all"},
    {"a crypto currency", "BTC:CRYPTO:PAXOS:USD", "BTC:CRYPTO:PAXOS:USD", "AGGTRADES", "all"},
    {"a CFD", "IBUS500:CFD:SMART:USD", "IBUS500:CFD:SMART:USD", "MIDPOINT", "all"},
    {"a metal", "XAUUSD:CMDTY:SMART:USD", "XAUUSD:CMDTY:SMART:USD", "MIDPOINT", "all"},
    {"a number", "conid:0265598", "CONID:265598", "TRADES", "regular"},
};

static void check(void **state) {
  const row *one = *state;
  char text[INSTRUMENT_NAME_MAX];
  instrument parsed, again;
  mesh_error err;
  memcpy(text, one->text, strlen(one->text) + 1);
  instrument_normalize(text);
  assert_string_equal(text, one->normal);
  assert_int_equal(instrument_parse(one->text, &parsed, &err), GRPC_STATUS_OK);
  assert_int_equal(instrument_parse(text, &again, &err), GRPC_STATUS_OK);
  assert_memory_equal(&parsed, &again, sizeof parsed);
  assert_string_equal(instrument_prices(text), one->prices);
  assert_string_equal(instrument_session(text), one->session);
}

static int check_rows(void) {
  RUN_ROWS("instrument", rows, check);
}

// ---- what is none ----

typedef struct refused_row {
  const char *name, *text, *says;
} refused_row;

#define LONG40 "0123456789012345678901234567890123456789"

static const refused_row refused_rows[] = {
    {"nothing", "", "has 1 to 63 bytes, not 0"},
    {"too much", LONG40 LONG40, "not 80"},
    {"a blank before it", " A", "byte 0x20 at position 1"},
    {"two blanks", "BRK  B", "byte 0x20 at position 5"},
    {"a letter that is no ASCII", "M\303\234V2", "byte 0xc3 at position 2"},
    {"what steers a terminal", "A\033[2J", "byte 0x1b at position 2"},
    {"three parts", "SPX:IND:CBOE", "use SYMBOL:KIND:EXCHANGE:CURRENCY"},
    {"six parts", "A:FUT:B:C:202712:E", "use SYMBOL:KIND"},
    {"an unknown kind", "SPX:OPT:CBOE:USD", "kinds are STK IND CASH"},
    {"an empty part", "SPX:IND::USD", "use SYMBOL:KIND"},
    {"a slash without exchanges", "A:STK:/:USD", "use SYMBOL:KIND"},
    {"a slash at the end", "A:STK:SMART/:USD", "use SYMBOL:KIND"},
    {"a long exchange", "A:STK:" LONG40 ":USD", "use SYMBOL:KIND"},
    {"an expiry that is none", "ES:FUT:CME:USD:Z7", "the expiry of a FUT is YYYYMM or YYYYMMDD"},
    {"an expiry of seven digits", "ES:FUT:CME:USD:2027121", "the expiry of a FUT is YYYYMM"},
    {"a stock that expires", "A:STK:SMART:USD:202712", "only a FUT has an expiry"},
    {"a number that is none", "CONID:x", "a number of 1 to 15 digits"},
    {"the number 0", "CONID:0", "a number of 1 to 15 digits"},
    {"a number without end", "CONID:1234567890123456", "a number of 1 to 15 digits"},
};

static void check_refused(void **state) {
  const refused_row *one = *state;
  instrument parsed;
  mesh_error err;
  char text[96];
  assert_int_equal(instrument_parse(one->text, &parsed, &err), GRPC_STATUS_INVALID_ARGUMENT);
  if (strstr(err.message, one->says) == NULL) fail_msg("%s", err.message);
  memcpy(text, one->text, strlen(one->text) + 1);
  instrument_normalize(text);
  assert_string_equal(text, one->text);
}

static int check_refused_rows(void) {
  RUN_ROWS("instrument_parse", refused_rows, check_refused);
}

// ---- what comes for what was asked ----

typedef struct fit_row {
  const char *name, *asked;
  instrument found;
  const char *why;  // NULL: it fits
} fit_row;

static const fit_row fit_rows[] = {
    {"the same stock", "AAPL", {1, "AAPL", "STK", "SMART", "NASDAQ", "USD", ""}, NULL},
    {"in small letters", "AAPL", {1, "aapl", "STK", "NASDAQ", "", "usd", ""}, NULL},
    {"another symbol",
     "AAPL",
     {1, "MSFT", "STK", "SMART", "", "USD", ""},
     "symbol is MSFT, not AAPL"},
    {"another kind", "AAPL", {1, "AAPL", "CFD", "SMART", "", "USD", ""}, "kind is CFD, not STK"},
    {"another currency", "AAPL", {1, "AAPL", "STK", "", "", "MXN", ""}, "currency is MXN, not USD"},
    {"a host that says little", "AAPL", {1, "", "", "", "", "", ""}, NULL},
    {"the same number", "CONID:7", {7, "X", "STK", "", "", "USD", ""}, NULL},
    {"another number", "CONID:7", {8, "X", "STK", "", "", "USD", ""}, "number is 8, not 7"},
    {"a pair", "EURUSD", {9, "EUR", "CASH", "IDEALPRO", "", "USD", ""}, NULL},
    {"a pair the other way round",
     "EURUSD",
     {9, "USD", "CASH", "", "", "EUR", ""},
     "symbol is USD"},
    {"a month's day", "CL:FUT:NYMEX:USD:202601", {3, "CL", "FUT", "", "", "USD", "20251219"}, NULL},
    {"a month of another year",
     "CL:FUT:NYMEX:USD:202601",
     {3, "CL", "FUT", "", "", "USD", "20270120"},
     "expiry is 20270120, not 202601"},
    {"another day",
     "ES:FUT:CME:USD:20271217",
     {3, "ES", "FUT", "", "", "USD", "20271216"},
     "expiry is 20271216, not 20271217"},
    {"a month for a day",
     "ES:FUT:CME:USD:20271217",
     {3, "ES", "FUT", "", "", "USD", "202712"},
     NULL},
    {"a continuous future",
     "ES:CONTFUT:CME:USD",
     {3, "ES", "FUT", "CME", "", "USD", "20271217"},
     NULL},
    {"no future", "ES:FUT:CME:USD", {3, "ES", "CONTFUT", "CME", "", "USD", ""}, "kind is CONTFUT"},
    {"a bond", "912828C57:BOND:SMART:USD", {4, "US-T", "BOND", "", "", "USD", ""}, NULL},
};

static void check_fit(void **state) {
  const fit_row *row = *state;
  instrument asked;
  mesh_error err;
  char why[200] = "";
  assert_int_equal(instrument_parse(row->asked, &asked, &err), GRPC_STATUS_OK);
  assert_int_equal(instrument_fits(&asked, &row->found, why, sizeof why), row->why == NULL);
  if (row->why != NULL && strstr(why, row->why) == NULL) fail_msg("%s", why);
}

static int check_fit_rows(void) {
  RUN_ROWS("instrument_fits", fit_rows, check_fit);
}

static void a_name_that_is_too_long_is_refused(void **state) {
  (void)state;
  instrument one = {.kind = "STK", .exchange = "SMART", .currency = "EUR"};
  char name[INSTRUMENT_NAME_MAX];
  mesh_error err;
  memset(one.symbol, 'A', sizeof one.symbol - 1);
  assert_int_equal(instrument_name(&one, name, &err), GRPC_STATUS_OUT_OF_RANGE);
}

// ---- prices ----

static void prices_and_sessions_are_known_in_any_case(void **state) {
  (void)state;
  const char *found;
  mesh_error err;
  assert_int_equal(prices_parse("bid_ask", &found, &err), GRPC_STATUS_OK);
  assert_string_equal(found, "BID_ASK");
  assert_int_equal(prices_parse("LAST", &found, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_non_null(strstr(err.message, "prices 'LAST': use TRADES, MIDPOINT"));
  assert_int_equal(session_parse("ALL", &found, &err), GRPC_STATUS_OK);
  assert_string_equal(found, "all");
  assert_int_equal(session_parse("night", &found, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_true(prices_end_now("ADJUSTED_LAST"));
  assert_false(prices_end_now("TRADES"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_name_that_is_too_long_is_refused),
      cmocka_unit_test(prices_and_sessions_are_known_in_any_case),
  };
  int failed = check_rows() + check_refused_rows() + check_fit_rows();
  return failed + cmocka_run_group_tests_name("instrument", tests, NULL, NULL);
}
