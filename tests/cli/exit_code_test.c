#include "cli/exit_code.h"

#include "tests/unit.h"

typedef struct row {
  const char *name;
  mesh_code code;
  int of_call, of_outcome;
} row;

static const row rows[] = {
    {"OK", GRPC_STATUS_OK, 0, 0},
    {"INVALID_ARGUMENT is usage", GRPC_STATUS_INVALID_ARGUMENT, 2, 2},
    {"NOT_FOUND", GRPC_STATUS_NOT_FOUND, 3, 3},
    {"UNAVAILABLE", GRPC_STATUS_UNAVAILABLE, 4, 4},
    {"FAILED_PRECONDITION is refused", GRPC_STATUS_FAILED_PRECONDITION, 5, 5},
    {"PERMISSION_DENIED is refused", GRPC_STATUS_PERMISSION_DENIED, 5, 5},
    {"UNAUTHENTICATED is refused", GRPC_STATUS_UNAUTHENTICATED, 5, 5},
    {"ALREADY_EXISTS is refused", GRPC_STATUS_ALREADY_EXISTS, 5, 5},
    {"RESOURCE_EXHAUSTED: a request is refused, an operation failed",
     GRPC_STATUS_RESOURCE_EXHAUSTED, 5, 1},
    {"DEADLINE_EXCEEDED failed", GRPC_STATUS_DEADLINE_EXCEEDED, 1, 1},
    {"CANCELLED failed", GRPC_STATUS_CANCELLED, 1, 1},
    {"INTERNAL failed", GRPC_STATUS_INTERNAL, 1, 1},
    {"DATA_LOSS failed", GRPC_STATUS_DATA_LOSS, 1, 1},
};

static void check(void **state) {
  const row *one = *state;
  assert_int_equal(exit_code_of(one->code), one->of_call);
  assert_int_equal(exit_code_of_outcome(one->code), one->of_outcome);
}

int main(void) {
  RUN_ROWS("exit_code", rows, check);
}
