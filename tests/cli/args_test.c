#include "cli/args.h"

#include <string.h>

#include "tests/unit.h"

enum { WORDS = 8 };

static const args_flag own_flags[] = {
    {"from", "DATE", ""}, {"mode", "tail|backfill|full", ""}, {"detach", NULL, ""}, {0}};
static const args_flag common_flags[] = {
    {"home", "DIR", ""}, {"limit", "N", ""}, {"help", NULL, ""}, {0}};

typedef struct row {
  const char *name;
  const char *argv[WORDS];
  const char *error;  // NULL: it is right
  int words;
  const char *flag, *value;  // one that must have been given; value NULL: must not
} row;

static const row rows[] = {
    {"nothing", {NULL}, NULL, 0, "from", NULL},
    {"words alone", {"SPX", "1d"}, NULL, 2, "from", NULL},
    {"a flag and its value", {"--from", "2020-01-31"}, NULL, 0, "from", "2020-01-31"},
    {"a flag with =", {"--from=2020-01-31"}, NULL, 0, "from", "2020-01-31"},
    {"an empty value", {"--from="}, NULL, 0, "from", ""},
    {"a value with = in it", {"--home=a=b"}, NULL, 0, "home", "a=b"},
    {"a value that looks like a flag", {"--home", "--x"}, NULL, 0, "home", "--x"},
    {"a switch", {"--detach"}, NULL, 0, "detach", ""},
    {"flags between words", {"SPX", "--detach", "1d"}, NULL, 2, "detach", ""},
    {"of the common table", {"--home", "/x"}, NULL, 0, "home", "/x"},
    {"the last of a name counts", {"--home", "a", "--home", "b"}, NULL, 0, "home", "b"},
    {"-h is help", {"-h"}, NULL, 0, "help", ""},
    {"a dash is a word", {"-"}, NULL, 1, "help", NULL},
    {"words behind --", {"--", "--from", "-x"}, NULL, 2, "from", NULL},
    {"one of the allowed", {"--mode", "full"}, NULL, 0, "mode", "full"},
    {"none of the allowed",
     {"--mode", "sideways"},
     "--mode 'sideways': use one of tail|backfill|full",
     0,
     NULL,
     NULL},
    {"a part of the allowed",
     {"--mode=tai"},
     "--mode 'tai': use one of tail|backfill|full",
     0,
     NULL,
     NULL},
    {"no value", {"--from"}, "--from needs a value: DATE", 0, NULL, NULL},
    {"a value for a switch", {"--detach=yes"}, "--detach takes no value", 0, NULL, NULL},
    {"a mistyped flag", {"--frm", "x"}, "unknown flag --frm; did you mean --from?", 0, NULL, NULL},
    {"one dash", {"-from"}, "unknown flag -from; did you mean --from?", 0, NULL, NULL},
    {"an unknown flag", {"--zzzzzz"}, "unknown flag --zzzzzz", 0, NULL, NULL},
    {"a mistyped flag with a value", {"--hoem=/x"}, "unknown flag --hoem=/x", 0, NULL, NULL},
};

static void check(void **state) {
  const row *one = *state;
  int argc = 0;
  while (argc < WORDS && one->argv[argc] != NULL)
    argc++;
  args given;
  mesh_error err;
  mesh_code code = args_parse(argc, (char **)one->argv, own_flags, common_flags, &given, &err);
  if (one->error != NULL) {
    assert_int_equal(code, GRPC_STATUS_INVALID_ARGUMENT);
    assert_memory_equal(err.message, one->error, strlen(one->error));
    return;
  }
  assert_int_equal(code, GRPC_STATUS_OK);
  assert_int_equal(given.word_count, one->words);
  const char *value = args_get(&given, one->flag);
  if (one->value == NULL) {
    assert_null(value);
  } else {
    assert_non_null(value);
    assert_string_equal(value, one->value);
  }
}

// ---- what stands before a command ----

typedef struct leading_row {
  const char *name;
  const char *argv[WORDS];
  const char *error;
  int want;
} leading_row;

static const leading_row leading_rows[] = {
    {"a word first", {"data", "--home", "x"}, NULL, 0},
    {"a flag and its value", {"--home", "x", "data"}, NULL, 2},
    {"a flag with =", {"--home=x", "data"}, NULL, 1},
    {"a switch", {"--help", "data"}, NULL, 1},
    {"several", {"-h", "--home", "a", "--limit=3", "data", "--limit=4"}, NULL, 4},
    {"flags alone", {"--home", "x"}, NULL, 2},
    {"a flag of a command", {"--from", "x"}, "unknown flag --from", 0},
    {"no value", {"--home"}, "--home needs a value: DIR", 0},
    {"the end of flags is none", {"--", "data"}, "unknown flag --", 0},
};

static void check_leading(void **state) {
  const leading_row *one = *state;
  int argc = 0, flags;
  while (argc < WORDS && one->argv[argc] != NULL)
    argc++;
  mesh_error err;
  mesh_code code = args_leading(argc, (char **)one->argv, common_flags, &flags, &err);
  if (one->error == NULL) {
    assert_int_equal(code, GRPC_STATUS_OK);
    assert_int_equal(flags, one->want);
  } else {
    assert_int_equal(code, GRPC_STATUS_INVALID_ARGUMENT);
    assert_memory_equal(err.message, one->error, strlen(one->error));
  }
}

static int run_leading(void) {
  RUN_ROWS("args_leading", leading_rows, check_leading);
}

static int run_args(void) {
  RUN_ROWS("args", rows, check);
}

int main(void) {
  return run_args() + run_leading();
}
