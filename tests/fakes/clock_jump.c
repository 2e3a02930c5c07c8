// Linked into a program: its wall clock is off by as many seconds as the file that
// MILLRACE_TEST_CLOCK names says; the monotonic clock is as it was. So a test can set the clock of
// a machine back and forth without being allowed to.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef int clock_function(clockid_t clock, struct timespec *now);

static long read_offset_s(const char *path) {
  char text[32];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  text[size < 0 ? 0 : size] = '\0';
  return strtol(text, NULL, 10);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  static _Atomic(clock_function *) real;
  clock_function *function = real;
  if (function == NULL) {
    *(void **)&function = dlsym(RTLD_NEXT, "clock_gettime");  // as POSIX has it
    real = function;
  }
  int result = function(clock, now);
  const char *path = clock == CLOCK_REALTIME ? getenv("MILLRACE_TEST_CLOCK") : NULL;
  if (path != NULL) now->tv_sec += read_offset_s(path);
  return result;
}
