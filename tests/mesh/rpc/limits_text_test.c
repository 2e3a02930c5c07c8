// The text of a limit, as a flag has it.
#include <string.h>

#include "mesh/rpc/limits.h"
#include "tests/unit.h"

typedef struct row {
  const char *name, *value;
  const char *error;  // a part of the message; NULL: it is taken
} row;

static const row rows[] = {
    {"a limit is set", "streams=7", NULL},
    {"a number is missing", "streams=", "use a number from 1"},
    {"a number is too small", "streams=0", "use a number from 1"},
    {"there is more behind a number", "streams=7k", "use a number from 1"},
    {"a number is too large for any", "streams=99999999999999999999", "use a number from 1"},
    {"an unknown limit", "stream=7", "connections, peer_connections, streams"},
    {"no value", "streams", "use NAME=NUMBER"},
};

static void check_row(void **state) {
  const row *one = *state;
  mesh_limits limits = mesh_limits_default();
  mesh_error err;
  mesh_code code = mesh_limits_take(&limits, one->value, &err);
  assert_int_equal(code, one->error == NULL ? GRPC_STATUS_OK : GRPC_STATUS_INVALID_ARGUMENT);
  assert_int_equal(limits.streams, one->error == NULL ? 7 : mesh_limits_default().streams);
  if (one->error != NULL) assert_non_null(strstr(err.message, one->error));
}

int main(void) {
  RUN_ROWS("the text of a limit", rows, check_row);
}
