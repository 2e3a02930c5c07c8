// Where a server may listen, and what becomes of one that may not.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mesh/rpc/server.h"
#include "protos/descriptors.h"
#include "tests/mesh/harness.h"

enum { ADDRESS_BYTES = 128 };

// A server that has not listened yet, and a directory for its sockets.
typedef struct scene {
  mesh_schema *schema;
  mesh_server *server;
  char directory[64], address[ADDRESS_BYTES];
} scene;

static const char *path_of(const scene *own) {
  return own->address + strlen("unix:");
}

static void set_up(scene *own, harness *test) {
  mesh_error err;
  mesh_view descriptors = {millrace_descriptors, millrace_descriptors_size};
  assert_int_equal(mesh_schema_create(descriptors, &own->schema, &err), GRPC_STATUS_OK);
  own->server = mesh_server_create(test->loop, own->schema);
  snprintf(own->directory, sizeof own->directory, "/tmp/mr-listen-XXXXXX");
  assert_non_null(mkdtemp(own->directory));
  snprintf(own->address, sizeof own->address, "unix:%s/s", own->directory);
}

static void tear_down(scene *own) {
  mesh_server_destroy(own->server);
  mesh_schema_destroy(own->schema);
  unlink(path_of(own));
  assert_int_equal(rmdir(own->directory), 0);
}

static int listen_at(const char *path, int queue) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
  if (queue >= 0) assert_int_equal(listen(fd, queue), 0);
  return fd;
}

static void refused(scene *own, mesh_code want, const char *word) {
  mesh_error err;
  assert_int_equal(mesh_server_listen(own->server, own->address, NULL, &err), want);
  assert_non_null(strstr(err.message, own->address));
  assert_non_null(strstr(err.message, word));
}

static void a_file_in_the_place_is_named(harness *test, void *arg) {
  (void)arg;
  scene own;
  set_up(&own, test);
  close(open(path_of(&own), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  refused(&own, GRPC_STATUS_FAILED_PRECONDITION, "no socket");
  assert_int_equal(access(path_of(&own), F_OK), 0);  // and it stays
  tear_down(&own);
}

static void a_link_in_the_place_is_named(harness *test, void *arg) {
  (void)arg;
  scene own;
  set_up(&own, test);
  assert_int_equal(symlink("/tmp/elsewhere.sock", path_of(&own)), 0);
  refused(&own, GRPC_STATUS_FAILED_PRECONDITION, "no socket");
  tear_down(&own);
}

static void a_stale_socket_is_replaced(harness *test, void *arg) {
  (void)arg;
  scene own;
  mesh_error err;
  set_up(&own, test);
  close(listen_at(path_of(&own), 1));
  assert_int_equal(mesh_server_listen(own.server, own.address, NULL, &err), GRPC_STATUS_OK);
  tear_down(&own);
}

// Whoever listens there may be stopped, and its queue full: a connect that waits would wait for
// ever.
static void a_full_queue_is_somebody(harness *test, void *arg) {
  (void)arg;
  scene own;
  set_up(&own, test);
  int listener = listen_at(path_of(&own), 0), clients[4], count = 0;
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  snprintf(name.sun_path, sizeof name.sun_path, "%s", path_of(&own));
  int failed = 0;
  while (failed == 0 && count < 4) {
    clients[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    failed = connect(clients[count++], (struct sockaddr *)&name, sizeof name);
  }
  assert_int_equal(failed, -1);  // the queue is full
  refused(&own, GRPC_STATUS_ALREADY_EXISTS, "in use");
  while (count > 0)
    close(clients[--count]);
  close(listener);
  tear_down(&own);
}

static void a_socket_is_private_whatever_the_umask(harness *test, void *arg) {
  (void)arg;
  scene own;
  mesh_error err;
  struct stat about;
  set_up(&own, test);
  mode_t mask = umask(0);
  assert_int_equal(mesh_server_listen(own.server, own.address, NULL, &err), GRPC_STATUS_OK);
  assert_int_equal(umask(mask), 0);  // as it was
  assert_int_equal(stat(path_of(&own), &about), 0);
  assert_int_equal(about.st_mode & 07777, 0600);
  tear_down(&own);
}

// Whoever has taken its place meanwhile keeps it.
static void a_socket_of_somebody_else_stays(harness *test, void *arg) {
  (void)arg;
  scene own;
  mesh_error err;
  set_up(&own, test);
  assert_int_equal(mesh_server_listen(own.server, own.address, NULL, &err), GRPC_STATUS_OK);
  assert_int_equal(unlink(path_of(&own)), 0);
  int other = listen_at(path_of(&own), 1);
  mesh_server_destroy(own.server);
  own.server = NULL;
  assert_int_equal(access(path_of(&own), F_OK), 0);
  close(other);
  tear_down(&own);
}

// A program whose second address is refused takes its server down without ever having started it.
static void one_that_never_started_ends(harness *test, void *arg) {
  (void)arg;
  scene own;
  mesh_error err;
  set_up(&own, test);
  assert_int_equal(mesh_server_listen(own.server, own.address, NULL, &err), GRPC_STATUS_OK);
  assert_int_equal(mesh_server_listen(own.server, "0.0.0.0:4710", NULL, &err),
                   GRPC_STATUS_INVALID_ARGUMENT);
  tear_down(&own);  // gRPC aborts where it was not shut down
}

typedef struct row {
  const char *name;
  void (*run)(harness *test, void *arg);
} row;

static const row rows[] = {
    {"a file in the place is named", a_file_in_the_place_is_named},
    {"a link in the place is named", a_link_in_the_place_is_named},
    {"a stale socket is replaced", a_stale_socket_is_replaced},
    {"a full queue is somebody", a_full_queue_is_somebody},
    {"a socket is private whatever the umask", a_socket_is_private_whatever_the_umask},
    {"a socket of somebody else stays", a_socket_of_somebody_else_stays},
    {"one that never started ends", one_that_never_started_ends},
};

static void check(void **state) {
  run_in_fiber(((const row *)*state)->run, NULL);
}

int main(void) {
  RUN_ROWS("listen", rows, check);
}
