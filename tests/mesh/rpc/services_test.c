// Health and reflection, as a client sees them, on a real server.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "mesh/rpc/server.h"
#include "protos/descriptors.h"
#include "tests/mesh/harness.h"

#define MS INT64_C(1000000)
#define STATUS(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name

typedef struct bench {
  harness *test;
  mesh_schema *schema;
  mesh_server *server;
  mesh_service service;
  mesh_link *link;
} bench;

typedef enum transport { LOCAL, UNIX } transport;

static void bench_init(bench *own, harness *test, transport how) {
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  mesh_error err;
  *own = (bench){.test = test, .service = {"millrace.v1.DataService", NULL, 0, NULL}};
  assert_int_equal(mesh_schema_create(set, &own->schema, &err), GRPC_STATUS_OK);
  own->server = mesh_server_create(test->loop, own->schema);
  mesh_server_add(own->server, &own->service);
  char address[64];
  snprintf(address, sizeof address, "unix:services-%d.sock", getpid());
  if (how == UNIX) {
    assert_int_equal(mesh_server_listen(own->server, address, NULL, &err), GRPC_STATUS_OK);
  }
  mesh_server_start(own->server);
  assert_int_equal(how == UNIX
                       ? mesh_link_open(test->loop, "self", address, &own->link, &err)
                       : mesh_link_open_local(test->loop, "self", own->server, &own->link, &err),
                   GRPC_STATUS_OK);
}

static void bench_fini(bench *own) {
  mesh_link_close(own->link);
  mesh_server_stop(own->server, mesh_now_ns() + 1000 * MS);
  mesh_server_destroy(own->server);
  mesh_schema_destroy(own->schema);
}

// ---- health ----

static mesh_call *open_health(bench *own, const char *method, const char *service) {
  Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
  request.service = (char *)service;
  uint8_t bytes[128];
  mesh_frame frame = {bytes, grpc__health__v1__health_check_request__pack(&request, bytes), false};
  mesh_call *call;
  mesh_error err;
  assert_int_equal(mesh_call_open(&own->test->scope, own->link, method, frame, NULL, &call, &err),
                   GRPC_STATUS_OK);
  return call;
}

static void expect_status(mesh_call *call, int want) {
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
  assert_false(frame.end);
  Grpc__Health__V1__HealthCheckResponse *response =
      grpc__health__v1__health_check_response__unpack(NULL, frame.size_bytes, frame.data);
  assert_non_null(response);
  assert_int_equal(response->status, want);
  grpc__health__v1__health_check_response__free_unpacked(response, NULL);
}

static void check_tells_what_serves(bench *own) {
  mesh_call *all = open_health(own, "/grpc.health.v1.Health/Check", "");
  expect_status(all, STATUS(SERVING));
  mesh_call_close(all);
  mesh_server_set_serving(own->server, "millrace.v1.DataService", false);
  mesh_call *one = open_health(own, "/grpc.health.v1.Health/Check", "millrace.v1.DataService");
  expect_status(one, STATUS(NOT_SERVING));
  mesh_call_close(one);
}

static void check_of_an_unknown_service_is_not_found(bench *own) {
  mesh_call *call = open_health(own, "/grpc.health.v1.Health/Check", "nope");
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_NOT_FOUND);
  assert_non_null(strstr(err.message, "nope"));
  mesh_call_close(call);
}

// Health and reflection do nothing for it: the server looks at every request's text.
static void damaged_text_is_refused(bench *own) {
  mesh_call *call = open_health(own, "/grpc.health.v1.Health/Check", "M\xfcller");
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_INVALID_ARGUMENT);
  assert_string_equal(err.message, "service is no UTF-8 at byte 1");
  mesh_call_close(call);
  static const char *const method = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  assert_int_equal(mesh_call_open_stream(&own->test->scope, own->link, method, NULL, &call, &err),
                   GRPC_STATUS_OK);
  for (int i = 0; i < 2; i++) {  // the second one of a stream, too
    const char *text = i == 0 ? "\x3a\x01*" : "\x3a\x01\x1b";
    frame = (mesh_frame){(const uint8_t *)text, 3, false};
    assert_int_equal(mesh_call_send(call, frame, &err), GRPC_STATUS_OK);
    assert_int_equal(mesh_call_receive(call, &frame, &err),
                     i == 0 ? GRPC_STATUS_OK : GRPC_STATUS_INVALID_ARGUMENT);
  }
  assert_string_equal(err.message, "list_services has a control character at byte 0");
  mesh_call_close(call);
}

static void watch_tells_each_change(bench *own) {
  mesh_call *call = open_health(own, "/grpc.health.v1.Health/Watch", "millrace.v1.DataService");
  expect_status(call, STATUS(SERVING));
  mesh_server_set_serving(own->server, "millrace.v1.DataService", false);
  expect_status(call, STATUS(NOT_SERVING));
  mesh_server_set_serving(own->server, "millrace.v1.DataService", true);
  expect_status(call, STATUS(SERVING));
  mesh_call_close(call);
}

static void watch_of_an_unknown_service_waits_for_it(bench *own) {
  mesh_call *call = open_health(own, "/grpc.health.v1.Health/Watch", "late");
  expect_status(call, STATUS(SERVICE_UNKNOWN));
  mesh_server_set_serving(own->server, "late", true);
  expect_status(call, STATUS(SERVING));
  mesh_call_close(call);
}

static void watch_ends_when_the_server_stops(bench *own) {
  mesh_call *call = open_health(own, "/grpc.health.v1.Health/Watch", "");
  expect_status(call, STATUS(SERVING));
  mesh_server_stop(own->server, MESH_NEVER);  // returns only if the watch ends by itself
  expect_status(call, STATUS(NOT_SERVING));
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_UNAVAILABLE);
  assert_non_null(strstr(err.message, "the server stops"));
  mesh_call_close(call);
}

static void list_tells_all(bench *own) {
  mesh_call *call = open_health(own, "/grpc.health.v1.Health/List", "");
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
  Grpc__Health__V1__HealthListResponse *response =
      grpc__health__v1__health_list_response__unpack(NULL, frame.size_bytes, frame.data);
  assert_non_null(response);
  assert_int_equal(response->n_statuses, 5);  // "", health, two reflections, DataService
  for (size_t i = 0; i < response->n_statuses; i++) {
    assert_int_equal(response->statuses[i]->value->status, STATUS(SERVING));
  }
  grpc__health__v1__health_list_response__free_unpacked(response, NULL);
  mesh_call_close(call);
}

// ---- reflection ----

typedef Grpc__Reflection__V1__ServerReflectionRequest request_message;
typedef Grpc__Reflection__V1__ServerReflectionResponse response_message;

#define ASK(kind) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##kind
#define ANSWER(kind) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##kind

static mesh_call *open_reflection(bench *own, const char *version) {
  char method[96];
  snprintf(method, sizeof method, "/grpc.reflection.%s.ServerReflection/ServerReflectionInfo",
           version);
  mesh_call *call;
  mesh_error err;
  assert_int_equal(mesh_call_open_stream(&own->test->scope, own->link, method, NULL, &call, &err),
                   GRPC_STATUS_OK);
  return call;
}

static response_message *ask(mesh_call *call, const request_message *request, int want) {
  uint8_t bytes[256];
  mesh_error err;
  size_t size = grpc__reflection__v1__server_reflection_request__pack(request, bytes);
  mesh_frame frame = {bytes, size, false};
  assert_int_equal(mesh_call_send(call, frame, &err), GRPC_STATUS_OK);
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
  response_message *response =
      grpc__reflection__v1__server_reflection_response__unpack(NULL, frame.size_bytes, frame.data);
  assert_non_null(response);
  assert_int_equal(response->message_response_case, want);
  return response;
}

static void forget(response_message *response) {
  grpc__reflection__v1__server_reflection_response__free_unpacked(response, NULL);
}

static void list_services_names_all(bench *own) {
  static const char *const versions[] = {"v1", "v1alpha"};
  for (int i = 0; i < 2; i++) {
    mesh_call *call = open_reflection(own, versions[i]);
    request_message request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    request.message_request_case = ASK(LIST_SERVICES);
    request.list_services = "";
    response_message *response = ask(call, &request, ANSWER(LIST_SERVICES_RESPONSE));
    assert_int_equal(response->list_services_response->n_service, 4);
    forget(response);
    mesh_call_close(call);
  }
}

static void a_symbol_comes_with_its_file_and_imports(bench *own) {
  mesh_call *call = open_reflection(own, "v1");
  request_message request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
  request.message_request_case = ASK(FILE_CONTAINING_SYMBOL);
  request.file_containing_symbol = "millrace.v1.DataService.Load";
  response_message *response = ask(call, &request, ANSWER(FILE_DESCRIPTOR_RESPONSE));
  // data, timestamp, bars, learning, operation, rpc status, any: each once
  assert_int_equal(response->file_descriptor_response->n_file_descriptor_proto, 7);
  forget(response);
  request.message_request_case = ASK(FILE_BY_FILENAME);
  request.file_by_filename = "google/protobuf/timestamp.proto";
  response = ask(call, &request, ANSWER(FILE_DESCRIPTOR_RESPONSE));
  assert_int_equal(response->file_descriptor_response->n_file_descriptor_proto, 1);
  forget(response);
  mesh_call_close(call);
}

static void what_is_unknown_does_not_end_the_stream(bench *own) {
  mesh_call *call = open_reflection(own, "v1");
  request_message request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
  Grpc__Reflection__V1__ExtensionRequest extension = GRPC__REFLECTION__V1__EXTENSION_REQUEST__INIT;
  extension.containing_type = "millrace.v1.Gap";
  extension.extension_number = 7;
  request.message_request_case = ASK(FILE_BY_FILENAME);
  request.file_by_filename = "nope.proto";
  response_message *response = ask(call, &request, ANSWER(ERROR_RESPONSE));
  assert_int_equal(response->error_response->error_code, GRPC_STATUS_NOT_FOUND);
  forget(response);
  request.message_request_case = ASK(FILE_CONTAINING_EXTENSION);
  request.file_containing_extension = &extension;
  forget(ask(call, &request, ANSWER(ERROR_RESPONSE)));
  request.message_request_case = ASK(ALL_EXTENSION_NUMBERS_OF_TYPE);
  request.all_extension_numbers_of_type = "millrace.v1.Gap";
  response = ask(call, &request, ANSWER(ALL_EXTENSION_NUMBERS_RESPONSE));
  assert_int_equal(response->all_extension_numbers_response->n_extension_number, 0);
  forget(response);
  request.all_extension_numbers_of_type = "nope";
  forget(ask(call, &request, ANSWER(ERROR_RESPONSE)));
  request.message_request_case =
      GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST__NOT_SET;
  forget(ask(call, &request, ANSWER(ERROR_RESPONSE)));
  mesh_call_close(call);
}

typedef struct row {
  const char *name;
  void (*run)(bench *own);
  transport how;
} row;

#define EACH(text, function)                 \
  {text " (in-process)", function, LOCAL}, { \
    text " (unix)", function, UNIX           \
  }

static const row rows[] = {
    EACH("check tells what serves", check_tells_what_serves),
    EACH("check of an unknown service is NOT_FOUND", check_of_an_unknown_service_is_not_found),
    EACH("damaged text is refused", damaged_text_is_refused),
    EACH("watch tells each change", watch_tells_each_change),
    EACH("watch of an unknown service waits for it", watch_of_an_unknown_service_waits_for_it),
    EACH("watch ends when the server stops", watch_ends_when_the_server_stops),
    EACH("list tells all", list_tells_all),
    EACH("list_services names all", list_services_names_all),
    EACH("a symbol comes with its file and imports", a_symbol_comes_with_its_file_and_imports),
    EACH("what is unknown does not end the stream", what_is_unknown_does_not_end_the_stream),
};

static void run_row(harness *test, void *arg) {
  bench own;
  bench_init(&own, test, ((const row *)arg)->how);
  ((const row *)arg)->run(&own);
  bench_fini(&own);
}

static void check(void **state) {
  run_in_fiber(run_row, *state);
}

int main(void) {
  // A relative path: the sandbox's own is longer than a unix socket's may be.
  if (getenv("TEST_TMPDIR") != NULL && chdir(getenv("TEST_TMPDIR")) != 0) return 1;
  RUN_ROWS("services", rows, check);
}
