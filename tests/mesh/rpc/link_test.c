// Links to what is not there, does not answer, or is about to stop.
#include "mesh/rpc/link.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "mesh/rpc/call.h"
#include "tests/mesh/harness.h"

enum { MS = 1000000 };

static mesh_code call_once(harness *test, mesh_link *link, const mesh_call_options *options,
                           mesh_error *err) {
  mesh_call *call;
  mesh_frame frame = {0};
  mesh_code code =
      mesh_call_open(&test->scope, link, "/test.Peer/Spell", frame, options, &call, err);
  if (code == GRPC_STATUS_OK) code = mesh_call_receive(call, &frame, err);
  mesh_call_close(call);
  return code;
}

static void a_link_that_is_down_says_so(harness *test) {
  mesh_link *link;
  mesh_error err;
  assert_int_equal(mesh_link_open(test->loop, "ib-host", "unix:/nonexistent/ib.sock", &link, &err),
                   GRPC_STATUS_OK);
  mesh_call_options options = {.timeout_ms = 2000};
  assert_int_equal(call_once(test, link, &options, &err), GRPC_STATUS_UNAVAILABLE);
  assert_non_null(strstr(err.message, "link ib-host (unix:/nonexistent/ib.sock): "));
  assert_string_equal(err.reason, "LINK_DOWN");
  mesh_link_close(link);
}

static void a_silent_peer_ends_with_the_deadline(harness *test) {
  mesh_link *link;
  mesh_error err;
  assert_int_equal(mesh_link_open(test->loop, "host", "127.0.0.1:1", &link, &err), GRPC_STATUS_OK);
  mesh_call_options options = {.timeout_ms = 100, .wait_for_ready = true};
  assert_int_equal(call_once(test, link, &options, &err), GRPC_STATUS_DEADLINE_EXCEEDED);
  mesh_link_close(link);
}

// A server of gRPC's own, which ends its one call as a stopping server ends those that it has not
// taken yet: CANCELLED, "CANCELLED", and nothing of ours beside it.
typedef struct stopping {
  grpc_server *server;
  grpc_completion_queue *queue;
  int port;
} stopping;

static void start_stopping(stopping *own) {
  grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
  own->queue = grpc_completion_queue_create_for_next(NULL);
  own->server = grpc_server_create(NULL, NULL);
  grpc_server_register_completion_queue(own->server, own->queue, NULL);
  own->port = grpc_server_add_http2_port(own->server, "127.0.0.1:0", credentials);
  grpc_server_credentials_release(credentials);
  assert_int_not_equal(own->port, 0);
  grpc_server_start(own->server);
}

static void await(stopping *own) {
  gpr_timespec never = gpr_inf_future(GPR_CLOCK_REALTIME);
  assert_int_equal(grpc_completion_queue_next(own->queue, never, NULL).type, GRPC_OP_COMPLETE);
}

static void *end_one_call(void *arg) {
  stopping *own = arg;
  grpc_call *call;
  grpc_call_details details;
  grpc_metadata_array metadata;
  grpc_call_details_init(&details);
  grpc_metadata_array_init(&metadata);
  assert_int_equal(grpc_server_request_call(own->server, &call, &details, &metadata, own->queue,
                                            own->queue, own),
                   GRPC_CALL_OK);
  await(own);
  grpc_slice text = grpc_slice_from_static_string("CANCELLED");
  grpc_op ops[2] = {{.op = GRPC_OP_SEND_INITIAL_METADATA}, {.op = GRPC_OP_SEND_STATUS_FROM_SERVER}};
  ops[1].data.send_status_from_server.status = GRPC_STATUS_CANCELLED;
  ops[1].data.send_status_from_server.status_details = &text;
  assert_int_equal(grpc_call_start_batch(call, ops, 2, own, NULL), GRPC_CALL_OK);
  await(own);
  grpc_call_unref(call);
  grpc_call_details_destroy(&details);
  grpc_metadata_array_destroy(&metadata);
  return NULL;
}

static void end_stopping(stopping *own) {
  grpc_server_shutdown_and_notify(own->server, own->queue, own);
  grpc_server_cancel_all_calls(own->server);
  await(own);
  grpc_server_destroy(own->server);
  grpc_completion_queue_shutdown(own->queue);
  gpr_timespec never = gpr_inf_future(GPR_CLOCK_REALTIME);
  while (grpc_completion_queue_next(own->queue, never, NULL).type != GRPC_QUEUE_SHUTDOWN) {
  }
  grpc_completion_queue_destroy(own->queue);
}

static void a_call_that_meets_a_stopping_server_is_worth_another(harness *test) {
  stopping other;
  mesh_link *link;
  mesh_error err;
  pthread_t thread;
  char address[32];
  start_stopping(&other);
  snprintf(address, sizeof address, "127.0.0.1:%d", other.port);
  assert_int_equal(mesh_link_open(test->loop, "host", address, &link, &err), GRPC_STATUS_OK);
  assert_int_equal(pthread_create(&thread, NULL, end_one_call, &other), 0);
  assert_int_equal(call_once(test, link, NULL, &err), GRPC_STATUS_UNAVAILABLE);
  assert_true(mesh_error_is_retryable(&err));
  assert_non_null(strstr(err.message, "link host (127.0.0.1:"));
  pthread_join(thread, NULL);
  mesh_link_close(link);
  end_stopping(&other);
}

typedef struct row {
  const char *name;
  void (*run)(harness *test);
} row;

static const row rows[] = {
    {"one that is down says so", a_link_that_is_down_says_so},
    {"waiting for one ends with the deadline", a_silent_peer_ends_with_the_deadline},
    {"a call that meets a stopping server is worth another",
     a_call_that_meets_a_stopping_server_is_worth_another},
};

static void run_row(harness *test, void *arg) {
  ((const row *)arg)->run(test);
}

static void check(void **state) {
  run_in_fiber(run_row, *state);
}

int main(void) {
  RUN_ROWS("link", rows, check);
}
