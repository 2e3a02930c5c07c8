#include "mesh/program/closest.h"

#include <string.h>

#include "tests/unit.h"

typedef struct row {
  const char *name;
  const char *left, *right;
  int slips;
  const char *want;  // the closest of `words` to `left`; NULL: none
} row;

static const char *const words[] = {"address", "client_id", "market", "level"};

#define SEVENTY "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqr"

static const row rows[] = {
    {"the same", "level", "level", 0, "level"},
    {"a letter is missing", "adress", "address", 1, "address"},
    {"a letter is added", "markets", "market", 1, "market"},
    {"a letter is wrong", "client-id", "client_id", 1, "client_id"},
    {"neighbours are swapped", "marekt", "market", 1, "market"},
    {"a swap and a wrong letter", "clinet-id", "client_id", 2, "client_id"},
    {"case counts for nothing", "LEVEL", "level", 0, "level"},
    {"a third of the letters", "lvl", "level", 2, NULL},
    {"nothing in common", "zzz", "level", 5, NULL},
    {"nothing at all", "", "level", 5, NULL},
    {"both empty", "", "", 0, NULL},
    {"beyond 63 letters nothing counts", SEVENTY "x", SEVENTY "yz", 0, NULL},
};

static void check(void **state) {
  const row *one = *state;
  assert_int_equal(mesh_closest_slips(one->left, one->right), one->slips);
  assert_int_equal(mesh_closest_slips(one->right, one->left), one->slips);
  const char *found = mesh_closest(one->left, words, sizeof words / sizeof *words);
  if (one->want == NULL) {
    assert_null(found);
  } else {
    assert_non_null(found);
    assert_string_equal(found, one->want);
  }
}

int main(void) {
  RUN_ROWS("closest", rows, check);
}
