// The end of a loop waits for a thread of gRPC's only where a write may have had to wait: a short
// command never does. poll() is counted here (--wrap): the loop's is the only one in this program.
#include <poll.h>
#include <stdlib.h>

#include "mesh/rpc/call.h"
#include "mesh/rpc/link.h"
#include "mesh/rpc/server.h"
#include "protos/descriptors.h"
#include "tests/mesh/harness.h"

enum { MUCH_BYTES = 32 << 10 };

static int waits;

int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
  waits++;
  return __real_poll(fds, count, timeout_ms);
}

typedef struct end_case {
  const char *name;
  int calls;           // to a backend that is not there
  size_t first_bytes;  // the request that each call begins with
  size_t sent_bytes;   // what a streaming call sends, once; 0: there is none
  bool serves;
  int want_waits;
} end_case;

static const end_case cases[] = {
    {"a loop that has done nothing ends at once", .want_waits = 0},
    {"one with a command's few calls, too", .calls = 8, .first_bytes = 100},
    {"one large request may have had to wait", .calls = 1, .first_bytes = MUCH_BYTES,
     .want_waits = 1},
    {"so may many small ones", .calls = 100, .first_bytes = 100, .want_waits = 1},
    {"so may a large message of a stream", .sent_bytes = MUCH_BYTES, .want_waits = 1},
    {"a server's peers say how much it answers", .serves = true, .want_waits = 1},
};

static mesh_link *open_link(harness *own) {
  mesh_link *link;
  mesh_error err;
  mesh_code code = mesh_link_open(own->loop, "away", "unix:/nowhere/backend.sock", &link, &err);
  assert_int_equal(code, GRPC_STATUS_OK);
  return link;
}

static void call_once(harness *own, mesh_link *link, mesh_frame request) {
  mesh_call *call;
  mesh_frame reply;
  mesh_error err;
  mesh_code code = mesh_call_open(&own->scope, link, "/a.B/C", request, NULL, &call, &err);
  assert_int_equal(code, GRPC_STATUS_OK);
  assert_int_equal(mesh_call_receive(call, &reply, &err), GRPC_STATUS_UNAVAILABLE);
  mesh_call_close(call);
}

static void stream_once(harness *own, mesh_link *link, mesh_frame message) {
  mesh_call *call;
  mesh_error err;
  mesh_code code = mesh_call_open_stream(&own->scope, link, "/a.B/C", NULL, &call, &err);
  assert_int_equal(code, GRPC_STATUS_OK);
  assert_int_not_equal(mesh_call_send(call, message, &err), GRPC_STATUS_OK);
  mesh_call_close(call);
}

static void serve(harness *own) {
  mesh_schema *schema;
  mesh_error err;
  mesh_view descriptors = {millrace_descriptors, millrace_descriptors_size};
  assert_int_equal(mesh_schema_create(descriptors, &schema, &err), GRPC_STATUS_OK);
  mesh_server_destroy(mesh_server_create(own->loop, schema));
  mesh_schema_destroy(schema);
}

static void run_case(harness *own, void *arg) {
  const end_case *c = arg;
  uint8_t *bytes = calloc(1, MUCH_BYTES);
  assert_non_null(bytes);
  mesh_link *link = open_link(own);
  for (int i = 0; i < c->calls; i++)
    call_once(own, link, (mesh_frame){bytes, c->first_bytes, false});
  if (c->sent_bytes > 0) stream_once(own, link, (mesh_frame){bytes, c->sent_bytes, false});
  if (c->serves) serve(own);
  mesh_link_close(link);
  free(bytes);
}

static void check_end(void **state) {
  const end_case *c = *state;
  waits = 0;
  run_in_fiber(run_case, (void *)c);
  assert_int_equal(waits, c->want_waits);
}

int main(void) {
  enum { CASES = sizeof cases / sizeof *cases };
  struct CMUnitTest tests[CASES];
  for (size_t i = 0; i < CASES; i++)
    tests[i] = (struct CMUnitTest){cases[i].name, check_end, .initial_state = (void *)&cases[i]};
  return cmocka_run_group_tests_name("loop_end", tests, NULL, NULL);
}
