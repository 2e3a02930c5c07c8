// What a server does when somebody takes too much: real sockets, small limits.
#include "mesh/rpc/limits.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "mesh/rpc/server.h"
#include "mesh/runtime/time.h"
#include "protos/descriptors.h"
#include "tests/mesh/harness.h"

enum { SOCKETS_MAX = 400, WAIT_MS = 20000 };

typedef struct scene {
  harness *test;
  mesh_schema *schema;
  mesh_server *server;
  mesh_service service;
  mesh_link *link;
  char directory[64], address[96];
  int port;  // the same on TCP
} scene;

// Answers, and then waits for its end.
static mesh_code hold(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)self;
  mesh_code code = mesh_call_send(call, request, err);
  if (code != GRPC_STATUS_OK) return code;
  return mesh_sleep_until(mesh_call_scope(call), MESH_NEVER, err);
}

static mesh_code who(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request, (void)self;
  const char *peer = mesh_call_peer(call);
  return mesh_call_send(call, (mesh_frame){(const uint8_t *)peer, strlen(peer), false}, err);
}

// What a host could do to whoever calls it.
static mesh_code huge(mesh_call *call, mesh_frame request, void *self, mesh_error *err) {
  (void)request, (void)self;
  enum { BYTES = 5 << 20 };
  uint8_t *bytes = calloc(1, BYTES);
  assert_non_null(bytes);
  mesh_code code = mesh_call_send(call, (mesh_frame){bytes, BYTES, false}, err);
  free(bytes);
  return code;
}

static void set_up(scene *own, harness *test, const mesh_limits *limits) {
  static const mesh_method methods[] = {
      {.name = "Hold", .run = hold}, {.name = "Who", .run = who}, {.name = "Huge", .run = huge}};
  mesh_view descriptors = {millrace_descriptors, millrace_descriptors_size};
  mesh_error err;
  own->test = test;
  assert_int_equal(mesh_schema_create(descriptors, &own->schema, &err), GRPC_STATUS_OK);
  own->server = mesh_server_create(test->loop, own->schema);
  own->service = (mesh_service){"test.Peer", methods, sizeof methods / sizeof *methods, own};
  mesh_server_add(own->server, &own->service);
  mesh_server_limit(own->server, limits);
  snprintf(own->directory, sizeof own->directory, "/tmp/mr-limits-XXXXXX");
  assert_non_null(mkdtemp(own->directory));
  snprintf(own->address, sizeof own->address, "unix:%s/s", own->directory);
  assert_int_equal(mesh_server_listen(own->server, own->address, NULL, &err), GRPC_STATUS_OK);
  assert_int_equal(mesh_server_listen(own->server, "127.0.0.1:0", &own->port, &err),
                   GRPC_STATUS_OK);
  mesh_server_start(own->server);
  assert_int_equal(mesh_link_open(test->loop, "peer", own->address, &own->link, &err),
                   GRPC_STATUS_OK);
}

static void tear_down(scene *own) {
  mesh_link_close(own->link);
  mesh_server_stop(own->server, mesh_time_after_ms(mesh_now_ns(), 1000));
  mesh_server_destroy(own->server);
  mesh_schema_destroy(own->schema);
  assert_int_equal(rmdir(own->directory), 0);  // the socket's file is gone
}

static mesh_call *begin(scene *own, mesh_link *link, const char *method) {
  mesh_call *call;
  mesh_error err;
  mesh_call_options options = {.wait_for_ready = true, .timeout_ms = WAIT_MS};
  mesh_frame frame = {(const uint8_t *)"x", 1, false};
  assert_int_equal(mesh_call_open(&own->test->scope, link, method, frame, &options, &call, &err),
                   GRPC_STATUS_OK);
  return call;
}

// A call that runs; NULL with *err if it was refused.
static mesh_call *hold_one(scene *own, mesh_link *link, mesh_error *err) {
  mesh_call *call = begin(own, link, "/test.Peer/Hold");
  mesh_frame frame;
  if (mesh_call_receive(call, &frame, err) == GRPC_STATUS_OK) return call;
  mesh_call_close(call);
  return NULL;
}

static void pause_a_little(scene *own) {
  mesh_error err;
  assert_int_equal(mesh_sleep_until(&own->test->scope, mesh_time_after_ms(mesh_now_ns(), 2), &err),
                   GRPC_STATUS_OK);
}

// Asks until the server has room again.
static void answers_again(scene *own) {
  mesh_error err;
  int64_t limit_ns = mesh_time_after_ms(mesh_now_ns(), WAIT_MS);
  mesh_call *call;
  while ((call = hold_one(own, own->link, &err)) == NULL) {
    assert_true(mesh_now_ns() < limit_ns);
    pause_a_little(own);
  }
  mesh_call_close(call);
}

// ---- calls ----

static void refused(scene *own, const char *word) {
  mesh_error err;
  assert_null(hold_one(own, own->link, &err));
  assert_int_equal(err.code, GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_string_equal(err.reason, "TOO_MANY_CALLS");
  assert_true(err.retry_after_ms > 0);
  assert_non_null(strstr(err.message, word));
}

static void a_peer_has_half_of_the_calls(harness *test, void *arg) {
  (void)arg;
  scene own;
  mesh_error err;
  mesh_limits limits = mesh_limits_default();
  limits.calls = 4;
  set_up(&own, test, &limits);
  mesh_call *first = hold_one(&own, own.link, &err), *second = hold_one(&own, own.link, &err);
  assert_non_null(first);
  assert_non_null(second);
  refused(&own, "unix:pid ");

  // What this process asks of itself is another matter.
  mesh_link *inside;
  assert_int_equal(mesh_link_open_local(test->loop, "inside", own.server, &inside, &err),
                   GRPC_STATUS_OK);
  mesh_call *third = hold_one(&own, inside, &err);
  assert_non_null(third);
  mesh_call_close(third);
  mesh_link_close(inside);

  mesh_call_close(first);
  answers_again(&own);
  mesh_call_close(second);
  tear_down(&own);
}

static void who_calls_is_known(harness *test, void *arg) {
  (void)arg;
  scene own;
  mesh_error err;
  mesh_limits limits = mesh_limits_default();
  set_up(&own, test, &limits);
  mesh_call *call = begin(&own, own.link, "/test.Peer/Who");
  mesh_frame frame;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
  char want[64], got[64];
  snprintf(want, sizeof want, "unix:pid %d, uid %d", (int)getpid(), (int)getuid());
  snprintf(got, sizeof got, "%.*s", (int)frame.size_bytes, (const char *)frame.data);
  assert_string_equal(got, want);
  mesh_call_close(call);
  tear_down(&own);
}

static void an_answer_too_large_is_refused(harness *test, void *arg) {
  (void)arg;
  scene own;
  mesh_error err;
  mesh_limits limits = mesh_limits_default();
  set_up(&own, test, &limits);
  mesh_call *call = begin(&own, own.link, "/test.Peer/Huge");
  mesh_frame frame;
  assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_RESOURCE_EXHAUSTED);
  mesh_call_close(call);
  answers_again(&own);  // the link is as it was
  tear_down(&own);
}

// ---- connections ----

static int connect_raw(const scene *own) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  snprintf(name.sun_path, sizeof name.sun_path, "%s", own->address + strlen("unix:"));
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (connect(fd, (struct sockaddr *)&name, sizeof name) == 0) return fd;
  close(fd);
  return -1;
}

// Reads until the other end closes; what came is in `text`. False if it does not.
static bool read_to_end(scene *own, int fd, char *text, size_t room, size_t *size) {
  int64_t limit_ns = mesh_time_after_ms(mesh_now_ns(), WAIT_MS);
  for (*size = 0; mesh_now_ns() < limit_ns;) {
    ssize_t got = recv(fd, text + *size, room - *size, MSG_DONTWAIT);
    if (got == 0) return true;
    if (got > 0) *size += (size_t)got;
    if (got < 0) pause_a_little(own);
  }
  return false;
}

static int connect_tcp(const scene *own) {
  struct sockaddr_in name = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)own->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
  return fd;
}

static void is_told_of(scene *own, int fd, const char *why) {
  char text[256];
  size_t size;
  assert_true(read_to_end(own, fd, text, sizeof text, &size));
  assert_non_null(memmem(text, size, why, strlen(why)));
  assert_int_equal(text[3], 7);         // GOAWAY
  assert_int_equal(text[9 + 7], 0x0b);  // ENHANCE_YOUR_CALM
}

static void is_told(scene *own, int fd) {
  is_told_of(own, fd, "too many connections");
}

// One peer is this process on the unix socket, another one this address.
static void a_connection_too_many_is_told(harness *test, void *arg) {
  (void)arg;
  scene own;
  mesh_limits limits = mesh_limits_default();
  limits.connections = 3;
  set_up(&own, test, &limits);
  int fds[5];
  for (int i = 0; i < 3; i++)
    fds[i] = connect_raw(&own);
  is_told(&own,
          fds[2]);  // they are let in in order; one peer leaves half of the room, two of three
  fds[3] = connect_tcp(&own);
  fds[4] = connect_tcp(&own);
  is_told(&own, fds[4]);
  for (int i = 0; i < 5; i++)
    close(fds[i]);
  answers_again(&own);
  tear_down(&own);
}

static void a_connection_too_many_of_one_peer_is_told(harness *test, void *arg) {
  (void)arg;
  scene own;
  mesh_limits limits = mesh_limits_default();
  limits.peer_connections = 3;
  set_up(&own, test, &limits);
  int fds[4];
  for (int i = 0; i < 4; i++)
    fds[i] = connect_raw(&own);
  is_told(&own, fds[3]);
  for (int i = 0; i < 4; i++)
    close(fds[i]);
  answers_again(&own);
  tear_down(&own);
}

// Both ends of each connection are in this process: so its descriptors run out for the server, too.
static void descriptors_run_out_and_come_back(harness *test, void *arg) {
  (void)arg;
  scene own;
  struct rlimit before, few;
  mesh_limits limits = mesh_limits_default();
  limits.connections = limits.peer_connections = SOCKETS_MAX;
  set_up(&own, test, &limits);
  answers_again(&own);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
  few = (struct rlimit){(rlim_t)next + 60, before.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
  close(next);
  int fds[SOCKETS_MAX], count = 0;
  int64_t limit_ns = mesh_time_after_ms(mesh_now_ns(), WAIT_MS);
  while (mesh_now_ns() < limit_ns) {  // until there is none, and the server has met that
    int fd = connect_raw(&own);
    if (fd >= 0) fds[count++] = fd;
    if (fd < 0 && count > 0) break;
    pause_a_little(&own);
  }
  assert_true(count > 10 && count < 60);
  for (int i = 0; i < count; i++)
    close(fds[i]);
  mesh_error err;
  mesh_link_close(own.link);  // a new connection, not the one from before
  assert_int_equal(mesh_link_open_apart(test->loop, "peer", own.address, &own.link, &err),
                   GRPC_STATUS_OK);
  answers_again(&own);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  tear_down(&own);
}

// Those who come then are turned away, one after the other, and each hears why; those who are there
// notice nothing. (A door that stood still for each of them would take ten seconds and more.) Their
// places are free behind them. *arg descriptors are left: with one of them a connection is
// accepted, and there is none to pass it on.
static void calls_go_on_without_descriptors(harness *test, void *arg) {
  enum { COMERS = 100, PLACES = 20 };
  scene own;
  struct rlimit before, none;
  mesh_limits limits = mesh_limits_default();
  limits.peer_connections = PLACES;
  set_up(&own, test, &limits);
  answers_again(&own);
  struct pollfd comers[COMERS];
  for (int i = 0; i < COMERS; i++) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    comers[i] = (struct pollfd){.fd = fd, .events = POLLIN};
  }
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
  none = (struct rlimit){(rlim_t)next + *(const rlim_t *)arg, before.rlim_max};
  close(next);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  snprintf(name.sun_path, sizeof name.sun_path, "%s", own.address + strlen("unix:"));
  int64_t limit_ns = mesh_time_after_ms(mesh_now_ns(), 5000);
  for (int i = 0; i < COMERS; i++) {
    assert_int_equal(connect(comers[i].fd, (struct sockaddr *)&name, sizeof name), 0);
    mesh_error err;
    mesh_frame frame;
    mesh_call *call = begin(&own, own.link, "/test.Peer/Who");
    assert_int_equal(mesh_call_receive(call, &frame, &err), GRPC_STATUS_OK);
    mesh_call_close(call);
  }
  assert_true(mesh_now_ns() < limit_ns);
  limit_ns = mesh_time_after_ms(mesh_now_ns(), WAIT_MS);
  while (poll(comers, COMERS, 0) < COMERS && mesh_now_ns() < limit_ns)
    pause_a_little(&own);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  for (int i = 0; i < COMERS; i++) {
    is_told_of(&own, comers[i].fd, "out of file descriptors");
    close(comers[i].fd);
  }
  mesh_error err;
  mesh_link_close(own.link);  // a new connection, not the one from before
  assert_int_equal(mesh_link_open_apart(test->loop, "peer", own.address, &own.link, &err),
                   GRPC_STATUS_OK);
  answers_again(&own);
  tear_down(&own);
}

static double cpu_seconds(void) {
  struct timespec now;
  assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// Not even the one in reserve can be had again, and somebody waits to be let in: that costs no time
// of the processor.
static void who_cannot_be_let_in_costs_nothing(harness *test, void *arg) {
  (void)arg;
  scene own;
  struct rlimit before;
  mesh_limits limits = mesh_limits_default();
  set_up(&own, test, &limits);
  answers_again(&own);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  int comer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  snprintf(name.sun_path, sizeof name.sun_path, "%s", own.address + strlen("unix:"));
  struct rlimit none = {3, before.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  assert_int_equal(connect(comer, (struct sockaddr *)&name, sizeof name), 0);
  double spent_s = cpu_seconds();
  int64_t until_ns = mesh_time_after_ms(mesh_now_ns(), 600);
  mesh_error err;
  assert_int_equal(mesh_sleep_until(&test->scope, until_ns, &err), GRPC_STATUS_OK);
  assert_true(cpu_seconds() - spent_s < 0.2);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  mesh_link_close(own.link);  // a new connection, not the one from before
  assert_int_equal(mesh_link_open_apart(test->loop, "peer", own.address, &own.link, &err),
                   GRPC_STATUS_OK);
  answers_again(&own);
  close(comer);
  tear_down(&own);
}

static void who_gives_up_calls_without_end_loses_all(harness *test, void *arg) {
  (void)arg;
  scene own;
  mesh_error err;
  mesh_limits limits = mesh_limits_default();
  limits.resets = 5;
  set_up(&own, test, &limits);
  answers_again(&own);  // one
  int bystander = connect_raw(&own);
  for (int i = 0; i < 20; i++) {
    mesh_call *call = hold_one(&own, own.link, &err);
    if (call != NULL) mesh_call_close(call);
  }
  char text[1024];
  size_t size;
  assert_true(read_to_end(&own, bystander, text, sizeof text, &size));
  close(bystander);
  answers_again(&own);
  tear_down(&own);
}

// ---- rows ----

typedef struct play {
  const char *name;
  void (*run)(harness *test, void *arg);
  void *arg;
} play;

static rlim_t no_descriptor = 0, one_descriptor = 1;

static const play plays[] = {
    {"a peer has half of the calls", a_peer_has_half_of_the_calls, NULL},
    {"who calls is known", who_calls_is_known, NULL},
    {"an answer too large is refused", an_answer_too_large_is_refused, NULL},
    {"a connection too many is told", a_connection_too_many_is_told, NULL},
    {"a connection too many of one peer is told", a_connection_too_many_of_one_peer_is_told, NULL},
    {"descriptors run out and come back", descriptors_run_out_and_come_back, NULL},
    {"calls go on without descriptors", calls_go_on_without_descriptors, &no_descriptor},
    {"calls go on with one descriptor", calls_go_on_without_descriptors, &one_descriptor},
    {"who cannot be let in costs nothing", who_cannot_be_let_in_costs_nothing, NULL},
    {"who gives up calls without end loses all", who_gives_up_calls_without_end_loses_all, NULL},
};

static void check_play(void **state) {
  const play *one = *state;
  run_in_fiber(one->run, one->arg);
}

int main(void) {
  RUN_ROWS("limits", plays, check_play);
}
