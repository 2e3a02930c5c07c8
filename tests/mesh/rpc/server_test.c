// Calls and servers with real sockets: in-process, unix and TCP.
#include "mesh/rpc/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mesh/operation/relay.h"
#include "protos/descriptors.h"
#include "tests/mesh/harness.h"

enum { MS = 1000000 };

// ---- a service to call ----

typedef struct peer {
  mesh_loop *loop;
  mesh_server *server;
  mesh_schema *schema;
  mesh_link *self;  // in-process, for relays to its own methods
  mesh_link *link;  // what the test calls on
  char address[128];
  int sent;    // messages that Flood has sent
  bool slept;  // Sleep was ended by its scope
  mesh_code sleep_code;
} peer;

// Sends each byte of the request as a message.
static mesh_code spell(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)self;
  for (size_t i = 0; i < request.size_bytes; i++) {
    mesh_code code = mesh_call_send(call, (mesh_frame){request.data + i, 1, false}, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return GRPC_STATUS_OK;
}

static mesh_code refuse(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)call, (void)request, (void)self;
  mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED, "slow down, 100%% sure");
  mesh_error_set_reason(err, "PACING_VIOLATION", "ib-host.millrace");
  mesh_error_set_retry(err, 15000);
  return err->code;
}

static mesh_code relay_fail(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return mesh_relay(call, ((peer *)self)->self, "/test.Peer/Fail", request, err);
}

static mesh_code sleep_on(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request;
  peer *own = self;
  mesh_code code = mesh_call_send(call, (mesh_frame){(const uint8_t *)"z", 1, false}, err);
  if (code == GRPC_STATUS_OK) code = mesh_sleep_until(mesh_call_scope(call), MESH_NEVER, err);
  own->slept = true;
  own->sleep_code = code;
  return code;
}

static mesh_code relay_sleep(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  return mesh_relay(call, ((peer *)self)->self, "/test.Peer/Sleep", request, err);
}

static mesh_code flood(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request;
  peer *own = self;
  static const uint8_t block[16 * 1024];
  for (own->sent = 0; own->sent < 10000; own->sent++) {
    mesh_code code = mesh_call_send(call, (mesh_frame){block, sizeof block, false}, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return GRPC_STATUS_OK;
}

static mesh_code echo(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request, (void)self;
  for (;;) {
    mesh_frame frame;
    mesh_code code = mesh_call_receive(call, &frame, err);
    if (code != GRPC_STATUS_OK || frame.end) return code;
    code = mesh_call_send(call, frame, err);
    if (code != GRPC_STATUS_OK) return code;
  }
}

static const mesh_method methods[] = {
    {.name = "Spell", .run = spell},
    {.name = "Fail", .run = refuse},
    {.name = "RelayFail", .run = relay_fail},
    {.name = "Sleep", .run = sleep_on},
    {.name = "RelaySleep", .run = relay_sleep},
    {.name = "Flood", .run = flood},
    {.name = "Echo", .run = echo, .streams_requests = true},
};

typedef enum transport { LOCAL, UNIX, TCP } transport;

static void start_peer(peer *own, harness *test, transport how, mesh_service *service) {
  mesh_view set = {millrace_descriptors, millrace_descriptors_size};
  mesh_error err;
  own->loop = test->loop;
  assert_int_equal(mesh_schema_create(set, &own->schema, &err), GRPC_STATUS_OK);
  own->server = mesh_server_create(test->loop, own->schema);
  *service = (mesh_service){"test.Peer", methods, sizeof methods / sizeof *methods, own};
  mesh_server_add(own->server, service);
  int port = 0;
  if (how == UNIX) {
    snprintf(own->address, sizeof own->address, "unix:peer-%d.sock", getpid());
    assert_int_equal(mesh_server_listen(own->server, own->address, NULL, &err), GRPC_STATUS_OK);
  }
  if (how == TCP) {
    assert_int_equal(mesh_server_listen(own->server, "127.0.0.1:0", &port, &err), GRPC_STATUS_OK);
    snprintf(own->address, sizeof own->address, "127.0.0.1:%d", port);
  }
  mesh_server_start(own->server);
  assert_int_equal(mesh_link_open_local(test->loop, "self", own->server, &own->self, &err),
                   GRPC_STATUS_OK);
  if (how == LOCAL) {
    assert_int_equal(mesh_link_open_local(test->loop, "peer", own->server, &own->link, &err),
                     GRPC_STATUS_OK);
  } else {
    assert_int_equal(mesh_link_open(test->loop, "peer", own->address, &own->link, &err),
                     GRPC_STATUS_OK);
  }
}

static void stop_peer(peer *own) {
  mesh_link_close(own->link);
  mesh_link_close(own->self);
  mesh_server_stop(own->server, mesh_now_ns() + 1000 * MS);
  mesh_server_destroy(own->server);
  mesh_schema_destroy(own->schema);
}

static mesh_call *open_call(harness *test, peer *own, const char *method, const char *request,
                            const mesh_call_options *options) {
  mesh_call *call;
  mesh_error err;
  mesh_frame frame = {(const uint8_t *)request, strlen(request), false};
  assert_int_equal(mesh_call_open(&test->scope, own->link, method, frame, options, &call, &err),
                   GRPC_STATUS_OK);
  return call;
}

// ---- tests, each over every transport ----

static void stream_arrives_in_order(harness *test, peer *own) {
  mesh_call *call = open_call(test, own, "/test.Peer/Spell", "gate", NULL);
  char text[8] = "";
  mesh_frame frame;
  mesh_error err;
  for (;;) {
    assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
    if (frame.end) break;
    strncat(text, (const char *)frame.data, 1);
  }
  assert_string_equal(text, "gate");
  mesh_call_close(call);
}

static void streaming_requests_are_answered(harness *test, peer *own) {
  mesh_call *call;
  mesh_error err;
  assert_int_equal(
      mesh_call_open_stream(&test->scope, own->link, "/test.Peer/Echo", NULL, &call, &err),
      GRPC_STATUS_OK);
  mesh_frame frame;
  for (int i = 0; i < 3; i++) {
    uint8_t byte = (uint8_t)i;
    assert_int_equal(mesh_call_send(call, (mesh_frame){&byte, 1, false}, &err), GRPC_STATUS_OK);
    assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
    assert_int_equal(frame.size_bytes, 1);
    assert_int_equal(frame.data[0], i);
  }
  assert_int_equal(mesh_call_send_end(call, &err), GRPC_STATUS_OK);
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
  assert_true(frame.end);
  mesh_call_close(call);
}

// Calls Spell, which takes one message, with `count` of them.
static mesh_code spell_messages(harness *test, peer *own, int count, mesh_error *err) {
  mesh_call *call;
  mesh_frame frame;
  mesh_code code =
      mesh_call_open_stream(&test->scope, own->link, "/test.Peer/Spell", NULL, &call, err);
  assert_int_equal(code, GRPC_STATUS_OK);
  for (int i = 0; i < count && code == GRPC_STATUS_OK; i++)
    code = mesh_call_send(call, (mesh_frame){(const uint8_t *)"a", 1, false}, err);
  if (code == GRPC_STATUS_OK) code = mesh_call_send_end(call, err);
  do {
    code = mesh_call_receive(call, &frame, err);
  } while (code == GRPC_STATUS_OK && !frame.end);
  mesh_call_close(call);
  return code;
}

static void one_request_is_one_message(harness *test, peer *own) {
  mesh_error err;
  assert_int_equal(spell_messages(test, own, 0, &err), GRPC_STATUS_UNIMPLEMENTED);
  assert_string_equal(err.message, "the call ended without a request message");
  assert_int_equal(spell_messages(test, own, 1, &err), GRPC_STATUS_OK);
  assert_int_equal(spell_messages(test, own, 2, &err), GRPC_STATUS_UNIMPLEMENTED);
  assert_string_equal(err.message, "the call has more than one request message");
}

static mesh_code call_once(harness *test, peer *own, const char *method,
                           const mesh_call_options *options, mesh_error *err) {
  mesh_call *call = open_call(test, own, method, "", options);
  mesh_frame frame;
  mesh_code code;
  do {
    code = mesh_call_receive(call, &frame, err);
  } while (code == GRPC_STATUS_OK && !frame.end);
  mesh_call_close(call);
  return code;
}

static void errors_keep_their_details_across_hops(harness *test, peer *own) {
  mesh_error direct, relayed;
  assert_int_equal(call_once(test, own, "/test.Peer/Fail", NULL, &direct),
                   GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_int_equal(call_once(test, own, "/test.Peer/RelayFail", NULL, &relayed),
                   GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_string_equal(relayed.message, "slow down, 100% sure");
  assert_string_equal(relayed.reason, "PACING_VIOLATION");
  assert_string_equal(relayed.domain, "ib-host.millrace");
  assert_int_equal(relayed.retry_after_ms, 15000);
  assert_true(direct.details_size > 0);
  assert_int_equal(relayed.details_size, direct.details_size);
  assert_memory_equal(relayed.details, direct.details, direct.details_size);
}

static void unknown_methods_are_named(harness *test, peer *own) {
  mesh_error err;
  assert_int_equal(call_once(test, own, "/test.Peer/Nope", NULL, &err), GRPC_STATUS_UNIMPLEMENTED);
  assert_string_equal(err.message, "no method /test.Peer/Nope on this server");
}

static void wait_until_slept(harness *test, peer *own) {
  int64_t limit = mesh_now_ns() + 60000 * (int64_t)MS;
  while (!own->slept && mesh_now_ns() < limit) {
    assert_int_equal(mesh_sleep_until(&test->scope, mesh_now_ns() + MS / 4, NULL), GRPC_STATUS_OK);
  }
  assert_true(own->slept);
}

static void closing_a_call_cancels_two_hops_below(harness *test, peer *own) {
  mesh_call *call = open_call(test, own, "/test.Peer/RelaySleep", "", NULL);
  mesh_frame frame;
  mesh_error err;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
  assert_false(own->slept);
  mesh_call_close(call);
  wait_until_slept(test, own);
  assert_int_equal(own->sleep_code, GRPC_STATUS_CANCELLED);
}

// Each layer answers a little before its caller's deadline. On a busy machine a moment may be too
// late, and then gRPC's own word comes first: so it is asked again, with more time, until it was in
// time.
static void a_deadline_reaches_two_hops_below(harness *test, peer *own) {
  mesh_error err;
  const char *lower = NULL, *upper = NULL;  // of "; Peer had it for 188 ms", twice: our layers
  for (int timeout_ms = 200; timeout_ms < 60000 && upper == NULL; timeout_ms *= 2) {
    mesh_call_options options = {.timeout_ms = timeout_ms};
    own->slept = false;
    assert_int_equal(call_once(test, own, "/test.Peer/RelaySleep", &options, &err),
                     GRPC_STATUS_DEADLINE_EXCEEDED);
    lower = strstr(err.message, "; Peer had it for ");
    upper = lower == NULL ? NULL : strstr(lower + 1, "; Peer had it for ");
  }
  assert_non_null(upper);
  int lower_ms = atoi(lower + strlen("; Peer had it for "));
  int upper_ms = atoi(upper + strlen("; Peer had it for "));
  assert_in_range(lower_ms, 0, upper_ms);  // it got it later, and answered earlier
  assert_true(own->slept);
  assert_int_equal(own->sleep_code, GRPC_STATUS_DEADLINE_EXCEEDED);  // its own: nobody cancelled it
}

static void a_slow_reader_slows_its_sender(harness *test, peer *own) {
  mesh_call *call = open_call(test, own, "/test.Peer/Flood", "", NULL);
  int before = -1;
  while (before != own->sent || own->sent == 0) {  // until the sender stands still
    before = own->sent;
    assert_int_equal(mesh_sleep_until(&test->scope, mesh_now_ns() + 20 * MS, NULL), GRPC_STATUS_OK);
  }
  assert_true(own->sent * 16 <= 512);  // KiB: windows and socket buffers
  mesh_frame frame;
  mesh_error err;
  for (int i = 0; i < 64; i++) {
    assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
    assert_int_equal(frame.size_bytes, 16 * 1024);
  }
  assert_true(own->sent > before);
  mesh_call_close(call);
}

// ---- tests of a local link, and of listeners alone ----

// Nothing shuts a socket within a process but want of memory; then the link has another one.
static void a_local_link_is_connected_again(harness *test, void *arg) {
  (void)arg;
  enum { FDS_MAX = 64 };
  peer own = {0};
  mesh_service service;
  mesh_error err;
  struct stat before[FDS_MAX], now;
  for (int fd = 0; fd < FDS_MAX; fd++) {
    if (fstat(fd, &before[fd]) != 0) before[fd].st_ino = 0;
  }
  start_peer(&own, test, LOCAL, &service);
  assert_int_equal(spell_messages(test, &own, 1, &err), GRPC_STATUS_OK);
  int shut = 0;
  for (int fd = 0; fd < FDS_MAX; fd++) {
    bool is_new = fstat(fd, &now) == 0 && now.st_ino != before[fd].st_ino;
    if (is_new && S_ISSOCK(now.st_mode)) shut += shutdown(fd, SHUT_RDWR) == 0;
  }
  assert_true(shut > 0);
  mesh_code code = GRPC_STATUS_UNAVAILABLE;
  for (int i = 0; i < 100 && code == GRPC_STATUS_UNAVAILABLE; i++) {
    code = spell_messages(test, &own, 1, &err);
    mesh_error ignored;
    assert_int_equal(mesh_sleep_until(&test->scope, mesh_now_ns() + MS, &ignored), GRPC_STATUS_OK);
  }
  if (code != GRPC_STATUS_OK) fail_msg("%s", err.message);
  stop_peer(&own);
}

static void a_socket_in_use_is_not_taken(harness *test, void *arg) {
  (void)arg;
  peer own = {0};
  mesh_service service;
  start_peer(&own, test, UNIX, &service);
  mesh_error err;
  mesh_server *second = mesh_server_create(test->loop, own.schema);
  assert_int_equal(mesh_server_listen(second, own.address, NULL, &err), GRPC_STATUS_ALREADY_EXISTS);
  assert_non_null(strstr(err.message, own.address));
  assert_int_equal(mesh_server_listen(second, "0.0.0.0:0", NULL, &err),
                   GRPC_STATUS_INVALID_ARGUMENT);
  assert_int_equal(mesh_server_listen(second, "unix:/nonexistent/x.sock", NULL, &err),
                   GRPC_STATUS_NOT_FOUND);
  mesh_server_destroy(second);
  stop_peer(&own);
}

static void a_port_in_use_is_not_taken(harness *test, void *arg) {
  (void)arg;
  peer own = {0};
  mesh_service service;
  start_peer(&own, test, TCP, &service);
  mesh_error err;
  mesh_server *second = mesh_server_create(test->loop, own.schema);
  assert_int_equal(mesh_server_listen(second, own.address, NULL, &err), GRPC_STATUS_ALREADY_EXISTS);
  mesh_server_destroy(second);
  stop_peer(&own);
}

// ---- rows ----

typedef struct row {
  const char *name;
  void (*run)(harness *test, peer *own);
  transport how;
  void (*alone)(harness *test, void *arg);
} row;

#define EACH(text, function)                                                               \
  {text " (in-process)", function, LOCAL, NULL}, {text " (unix)", function, UNIX, NULL}, { \
    text " (tcp)", function, TCP, NULL                                                     \
  }

static const row rows[] = {
    EACH("a stream arrives in order", stream_arrives_in_order),
    EACH("streaming requests are answered", streaming_requests_are_answered),
    EACH("one request is one message", one_request_is_one_message),
    EACH("errors keep their details", errors_keep_their_details_across_hops),
    EACH("unknown methods are named", unknown_methods_are_named),
    EACH("closing a call cancels two hops below", closing_a_call_cancels_two_hops_below),
    EACH("a deadline reaches two hops below", a_deadline_reaches_two_hops_below),
    EACH("a slow reader slows its sender", a_slow_reader_slows_its_sender),
    {"a local link is connected again", NULL, LOCAL, a_local_link_is_connected_again},
    {"a socket in use is not taken", NULL, LOCAL, a_socket_in_use_is_not_taken},
    {"a port in use is not taken", NULL, LOCAL, a_port_in_use_is_not_taken},
};

static void run_row(harness *test, void *arg) {
  const row *one = arg;
  if (one->alone != NULL) {
    one->alone(test, NULL);
    return;
  }
  peer own = {0};
  mesh_service service;
  start_peer(&own, test, one->how, &service);
  one->run(test, &own);
  stop_peer(&own);
}

static void check(void **state) {
  run_in_fiber(run_row, *state);
}

int main(void) {
  // A relative path: the sandbox's own is longer than a unix socket's may be.
  if (getenv("TEST_TMPDIR") != NULL && chdir(getenv("TEST_TMPDIR")) != 0) return 1;
  RUN_ROWS("server", rows, check);
}
