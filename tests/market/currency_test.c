#include "market/currency.h"

#include "tests/unit.h"

typedef struct row {
  const char *name, *symbol;
  bool pair;
} row;

static const row rows[] = {
    {"two currencies", "EURUSD", true},
    {"the last of the list", "USDZAR", true},
    {"one that no gateway trades", "EURINR", false},
    {"the same list of both sides", "INRUSD", false},
    {"small letters", "eurusd", false},
    {"one currency", "EUR", false},
    {"something behind them", "EURUSDX", false},
    {"a stock of six letters", "GOOGLE", false},
    {"empty", "", false},
};

static void check(void **state) {
  const row *one = *state;
  assert_int_equal(currency_is_pair(one->symbol), one->pair);
}

static int check_rows(void) {
  RUN_ROWS("currency_is_pair", rows, check);
}

static void a_name_is_of_the_first_three_letters(void **state) {
  (void)state;
  assert_string_equal(currency_name("CHF"), "Swiss franc");
  assert_string_equal(currency_name("CHFJPY"), "Swiss franc");
  assert_null(currency_name("CH"));
  assert_null(currency_name(""));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_name_is_of_the_first_three_letters)};
  return check_rows() + cmocka_run_group_tests(tests, NULL, NULL);
}
