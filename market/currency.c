#include "market/currency.h"

#include <stddef.h>
#include <string.h>

enum { CODE = 3 };  // letters

// Those that IDEALPRO trades.
static const struct {
  const char *code, *name;
} currencies[] = {
    {"AUD", "Australian dollar"},
    {"CAD", "Canadian dollar"},
    {"CHF", "Swiss franc"},
    {"CNH", "Chinese renminbi"},
    {"CZK", "Czech koruna"},
    {"DKK", "Danish krone"},
    {"EUR", "euro"},
    {"GBP", "British pound"},
    {"HKD", "Hong Kong dollar"},
    {"HUF", "Hungarian forint"},
    {"ILS", "Israeli shekel"},
    {"JPY", "Japanese yen"},
    {"KRW", "Korean won"},
    {"MXN", "Mexican peso"},
    {"NOK", "Norwegian krone"},
    {"NZD", "New Zealand dollar"},
    {"PLN", "Polish zloty"},
    {"SEK", "Swedish krona"},
    {"SGD", "Singapore dollar"},
    {"TRY", "Turkish lira"},
    {"USD", "US dollar"},
    {"ZAR", "South African rand"},
};

const char *currency_name(const char *code) {
  for (size_t i = 0; i < sizeof currencies / sizeof *currencies; i++) {
    if (strncmp(currencies[i].code, code, CODE) == 0) return currencies[i].name;
  }
  return NULL;
}

bool currency_is_pair(const char *symbol) {
  return strlen(symbol) == (size_t)2 * CODE && currency_name(symbol) != NULL &&
         currency_name(symbol + CODE) != NULL;
}
