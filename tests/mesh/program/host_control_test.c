// HostControl over a link, beside a call that runs.
#include "mesh/program/host_control.h"

#include "mesh/rpc/message.h"
#include "millrace/v1/hosts.pb-c.h"
#include "protos/descriptors.h"
#include "tests/mesh/harness.h"

// A call that ends as soon as the server is emptied.
static mesh_code work(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request, (void)self;
  mesh_code code = mesh_call_send(call, (mesh_frame){(const uint8_t *)"", 0, false}, err);
  if (code != GRPC_STATUS_OK) return code;
  code = mesh_sleep_until(mesh_call_drain_scope(call), MESH_NEVER, err);
  return code == GRPC_STATUS_UNAVAILABLE ? GRPC_STATUS_OK : code;
}

// ---- a slow reader: each message of a drain leaves once nothing runs any more ----

static mesh_server *drained;

mesh_code __real_mesh_message_send(mesh_call *call, const ProtobufCMessage *message,
                                   mesh_error *err);
mesh_code __wrap_mesh_message_send(mesh_call *call, const ProtobufCMessage *message,
                                   mesh_error *err);
mesh_code __wrap_mesh_message_send(mesh_call *call, const ProtobufCMessage *message,
                                   mesh_error *err) {
  while (mesh_server_running(drained) > 0) {
    mesh_code code =
        mesh_signal_wait(mesh_server_changed(drained), mesh_call_scope(call), MESH_NEVER, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return __real_mesh_message_send(call, message, err);
}

static const mesh_method methods[] = {{.name = "Work", .run = work}};

static mesh_call *open_call(harness *test, mesh_link *link, const char *method) {
  mesh_call *call;
  mesh_error err;
  mesh_frame empty = {(const uint8_t *)"", 0, false}, frame;
  assert_int_equal(mesh_call_open(&test->scope, link, method, empty, NULL, &call, &err),
                   GRPC_STATUS_OK);
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
  assert_false(frame.end);
  return call;
}

// What the last message of a drain says.
static int last_running(harness *test, mesh_link *link) {
  mesh_call *call;
  mesh_error err;
  mesh_frame empty = {(const uint8_t *)"", 0, false}, frame;
  int running = -1;
  assert_int_equal(mesh_call_open(&test->scope, link, "/millrace.v1.HostControl/Drain", empty, NULL,
                                  &call, &err),
                   GRPC_STATUS_OK);
  for (;;) {
    assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
    if (frame.end) break;
    Millrace__V1__Host *host =
        mesh_message_unpack(&millrace__v1__host__descriptor, frame.data, frame.size_bytes);
    assert_non_null(host);
    running = host->running;
    millrace__v1__host__free_unpacked(host, NULL);
  }
  mesh_call_close(call);
  return running;
}

// The call ends while the first change, that it runs, is being sent.
static void the_last_word_is_how_many_run(harness *test, void *arg) {
  (void)arg;
  mesh_error err;
  mesh_schema *schema;
  mesh_program program = {.loop = test->loop};
  mesh_host_control control;
  mesh_service worker = {"test.Worker", methods, 1, NULL};
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  assert_int_equal(mesh_schema_create(set, &schema, &err), GRPC_STATUS_OK);
  mesh_server *server = mesh_server_create(test->loop, schema);
  drained = server;
  mesh_host_control_init(&control, "host", &program, server);
  mesh_server_add(server, &control.service);
  mesh_server_add(server, &worker);
  mesh_server_start(server);
  mesh_link *link;
  assert_int_equal(mesh_link_open_local(test->loop, "host", server, &link, &err), GRPC_STATUS_OK);
  mesh_call *running = open_call(test, link, "/test.Worker/Work");
  assert_int_equal(last_running(test, link), 0);
  assert_true(program.stopping);
  mesh_call_close(running);
  mesh_link_close(link);
  mesh_server_stop(server, mesh_now_ns() + 1000000000);
  mesh_server_destroy(server);
  mesh_schema_destroy(schema);
}

static void check(void **state) {
  (void)state;
  run_in_fiber(the_last_word_is_how_many_run, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(check, NULL)};
  return cmocka_run_group_tests_name("host_control", tests, NULL, NULL);
}
