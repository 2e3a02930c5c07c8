// Standard descriptors that were closed before the program began.
#include "mesh/program/standard.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit.h"

enum { FINE, OPENED_AS_ONE, WRITTEN, READ, MOVED };

// In a child that has none of `closed`, a bit each.
static int child(unsigned closed) {
  for (int fd = 0; fd < 3; fd++) {
    if (closed & 1u << fd) close(fd);
  }
  mesh_standard_hold();
  if (open("/dev/null", O_RDWR) < 3) return OPENED_AS_ONE;
  char byte = 0;
  if (closed & 1 && (read(0, &byte, 1) != -1 || errno != EBADF)) return READ;
  for (int fd = 1; fd < 3; fd++) {
    if (closed & 1u << fd && (write(fd, &byte, 1) != -1 || errno != EBADF)) return WRITTEN;
    if (!(closed & 1u << fd) && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) return MOVED;
  }
  return FINE;
}

static void none_is_given_to_what_is_opened_next(void **state) {
  (void)state;
  for (unsigned closed = 0; closed < 8; closed++) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
      int sink = open("/dev/null", O_WRONLY);  // what the test's own are does not matter
      dup2(sink, 1);
      dup2(sink, 2);
      for (int fd = 3; fd < 64; fd++)
        close(fd);
      _exit(child(closed));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != FINE) fail_msg("closed %u: %d", closed, WEXITSTATUS(status));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(none_is_given_to_what_is_opened_next),
  };
  return cmocka_run_group_tests_name("standard", tests, NULL, NULL);
}
