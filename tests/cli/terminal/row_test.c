#include "cli/terminal/row.h"

#include <stdlib.h>
#include <string.h>

#include "cli/terminal/width.h"
#include "tests/unit.h"

typedef struct row {
  const char *name;
  int columns;
  const char *text, *more, *want;
} row;

// The mark is "..." or one character, as the locale is: rows that are cut are looked at below.
static const row rows[] = {
    {"what fits", 10, "0123456789", "", "0123456789\n"},
    {"no terminal, no edge", 0, "0123456789 0123456789", "more", "0123456789 0123456789  more\n"},
    {"more beside it", 12, "0123", "567890", "0123  567890\n"},
    {"more below it", 11, "0123", "567890", "0123\n    567890\n"},
    {"more in several lines", 11, "0123", "one two three", "0123\n    one two\n    three\n"},
    {"what steers a terminal is seen", 40, "a\033b", "\033c", "a\\x1bb  \\x1bc\n"},
};

static char *write_row(int columns, const char *text, const char *more) {
  char *written;
  size_t size;
  FILE *out = open_memstream(&written, &size);
  row_write(out, columns, more, "%s", text);
  fclose(out);
  return written;
}

static void check(void **state) {
  const row *one = *state;
  char *written = write_row(one->columns, one->text, one->more);
  assert_string_equal(written, one->want);
  free(written);
}

static int run_rows(void) {
  RUN_ROWS("row_write", rows, check);
}

static void no_row_passes_the_edge(void **state) {
  (void)state;
  static const char text[] = "0123456789 \xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97 \xc3\xbc";
  for (int columns = 4; columns < 30; columns++) {
    char *written = write_row(columns, text, "");
    written[strcspn(written, "\n")] = '\0';
    assert_in_range(width_of(written), 1, columns);
    free(written);
  }
}

static void widths_are_columns(void **state) {
  (void)state;
  assert_int_equal(width_of("abc"), 3);
  assert_int_equal(width_of("\xc3\xbc"), 1);                      // a letter with two bytes
  assert_int_equal(width_of("\xe6\xbc\xa2"), 2);                  // a wide one
  assert_int_equal(width_of("u\xcc\x88"), 1);                     // one that combines
  assert_int_equal(width_of("\xff"), 1);                          // none
  assert_int_equal(width_cut("\xe6\xbc\xa2\xe5\xad\x97", 3), 3);  // no half of a wide one
  assert_int_equal(width_cut("u\xcc\x88u", 1), 3);                // what combines stays
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(no_row_passes_the_edge),
                                     cmocka_unit_test(widths_are_columns)};
  return run_rows() + cmocka_run_group_tests(tests, NULL, NULL);
}
