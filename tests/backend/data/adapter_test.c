// What a host says that is no UTF-8, behind the adapter.
#include "backend/data/adapter.h"

#include <stdio.h>
#include <string.h>

#include "mesh/rpc/server.h"
#include "protos/descriptors.h"
#include "tests/mesh/harness.h"

typedef struct reply_case {
  const char *name;
  const char *method;  // of the adapter, and of the host
  const char *request;
  const char *says, *want;  // what its host answers, and what the caller gets
} reply_case;

static mesh_code say(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request;
  const reply_case *c = self;
  mesh_frame frame = {(const uint8_t *)c->says, strlen(c->says), false};
  mesh_code code = mesh_call_send(call, frame, err);
  return code == GRPC_STATUS_OK ? mesh_call_send(call, frame, err) : code;  // each is looked at
}

static mesh_server *serve(harness *own, const mesh_schema *schema, const mesh_service *service,
                          mesh_link **link) {
  mesh_error err;
  mesh_server *server = mesh_server_create(own->loop, schema);
  mesh_server_add(server, service);
  mesh_server_start(server);
  assert_int_equal(mesh_link_open_local(own->loop, service->name, server, link, &err),
                   GRPC_STATUS_OK);
  return server;
}

static void ask(harness *own, const reply_case *c, mesh_link *link) {
  char method[80];
  snprintf(method, sizeof method, "/millrace.v1.DataAdapter/%s", c->method);
  mesh_frame frame = {(const uint8_t *)c->request, strlen(c->request), false};
  mesh_call *call;
  mesh_error err;
  assert_int_equal(mesh_call_open(&own->scope, link, method, frame, NULL, &call, &err),
                   GRPC_STATUS_OK);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
    assert_int_equal(frame.size_bytes, strlen(c->want));
    assert_memory_equal(frame.data, c->want, frame.size_bytes);
  }
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
  assert_true(frame.end);
  mesh_call_close(call);
}

static void close_all(mesh_link *link, mesh_server *server) {
  mesh_link_close(link);
  mesh_server_stop(server, mesh_now_ns());
  mesh_server_destroy(server);
}

static void relay_it(harness *own, void *arg) {
  const reply_case *c = arg;
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  mesh_schema *schema;
  mesh_error err;
  assert_int_equal(mesh_schema_create(set, &schema, &err), GRPC_STATUS_OK);
  const mesh_method method = {.name = c->method, .run = say};
  const mesh_service host = {"millrace.v1.IbHost", &method, 1, arg};
  mesh_link *host_link, *link;
  mesh_server *host_server = serve(own, schema, &host, &host_link);
  data_adapter adapter;
  data_adapter_init(&adapter, host_link);
  mesh_server *server = serve(own, schema, &adapter.service, &link);
  ask(own, c, link);
  close_all(link, server);
  close_all(host_link, host_server);
  mesh_schema_destroy(schema);
}

static reply_case cases[] = {
    // Contract {symbol, long_name}
    {"a contract", .method = "ResolveContract", .request = "\x0a\x01X",
     .says = "\x12\x03\xffYZ\x4a\x02\xc3\xc3", .want = "\x12\x03?YZ\x4a\x02??"},
    {"what was found", .method = "SearchSymbols", .request = "\x0a\x01X",
     .says = "\x4a\x03\x80"
             "ab",
     .want = "\x4a\x03?ab"},
    // HostStatus {host, detail, accounts}
    {"a status", .method = "Status", .request = "",
     .says = "\x0a\x02h\xff\x22\x01\xfe\x3a\x02\xf0\x9f\x3a\x01Z",
     .want = "\x0a\x02h?\x22\x01?\x3a\x02??\x3a\x01Z"},
    {"text that is whole", .method = "Status", .request = "", .says = "\x0a\x03h\xc3\xbc",
     .want = "\x0a\x03h\xc3\xbc"},
};

static void check(void **state) {
  run_in_fiber(relay_it, *state);
}

int main(void) {
  RUN_ROWS("adapter", cases, check);
}
