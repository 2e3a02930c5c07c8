#include "cli/up_home.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit.h"

enum { PATH_BYTES = 512 };

static void make_root(char root[PATH_BYTES]) {
  const char *directory = getenv("TEST_TMPDIR");
  snprintf(root, PATH_BYTES, "%s/home-XXXXXX", directory != NULL ? directory : "/tmp");
  assert_non_null(mkdtemp(root));
}

static void makes_its_directories(void **state) {
  (void)state;
  char root[PATH_BYTES], home[PATH_BYTES + 16], log[PATH_BYTES + 32];
  make_root(root);
  snprintf(home, sizeof home, "%s/a/b", root);
  snprintf(log, sizeof log, "%s/log", home);
  int lock;
  mesh_error err;
  assert_int_equal(up_home_take(home, &lock, &err), GRPC_STATUS_OK);
  struct stat info;
  assert_int_equal(stat(log, &info), 0);
  assert_true(S_ISDIR(info.st_mode));
  close(lock);
}

static void is_taken_once(void **state) {
  (void)state;
  char home[PATH_BYTES], pid[32];
  make_root(home);
  int lock, other;
  mesh_error err;
  assert_int_equal(up_home_take(home, &lock, &err), GRPC_STATUS_OK);
  assert_int_equal(up_home_take(home, &other, &err), GRPC_STATUS_ALREADY_EXISTS);
  snprintf(pid, sizeof pid, "(pid %d)", (int)getpid());
  assert_non_null(strstr(err.message, home));
  assert_non_null(strstr(err.message, pid));
  close(lock);
  assert_int_equal(up_home_take(home, &other, &err), GRPC_STATUS_OK);
  close(other);
}

static void a_file_in_the_way_is_named(void **state) {
  (void)state;
  char home[PATH_BYTES], path[PATH_BYTES + 16];
  make_root(home);
  snprintf(path, sizeof path, "%s/run", home);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fclose(file);
  int lock;
  mesh_error err;
  assert_int_equal(up_home_take(home, &lock, &err), GRPC_STATUS_FAILED_PRECONDITION);
  assert_non_null(strstr(err.message, home));
}

static void keeps_a_port(void **state) {
  (void)state;
  int fd, port;
  mesh_error err;
  assert_int_equal(up_open_port(&fd, &port, &err), GRPC_STATUS_OK);
  struct sockaddr_in name = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)port)};
  int other = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  assert_int_equal(setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
  assert_int_equal(bind(other, (struct sockaddr *)&name, sizeof name), -1);
  assert_int_equal(connect(other, (struct sockaddr *)&name, sizeof name), 0);
  close(other);
  close(fd);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(makes_its_directories),
      cmocka_unit_test(is_taken_once),
      cmocka_unit_test(a_file_in_the_way_is_named),
      cmocka_unit_test(keeps_a_port),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
