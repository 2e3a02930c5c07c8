#include "cli/closest.h"

#include "tests/unit.h"

static const char *const words[] = {"data load", "data list", "ops list", "status", "up"};

typedef struct row {
  const char *name, *word, *want;  // want NULL: none is near
} row;

static const row rows[] = {
    {"itself", "status", "status"},
    {"a letter too few", "staus", "status"},
    {"a letter too many", "statuss", "status"},
    {"another letter", "stadus", "status"},
    {"two letters swapped", "sattus", "status"},
    {"other case", "STATUS", "status"},
    {"the nearer of two", "data lod", "data load"},
    {"nothing like it", "frobnicate", NULL},
    {"a short word", "ip", "up"},
    {"empty", "", NULL},
};

static void check(void **state) {
  const row *one = *state;
  const char *found = closest_word(one->word, words, sizeof words / sizeof *words);
  if (one->want == NULL) {
    assert_null(found);
  } else {
    assert_non_null(found);
    assert_string_equal(found, one->want);
  }
}

int main(void) {
  RUN_ROWS("closest_word", rows, check);
}
