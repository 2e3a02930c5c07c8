// Which requests use a series: EURUSD 1h of papergate, the middle at all hours.
#include "backend/data/users.h"

#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/pack.h"
#include "millrace/v1/data.pb-c.h"
#include "millrace/v1/training.pb-c.h"
#include "tests/unit.h"

static const series_key series = {"EURUSD", "1h", "papergate", "MIDPOINT", "all"};
static const char *const texts[] = {"EURUSD", "CONID:12087792"};
static const series_defaults defaults = {"", ""};

static bool uses(const char *kind, const ProtobufCMessage *request) {
  mesh_bytes bytes = mesh_message_pack(request);
  bool used = users_may_use(&defaults, &series, texts, 2, kind, mesh_bytes_view(bytes));
  free(bytes.data);
  return used;
}

// ---- loads ----

typedef struct load_row {
  const char *name;
  const char *symbol, *timeframe, *source, *prices, *session;
  bool used;
} load_row;

static const load_row load_rows[] = {
    {"the same", "EURUSD", "1h", "papergate", "MIDPOINT", "all", true},
    {"what says nothing of the rest", "EURUSD", "1h", "", "", "", true},
    {"another spelling", "eur/usd", "1h", "", "midpoint", "ALL", true},
    {"another text that the source has explained", "conid:12087792", "1h", "", "", "", true},
    {"another text", "GBPUSD", "1h", "", "", "", false},
    {"another timeframe", "EURUSD", "4h", "", "", "", false},
    {"another source", "EURUSD", "1h", "ib", "", "", false},
    {"other prices", "EURUSD", "1h", "", "BID", "", false},
    {"another session", "EURUSD", "1h", "", "", "regular", false},
};

static void check_load(void **state) {
  const load_row *one = *state;
  Millrace__V1__LoadRequest request = MILLRACE__V1__LOAD_REQUEST__INIT;
  request.symbol = (char *)one->symbol;
  request.timeframe = (char *)one->timeframe;
  request.source = (char *)one->source;
  request.prices = (char *)one->prices;
  request.session = (char *)one->session;
  assert_int_equal(uses("load", &request.base), one->used);
}

static int check_loads(void) {
  RUN_ROWS("loads", load_rows, check_load);
}

// ---- trainings ----

typedef struct train_row {
  const char *name;
  const char *strategy, *symbol, *timeframe, *source;  // the middle two: instead of the file's
  bool used;
} train_row;

static const train_row train_rows[] = {
    {"a file in lines", "symbols:\n  symbol: EURUSD\ntimeframes:\n  timeframe: 1h\n", NULL, NULL,
     "", true},
    {"a file in brackets", "{symbols: {symbols: [GBPUSD,EURUSD]}, timeframes: [4h,'1h']}", NULL,
     NULL, "", true},
    {"another spelling, quoted", "symbol: \"eur.usd\"\ntimeframe: \"1h\"", NULL, NULL, "", true},
    {"in full", "symbol: EUR:CASH:IDEALPRO:USD\ntimeframe: 1h", NULL, NULL, "papergate", true},
    {"an escape may be anything", "symbol: \"\\x45URUSD\"\ntimeframe: 1h", NULL, NULL, "", true},
    {"another symbol", "symbol: GBPUSD\ntimeframe: 1h", NULL, NULL, "", false},
    {"a part of a word", "symbol: XEURUSD\ntimeframe: 1h", NULL, NULL, "", false},
    {"another timeframe", "symbol: EURUSD\ntimeframe: 4h", NULL, NULL, "", false},
    {"another source", "symbol: EURUSD\ntimeframe: 1h", NULL, NULL, "ib", false},
    {"another symbol instead", "symbol: EURUSD\ntimeframe: 1h", "GBPUSD", NULL, "", false},
    {"this symbol instead", "symbol: GBPUSD\ntimeframe: 1h", "EUR/USD", NULL, "", true},
    {"another timeframe instead", "symbol: EURUSD\ntimeframe: 1h", NULL, "4h", "", false},
    {"this timeframe instead", "symbol: EURUSD\ntimeframe: 4h", NULL, "1h", "", true},
    {"nothing", "", NULL, NULL, "", false},
};

static void check_training(void **state) {
  const train_row *one = *state;
  Millrace__V1__TrainRequest request = MILLRACE__V1__TRAIN_REQUEST__INIT;
  char *symbol = (char *)one->symbol, *timeframe = (char *)one->timeframe;
  request.strategy = (char *)one->strategy;
  request.source = (char *)one->source;
  request.symbols = &symbol;
  request.n_symbols = symbol != NULL;
  request.timeframes = &timeframe;
  request.n_timeframes = timeframe != NULL;
  assert_int_equal(uses("train", &request.base), one->used);
}

static int check_trainings(void) {
  RUN_ROWS("trainings", train_rows, check_training);
}

// ---- others ----

static void a_share_of_a_class_has_two_words(void **state) {
  (void)state;
  const series_key class_b = {"BRK B", "1d", "papergate", "TRADES", "regular"};
  const char *const name[] = {"BRK B"};
  Millrace__V1__TrainRequest request = MILLRACE__V1__TRAIN_REQUEST__INIT;
  request.strategy = (char *)"symbols: [AAPL, BRK B]\ntimeframe: 1d";
  mesh_bytes bytes = mesh_message_pack(&request.base);
  assert_true(users_may_use(&defaults, &class_b, name, 1, "train", mesh_bytes_view(bytes)));
  free(bytes.data);
}

// Also those whose turn has not come.
static void one_of_many_uses_it(void **state) {
  (void)state;
  char *symbols[] = {(char *)"AAPL", (char *)"eur.usd"},
       *timeframes[] = {(char *)"1d", (char *)"1h"};
  Millrace__V1__LoadRequest each = MILLRACE__V1__LOAD_REQUEST__INIT;
  Millrace__V1__LoadManyRequest request = MILLRACE__V1__LOAD_MANY_REQUEST__INIT;
  request.symbols = symbols;
  request.timeframes = timeframes;
  request.n_symbols = request.n_timeframes = 2;
  request.each = &each;
  assert_true(uses("load-many", &request.base));
  request.n_symbols = 1;
  assert_false(uses("load-many", &request.base));
}

static void what_cannot_be_read_may_use_it(void **state) {
  (void)state;
  mesh_view damaged = {(const uint8_t *)"\xff", 1};
  assert_true(users_may_use(&defaults, &series, texts, 2, "load", damaged));
  assert_true(users_may_use(&defaults, &series, texts, 2, "train", damaged));
  assert_true(users_may_use(&defaults, &series, texts, 2, "load-many", damaged));
  assert_false(users_may_use(&defaults, &series, texts, 2, "count", damaged));
}

int main(void) {
  const struct CMUnitTest others[] = {
      cmocka_unit_test(a_share_of_a_class_has_two_words),
      cmocka_unit_test(one_of_many_uses_it),
      cmocka_unit_test(what_cannot_be_read_may_use_it),
  };
  return check_loads() + check_trainings() +
         cmocka_run_group_tests_name("others", others, NULL, NULL);
}
