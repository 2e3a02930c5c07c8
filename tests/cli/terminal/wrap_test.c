#include "cli/terminal/wrap.h"

#include <stdlib.h>

#include "tests/unit.h"

typedef struct row {
  const char *name;
  int columns, indent, used;
  const char *text, *want;
} row;

static const row rows[] = {
    {"nothing", 10, 2, 0, "", "\n"},
    {"one line", 10, 2, 0, "one two", "one two\n"},
    {"as wide as it may be", 7, 2, 0, "one two", "one two\n"},
    {"a column too wide", 6, 2, 0, "one two", "one\n  two\n"},
    {"the first line is taken in part", 10, 2, 5, "one two", "one\n  two\n"},
    {"a word that is too wide", 4, 2, 0, "a wonderful b", "a\n  wonderful\n  b\n"},
    {"a line break that is meant", 20, 2, 0, "one\ntwo", "one\n  two\n"},
    {"characters, not bytes", 7, 0, 0, "\xc3\xbc\xc3\xbc\xc3\xbc \xc3\xbc\xc3\xbc\xc3\xbc",
     "\xc3\xbc\xc3\xbc\xc3\xbc \xc3\xbc\xc3\xbc\xc3\xbc\n"},
};

static void check(void **state) {
  const row *one = *state;
  char *text;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  wrap_write(out, one->columns, one->indent, one->used, one->text);
  fclose(out);
  assert_string_equal(text, one->want);
  free(text);
}

static int run_wrap(void) {
  RUN_ROWS("wrap_write", rows, check);
}

// ---- rows of two columns ----

static void check_pair(const char *left, const char *right, const char *want) {
  char *text;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  wrap_row(out, 20, 10, left, right);
  fclose(out);
  assert_string_equal(text, want);
  free(text);
}

static void a_row_has_two_columns(void **state) {
  (void)state;
  check_pair("left", "right", "  left    right\n");
  check_pair("left", "right and more", "  left    right and\n          more\n");
  check_pair("leftleft", "right", "  leftleft\n          right\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_row_has_two_columns)};
  return run_wrap() + cmocka_run_group_tests(tests, NULL, NULL);
}
