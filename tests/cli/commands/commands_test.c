#include "cli/commands/commands.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit.h"

enum { WORDS = 4 };

typedef struct row {
  const char *name;
  const char *argv[WORDS];
  const char *want;  // the command's name; NULL: there is none
  int words;
} row;

static const row rows[] = {
    {"one word", {"status"}, "status", 1},
    {"two words", {"data", "load"}, "data load", 2},
    {"words behind it", {"data", "load", "SPX", "1d"}, "data load", 2},
    {"flags behind it", {"ops", "list", "--limit"}, "ops list", 2},
    {"the first word alone", {"data"}, NULL, 0},
    {"another second word", {"data", "lod"}, NULL, 0},
    {"the start of a word", {"stat"}, NULL, 0},
    {"more than a word", {"statuses"}, NULL, 0},
    {"both words in one", {"data load"}, NULL, 0},
    {"nothing", {NULL}, NULL, 0},
};

static void check(void **state) {
  const row *one = *state;
  int argc = 0, words;
  while (argc < WORDS && one->argv[argc] != NULL)
    argc++;
  const command *found = commands_find(argc, (char **)one->argv, &words);
  if (one->want == NULL) {
    assert_null(found);
    return;
  }
  assert_non_null(found);
  assert_string_equal(found->name, one->want);
  assert_int_equal(words, one->words);
}

static int check_rows(void) {
  RUN_ROWS("commands_find", rows, check);
}

static void check_flag_table(const args_flag *table) {
  for (; table != NULL && table->name != NULL; table++) {
    assert_true(strlen(table->help) > 0);
    assert_int_not_equal(table->name[0], '-');
  }
}

static void every_command_is_found_and_explained(void **state) {
  (void)state;
  for (size_t i = 0; i < commands_count; i++) {
    const command *each = &commands_all[i];
    char copy[64];
    char *argv[2] = {copy, NULL};
    snprintf(copy, sizeof copy, "%s", each->name);
    char *space = strchr(copy, ' ');
    if (space != NULL) {
      *space = '\0';
      argv[1] = space + 1;
    }
    int words;
    assert_ptr_equal(commands_find(space != NULL ? 2 : 1, argv, &words), each);
    assert_true(strlen(each->summary) > 0);
    assert_true(each->words_min <= each->words_max);
    assert_non_null(each->run);
    check_flag_table(each->flags);
  }
  check_flag_table(command_common_flags);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_command_is_found_and_explained)};
  return check_rows() + cmocka_run_group_tests(tests, NULL, NULL);
}
