// The flags that the servers have in common, beside those of a program's own.
#include "mesh/program/options.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit.h"

typedef struct taken {
  const char *own;
  mesh_program_options common;
} taken;

static mesh_code parse(char **argv, taken *out, mesh_error *err) {
  int argc = 0;
  while (argv[argc] != NULL)
    argc++;
  *out = (taken){.own = NULL};
  const mesh_flag flags[] = {{"own", .text = &out->own}};
  return mesh_program_options_parse(argc, argv, flags, 1, &out->common, err);
}

static void what_is_not_given_has_its_default(void **state) {
  (void)state;
  char *argv[] = {"program", "--own", "x", NULL};
  taken out;
  assert_int_equal(parse(argv, &out, NULL), GRPC_STATUS_OK);
  assert_string_equal(out.own, "x");
  assert_int_equal(out.common.log_level, MESH_LOG_INFO);
  assert_int_equal(out.common.log_file.mib, 16);
  assert_int_equal(out.common.log_file.files, 5);
  assert_null(out.common.log_file.path);
  assert_int_equal(out.common.limits.streams, mesh_limits_default().streams);
  assert_false(out.common.log_json || out.common.exit_with_parent || out.common.help);
}

static void each_is_taken(void **state) {
  (void)state;
  char *argv[] = {"program",        "--limit",
                  "streams=7",      "--limit",
                  "age_s=3",        "--log-json",
                  "--own",          "x",
                  "--help",         "--exit-with-parent",
                  "--log-file",     "f",
                  "--log-file-mib", "2",
                  "--log-files=3",  "--log-level",
                  "warn",           NULL};
  taken out;
  assert_int_equal(parse(argv, &out, NULL), GRPC_STATUS_OK);
  assert_string_equal(out.own, "x");
  assert_int_equal(out.common.limits.streams, 7);
  assert_int_equal(out.common.limits.age_s, 3);
  assert_int_equal(out.common.log_level, MESH_LOG_WARN);
  assert_string_equal(out.common.log_file.path, "f");
  assert_int_equal(out.common.log_file.mib, 2);
  assert_int_equal(out.common.log_file.files, 3);
  assert_true(out.common.log_json && out.common.exit_with_parent && out.common.help);
}

static void a_bad_value_is_refused(void **state) {
  (void)state;
  char *argv[] = {"program", "--log-files", "0", NULL};
  taken out;
  mesh_error err;
  assert_int_equal(parse(argv, &out, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_string_equal(err.message, "--log-files '0': use a number from 1 to 1000");
}

// What the help lists is taken, and each line fits a terminal.
static void the_help_lists_what_is_taken(void **state) {
  (void)state;
  char *text = NULL;
  size_t size = 0;
  int lines = 0;
  FILE *out = open_memstream(&text, &size);
  assert_non_null(out);
  mesh_program_options_help(out, 25);
  fclose(out);
  for (char *next, *line = text; *line != '\0'; line = next, lines++) {
    next = strchr(line, '\n');
    *next++ = '\0';
    assert_true(strlen(line) <= 80);
    char flag[64];
    assert_int_equal(sscanf(line, "  %63[a-z-]", flag), 1);
    char *argv[] = {"program", flag, "1", NULL};  // a switch takes none: then "1" is what is wrong
    taken given;
    mesh_error err = {.message = ""};
    (void)parse(argv, &given, &err);
    assert_null(strstr(err.message, "unknown flag"));
  }
  free(text);
  assert_int_equal(lines, MESH_PROGRAM_FLAGS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_not_given_has_its_default),
      cmocka_unit_test(each_is_taken),
      cmocka_unit_test(a_bad_value_is_refused),
      cmocka_unit_test(the_help_lists_what_is_taken),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
