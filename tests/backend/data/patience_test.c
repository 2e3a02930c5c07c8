// Which errors are an outage, and which are about one request.
#include "backend/data/patience.h"

#include "tests/unit.h"

typedef struct error_case {
  const char *name;
  mesh_code code;
  const char *reason;
  int64_t retry_ms;
  bool want;
} error_case;

static const error_case rows[] = {
    {"a host's link is down", GRPC_STATUS_UNAVAILABLE, "LINK_DOWN", 300, true},
    {"a host leaves", GRPC_STATUS_UNAVAILABLE, "DRAINING", 0, true},
    {"a connection breaks", GRPC_STATUS_UNAVAILABLE, "", 0, true},
    {"the gateway is down", GRPC_STATUS_UNAVAILABLE, "GATEWAY_DOWN", 300, true},
    {"somebody else is logged in", GRPC_STATUS_UNAVAILABLE, "COMPETING_SESSION", 60000, true},
    {"the pace was too fast", GRPC_STATUS_RESOURCE_EXHAUSTED, "PACING_VIOLATION", 15000, true},
    {"the gateway stumbles over a request", GRPC_STATUS_UNAVAILABLE, "GATEWAY_ERROR", 1000, false},
    {"a request is not answered", GRPC_STATUS_DEADLINE_EXCEEDED, "GATEWAY_SILENT", 300, false},
    {"no data, not believed", GRPC_STATUS_UNAVAILABLE, "SOURCE_AWAY", 1000, false},
    {"a stream without its end", GRPC_STATUS_UNAVAILABLE, "NO_OUTCOME", 0, false},
    {"too many calls", GRPC_STATUS_RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", 100, false},
    {"no such instrument", GRPC_STATUS_NOT_FOUND, "NO_CONTRACT", 0, false},
    {"no permission", GRPC_STATUS_PERMISSION_DENIED, "NO_PERMISSION", 0, false},
    {"a deadline of ours", GRPC_STATUS_DEADLINE_EXCEEDED, "", 0, false},
};

static void check(void **state) {
  const error_case *c = *state;
  mesh_error err;
  mesh_fail(&err, c->code, "%s", c->name);
  mesh_error_set_reason(&err, c->reason, "test.millrace");
  if (c->retry_ms > 0) mesh_error_set_retry(&err, c->retry_ms);
  assert_int_equal(patience_is_for(&err), c->want);
}

int main(void) {
  RUN_ROWS("patience", rows, check);
}
