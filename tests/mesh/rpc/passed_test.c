// What a link passes on for others, and for whom a method works.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mesh/rpc/server.h"
#include "protos/descriptors.h"
#include "tests/mesh/harness.h"

enum { MOST = 8, QUARTER = 2 };

typedef struct bench {
  harness *test;
  mesh_schema *schema;
  mesh_server *server;
  mesh_service service;
  mesh_link *inside, *outside;
  char seen[MESH_CALLER_MAX];  // for whom the method worked last
} bench;

static mesh_code tell(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request;
  bench *own = self;
  strcpy(own->seen, mesh_fiber_caller(own->test->loop));
  return mesh_call_send(call, (mesh_frame){(const uint8_t *)"x", 1, false}, err);
}

static const mesh_method methods[] = {{.name = "Tell", .run = tell}};

static void bench_init(bench *own, harness *test) {
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  mesh_error err;
  char address[64];
  snprintf(address, sizeof address, "unix:passed-%d.sock", getpid());
  *own = (bench){.test = test, .service = {"test.Bench", methods, 1, own}};
  assert_int_equal(mesh_schema_create(set, &own->schema, &err), GRPC_STATUS_OK);
  own->server = mesh_server_create(test->loop, own->schema);
  mesh_server_add(own->server, &own->service);
  assert_int_equal(mesh_server_listen(own->server, address, NULL, &err), GRPC_STATUS_OK);
  mesh_server_start(own->server);
  assert_int_equal(mesh_link_open(test->loop, "out", address, &own->outside, &err), GRPC_STATUS_OK);
  assert_int_equal(mesh_link_open_local(test->loop, "in", own->server, &own->inside, &err),
                   GRPC_STATUS_OK);
}

static void bench_fini(bench *own) {
  mesh_link_close(own->inside);
  mesh_link_close(own->outside);
  mesh_server_stop(own->server, mesh_time_after_ms(mesh_now_ns(), 1000));
  mesh_server_destroy(own->server);
  mesh_schema_destroy(own->schema);
}

static mesh_code open_for(bench *own, mesh_link *link, const char *caller, mesh_call **out,
                          mesh_error *err) {
  mesh_fiber_set_caller(own->test->loop, caller);
  return mesh_call_open(&own->test->scope, link, "/test.Bench/Tell", (mesh_frame){0}, NULL, out,
                        err);
}

static void expect_refusal(bench *own, const char *caller, const char *says) {
  mesh_error err;
  mesh_call *call;
  assert_int_equal(open_for(own, own->outside, caller, &call, &err),
                   GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_string_equal(err.reason, "TOO_MANY_CALLS");
  assert_true(mesh_error_is_retryable(&err));
  assert_non_null(strstr(err.message, says));
  assert_null(call);
}

static void one_caller_gets_a_quarter_and_all_get_so_many(harness *test, void *arg) {
  (void)arg;
  static const char *const callers[MOST / QUARTER] = {"a", "b", "c", "d"};
  bench own;
  mesh_error err;
  mesh_call *calls[MOST], *more;
  bench_init(&own, test);
  mesh_link_bound(own.outside, MOST);
  for (int i = 0; i < MOST; i++) {
    if (i == QUARTER) expect_refusal(&own, "a", "2 calls are passed on to it for this caller");
    assert_int_equal(open_for(&own, own.outside, callers[i / QUARTER], &calls[i], &err), 0);
  }
  expect_refusal(&own, "e", "8 calls are passed on to it, and no more may");
  for (int i = 0; i < 2 * MOST; i++) {  // what the program does by itself
    assert_int_equal(open_for(&own, own.outside, "", &more, &err), 0);
    mesh_call_close(more);
  }
  mesh_call_close(calls[0]);
  assert_int_equal(open_for(&own, own.outside, "e", &calls[0], &err), 0);
  for (int i = 0; i < MOST; i++)
    mesh_call_close(calls[i]);
  for (int i = 0; i < QUARTER; i++)
    assert_int_equal(open_for(&own, own.outside, "a", &calls[i], &err), 0);
  expect_refusal(&own, "a", "for this caller");
  for (int i = 0; i < QUARTER; i++)
    mesh_call_close(calls[i]);
  bench_fini(&own);
}

static void ask(bench *own, mesh_link *link, const char *caller) {
  mesh_error err;
  mesh_frame frame;
  mesh_call *call;
  assert_int_equal(open_for(own, link, caller, &call, &err), 0);
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
  mesh_call_close(call);
}

// Within a process a layer says for whom it calls; from outside, who calls is who he is.
static void methods_know_for_whom_they_work(harness *test, void *arg) {
  (void)arg;
  bench own;
  char self[MESH_CALLER_MAX];
  bench_init(&own, test);
  ask(&own, own.inside, "ipv4:192.0.2.7");
  assert_string_equal(own.seen, "ipv4:192.0.2.7");
  ask(&own, own.inside, "");
  assert_string_equal(own.seen, "");
  ask(&own, own.outside, "ipv4:192.0.2.7");
  snprintf(self, sizeof self, "unix:pid %d, uid %u", (int)getpid(), (unsigned)getuid());
  assert_string_equal(own.seen, self);
  bench_fini(&own);
}

static void check_bounds(void **state) {
  (void)state;
  run_in_fiber(one_caller_gets_a_quarter_and_all_get_so_many, NULL);
}

static void check_callers(void **state) {
  (void)state;
  run_in_fiber(methods_know_for_whom_they_work, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(check_bounds),
                                     cmocka_unit_test(check_callers)};
  return cmocka_run_group_tests_name("passed", tests, NULL, NULL);
}
