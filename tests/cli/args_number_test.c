#include "cli/args.h"

#include "tests/unit.h"

static const args_flag flags[] = {{"last", "N", ""}, {0}};

typedef struct row {
  const char *name;
  const char *text;  // NULL: not given
  bool right;
  int64_t want;
} row;

static const row rows[] = {
    {"not given", NULL, true, 500},
    {"the lowest", "1", true, 1},
    {"the highest", "1000", true, 1000},
    {"too low", "0", false, 0},
    {"too high", "1001", false, 0},
    {"negative", "-1", false, 0},
    {"no number", "many", false, 0},
    {"text behind it", "10x", false, 0},
    {"empty", "", false, 0},
    {"beyond 64 bits", "99999999999999999999", false, 0},
};

static void check(void **state) {
  const row *one = *state;
  const char *argv[] = {"--last", one->text};
  args given;
  mesh_error err;
  int64_t value;
  assert_int_equal(args_parse(one->text != NULL ? 2 : 0, (char **)argv, flags, NULL, &given, &err),
                   GRPC_STATUS_OK);
  mesh_code code = args_get_number(&given, "last", 1, 1000, 500, &value, &err);
  assert_int_equal(code, one->right ? GRPC_STATUS_OK : GRPC_STATUS_INVALID_ARGUMENT);
  if (one->right) assert_int_equal(value, one->want);
}

int main(void) {
  RUN_ROWS("args_get_number", rows, check);
}
