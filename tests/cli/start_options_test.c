// The flags of a start, and durations.
#include "cli/start_options.h"

#include <string.h>

#include "cli/terminal/numbers.h"
#include "tests/unit.h"

// ---- durations ----

typedef struct duration_case {
  const char *name, *text;
  int64_t want_ms;  // 0: refused
} duration_case;

static const duration_case durations[] = {
    {"a number is seconds", "90", 90000},
    {"seconds", "90s", 90000},
    {"milliseconds", "250ms", 250},
    {"minutes", "5m", 300000},
    {"hours", "1.5h", 5400000},
    {"nothing", "", 0},
    {"zero", "0s", 0},
    {"below a millisecond", "0.0001s", 0},
    {"negative", "-5s", 0},
    {"another unit", "5d", 0},
    {"more behind it", "5s ", 0},
    {"too long", "300h", 0},
    {"no number", "nan", 0},
};

static void check_duration(void **state) {
  const duration_case *c = *state;
  int64_t ms = -1;
  bool ok = numbers_duration(c->text, &ms);
  assert_int_equal(ok, c->want_ms != 0);
  if (ok) assert_int_equal(ms, c->want_ms);
}

// ---- starts ----

static const args_flag flags[] = {
    START_FLAGS,
    {"deadline", "DURATION", ""},
    {0},
};

static mesh_code read(int argc, const char **argv, start_options *out, mesh_error *err) {
  args given;
  assert_int_equal(args_parse(argc, (char **)argv, flags, NULL, &given, err), GRPC_STATUS_OK);
  return start_options_read(&given, out, err);
}

static void every_flag(void **state) {
  (void)state;
  start_options out;
  mesh_error err;
  const char *argv[] = {"--label", "desk=fx",  "--label",    "run=a=b",          "--deadline",
                        "90s",     "--detach", "--grace=5s", "--cancel-timeout", "250ms"};
  assert_int_equal(read(10, argv, &out, &err), GRPC_STATUS_OK);
  assert_int_equal(out.message.n_labels, 2);
  assert_string_equal(out.message.labels[0]->key, "desk");
  assert_string_equal(out.message.labels[0]->value, "fx");
  assert_string_equal(out.message.labels[1]->key, "run");
  assert_string_equal(out.message.labels[1]->value, "a=b");
  assert_int_equal(out.message.deadline_ms, 90000);
  assert_int_equal(out.message.grace_ms, 5000);
  assert_int_equal(out.message.cancel_timeout_ms, 250);
  assert_true(out.message.detached);
}

static void a_request_id_is_made_once(void **state) {
  (void)state;
  start_options first, second;
  mesh_error err;
  assert_int_equal(read(0, NULL, &first, &err), GRPC_STATUS_OK);
  assert_int_equal(read(0, NULL, &second, &err), GRPC_STATUS_OK);
  assert_int_equal(strlen(first.message.request_id), 28);
  assert_string_not_equal(first.message.request_id, second.message.request_id);
  const char *argv[] = {"--request-id", "mine"};
  assert_int_equal(read(2, argv, &first, &err), GRPC_STATUS_OK);
  assert_string_equal(first.message.request_id, "mine");
}

static void bad_ones_are_named(void **state) {
  (void)state;
  start_options out;
  mesh_error err;
  const char *label[] = {"--label", "desk"}, *grace[] = {"--grace", "soon"};
  assert_int_equal(read(2, label, &out, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_non_null(strstr(err.message, "--label 'desk'"));
  assert_int_equal(read(2, grace, &out, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_non_null(strstr(err.message, "--grace 'soon'"));
}

int main(void) {
  enum { COUNT = sizeof durations / sizeof *durations };
  struct CMUnitTest tests[COUNT + 3];
  for (int i = 0; i < COUNT; i++) {
    tests[i] =
        (struct CMUnitTest){durations[i].name, check_duration, NULL, NULL, (void *)&durations[i]};
  }
  tests[COUNT] = (struct CMUnitTest)cmocka_unit_test(every_flag);
  tests[COUNT + 1] = (struct CMUnitTest)cmocka_unit_test(a_request_id_is_made_once);
  tests[COUNT + 2] = (struct CMUnitTest)cmocka_unit_test(bad_ones_are_named);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
