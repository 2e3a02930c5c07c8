#include "tests/bench/child.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/measure.h"

#define SECOND INT64_C(1000000000)

void bench_die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fflush(stdout);
  fputs("bench: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  exit(1);
}

char *bench_text(const char *format, ...) {
  char *out;
  va_list args;
  va_start(args, format);
  if (vasprintf(&out, format, args) < 0) bench_die("out of memory");
  va_end(args);
  return out;
}

static void pause_ms(int ms) {
  nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static pid_t fork_child(void) {
  fflush(NULL);
  pid_t parent = getpid(), pid = fork();
  if (pid < 0) bench_die("fork: %s", strerror(errno));
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
  }
  return pid;
}

pid_t bench_fork(void (*run)(void *arg), void *arg) {
  pid_t pid = fork_child();
  if (pid != 0) return pid;
  run(arg);
  fflush(NULL);
  _exit(0);
}

pid_t bench_spawn(const char *const *argv, const char *log) {
  if (access(argv[0], X_OK) != 0) {
    bench_die("%s: %s (start me with bazel run -c opt)", argv[0], strerror(errno));
  }
  pid_t pid = fork_child();
  if (pid != 0) return pid;
  int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) bench_die("%s: %s", log, strerror(errno));
  dup2(fd, STDOUT_FILENO);
  dup2(fd, STDERR_FILENO);
  execv(argv[0], (char *const *)argv);
  fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
  _exit(127);
}

static int exit_code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int bench_wait(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) bench_die("waitpid: %s", strerror(errno));
  }
  return exit_code(status);
}

void bench_end(pid_t pid) {
  if (pid <= 0) return;
  kill(pid, SIGTERM);
  int64_t end = bench_now_ns() + 5 * SECOND;
  while (waitpid(pid, NULL, WNOHANG) == 0) {
    if (bench_now_ns() > end) kill(pid, SIGKILL);
    pause_ms(1);
  }
}

double bench_cpu_s(pid_t pid) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) bench_die("%s: %s", path, strerror(errno));
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = '\0';

  unsigned long user = 0, system = 0;  // fields 14 and 15; the name before them may hold spaces
  const char *after_name = strrchr(text, ')');
  if (after_name == NULL ||
      sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
             &system) != 2) {
    bench_die("%s: no CPU times in it", path);
  }
  return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

void *bench_shared(size_t size_bytes) {
  void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) bench_die("mmap of %zu bytes: %s", size_bytes, strerror(errno));
  return memory;
}

void bench_wait_for_socket(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  for (int64_t end = bench_now_ns() + BENCH_WAIT_S * SECOND; bench_now_ns() < end; pause_ms(1)) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) bench_die("socket: %s", strerror(errno));
    int failed = connect(fd, (const struct sockaddr *)&address, sizeof address);
    close(fd);
    if (failed == 0) return;
  }
  bench_die("%s: nobody listens there after %d s", path, BENCH_WAIT_S);
}

char *bench_make_directory(void) {
  char *path = strdup("/tmp/millrace-bench-XXXXXX");  // short: a unix socket's path has 107 bytes
  if (path == NULL || mkdtemp(path) == NULL) bench_die("%s: %s", path, strerror(errno));
  return path;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where) {
  (void)info, (void)kind, (void)where;
  return remove(path);
}

void bench_remove_directory(const char *path) {
  nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
