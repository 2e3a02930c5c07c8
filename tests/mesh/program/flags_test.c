// A table of flags: each kind of value, its bounds, and what is refused in which words.
#include "mesh/program/flags.h"

#include <string.h>

#include "tests/unit.h"

typedef struct taken {
  const char *home, *listen[2];
  int listen_count, whole;
  int64_t number;
  bool on;
  mesh_log_level level;
} taken;

typedef struct flags_case {
  const char *name;
  const char *argv[8];  // after the program's name
  const char *error;    // NULL: OK
} flags_case;

static mesh_code parse(const flags_case *c, taken *out, mesh_error *err) {
  char *argv[10] = {(char *)(uintptr_t) "program"};
  int argc = 1;
  *out = (taken){.whole = 7, .number = 8, .level = MESH_LOG_INFO};
  for (; c->argv[argc - 1] != NULL; argc++)
    argv[argc] = (char *)(uintptr_t)c->argv[argc - 1];
  const mesh_flag flags[] = {
      {"home", .text = &out->home},
      {"listen", .text = out->listen, .count = &out->listen_count, .most = 2},
      {"whole", .whole = &out->whole, .least = 1, .most = 32},
      {"number", .number = &out->number, .most = INT64_C(5000000000)},
      {"on", .on = &out->on},
      {"log-level", .take = mesh_flag_take_log_level, .to = &out->level},
  };
  return mesh_flags_parse(argc, argv, flags, sizeof flags / sizeof *flags, err);
}

static const flags_case refused[] = {
    {"an unknown flag", {"--hoem", "x"}, "unknown flag, or a flag without its value: --hoem"},
    {"no value", {"--home"}, "unknown flag, or a flag without its value: --home"},
    {"a word", {"--on", "word"}, "unexpected argument: word"},
    {"too small", {"--whole", "0"}, "--whole '0': use a number from 1 to 32"},
    {"too large", {"--whole=33"}, "--whole '33': use a number from 1 to 32"},
    {"not a number", {"--whole", "3x"}, "--whole '3x': use a number from 1 to 32"},
    {"nothing", {"--number="}, "--number '': use a number from 0 to 5000000000"},
    {"larger than any",
     {"--number", "99999999999999999999"},
     "--number '99999999999999999999': use a number from 0 to 5000000000"},
    {"one too many",
     {"--listen", "a", "--listen", "b", "--listen", "c"},
     "--listen may be given 2 times"},
    {"a level", {"--log-level", "loud"}, "--log-level 'loud': use debug, info, warn or error"},
};

static void is_refused(void **arg) {
  const flags_case *c = *arg;
  taken out;
  mesh_error err;
  assert_int_equal(parse(c, &out, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_string_equal(err.message, c->error);
}

static void values_go_to_their_places(void **arg) {
  (void)arg;
  taken out;
  mesh_error err;
  flags_case none = {"", {NULL}, NULL};
  assert_int_equal(parse(&none, &out, &err), GRPC_STATUS_OK);
  assert_int_equal(out.whole, 7);
  assert_null(out.home);
  assert_false(out.on);
  flags_case some = {
      "", {"--listen=a", "--whole", "32", "--listen", "b", "--on", "--home=h"}, NULL};
  assert_int_equal(parse(&some, &out, &err), GRPC_STATUS_OK);
  assert_int_equal(out.listen_count, 2);
  assert_string_equal(out.listen[0], "a");
  assert_string_equal(out.listen[1], "b");
  assert_string_equal(out.home, "h");
  assert_int_equal(out.whole, 32);
  assert_true(out.on);
  flags_case more = {"", {"--number", "5000000000", "--log-level", "warn"}, NULL};
  assert_int_equal(parse(&more, &out, &err), GRPC_STATUS_OK);
  assert_true(out.number == INT64_C(5000000000));
  assert_int_equal(out.level, MESH_LOG_WARN);
}

int main(void) {
  enum { REFUSED = sizeof refused / sizeof *refused };
  struct CMUnitTest tests[REFUSED + 1] = {cmocka_unit_test(values_go_to_their_places)};
  for (size_t i = 0; i < REFUSED; i++) {
    tests[i + 1] = (struct CMUnitTest){.name = refused[i].name,
                                       .test_func = is_refused,
                                       .initial_state = (void *)(uintptr_t)&refused[i]};
  }
  return cmocka_run_group_tests_name("flags", tests, NULL, NULL);
}
