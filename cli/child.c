#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mesh/program/private.h"
#include "mesh/program/process.h"
#include "mesh/runtime/fiber.h"
#include "mesh/runtime/text.h"

enum { BACKOFF_FIRST_MS = 50, BACKOFF_CAP_MS = 5000, YOUNG_MS = 2000, KILLED_MS = 10000 };

extern char **environ;

// ---- find ----

static bool is_program(const char *path) {
  return access(path, X_OK) == 0;
}

static bool try_path(char out[CHILD_PATH_MAX], const char *directory, const char *below,
                     const char *name) {
  int size = snprintf(out, CHILD_PATH_MAX, "%s/%s%s", directory, below, name);
  return size < CHILD_PATH_MAX && is_program(out);
}

static bool find_on_path(const char *name, char out[CHILD_PATH_MAX]) {
  const char *path = getenv("PATH");
  char *copy = strdup(path == NULL ? "" : path), *rest = copy;
  bool found = false;
  for (char *each; !found && (each = strsep(&rest, ":")) != NULL;) {
    found = each[0] != '\0' && try_path(out, each, "", name);
  }
  free(copy);
  return found;
}

mesh_code child_find_program(const char *name, char out[CHILD_PATH_MAX], mesh_error *err) {
  static const char *const below[] = {"", "../host/ib/", "../host/training/", "../backend/",
                                      "../tools/papergate/"};
  const char *given = getenv("MILLRACE_BIN_DIR");
  if (given != NULL && given[0] != '\0' && try_path(out, given, "", name)) return GRPC_STATUS_OK;

  char self[CHILD_PATH_MAX] = "";
  ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
  const char *directory = size > 0 ? dirname(self) : ".";
  for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
    if (try_path(out, directory, below[i], name)) return GRPC_STATUS_OK;
  }
  if (find_on_path(name, out)) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_NOT_FOUND,
                   "the program %s is neither beside millrace (%s) nor on the PATH; "
                   "MILLRACE_BIN_DIR can name its directory",
                   name, directory);
}

// ---- run ----

// What the child needs between fork and exec, where nothing may be allocated.
typedef struct launch {
  const child *who;
  const char *argv[CHILD_ARGS_MAX + 1];
  int null_fd, log_fd, lock_fd, told_fd;  // owned; told_fd: where an errno of the child goes
  pid_t parent;
} launch;

// The lock of a process stays with it over exec, as long as the descriptor does.
static bool hold_lock(int fd) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  return fcntl(fd, F_SETLK, &whole) == 0 && fcntl(fd, F_SETFD, 0) == 0;
}

// In the child. Only what is safe after a fork beside other threads.
static _Noreturn void become(const launch *what) {
  sigset_t none;
  sigemptyset(&none);
  // A group of its own: a Ctrl-C at the terminal reaches the supervisor alone, which ends the
  // children in order.
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != what->parent) _exit(0);  // it died before we asked
  bool ready = (what->lock_fd < 0 || hold_lock(what->lock_fd)) &&
               (what->who->inherited_fd == 0 || fcntl(what->who->inherited_fd, F_SETFD, 0) == 0) &&
               dup2(what->null_fd, STDIN_FILENO) >= 0 && dup2(what->log_fd, STDOUT_FILENO) >= 0 &&
               dup2(what->log_fd, STDERR_FILENO) >= 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
  if (ready) execve(what->who->program, (char *const *)(uintptr_t)what->argv, environ);
  int why = errno;
  ssize_t written = write(what->told_fd, &why, sizeof why);
  (void)written;
  _exit(127);
}

static void close_fd(int fd) {
  if (fd >= 0) close(fd);
}

static mesh_code prepare(launch *what, child *who, mesh_error *err) {
  *what = (launch){.who = who,
                   .argv = {who->program},
                   .null_fd = -1,
                   .log_fd = -1,
                   .lock_fd = -1,
                   .told_fd = -1,
                   .parent = getpid()};
  for (int i = 0; who->args[i] != NULL; i++)
    what->argv[i + 1] = who->args[i];
  mesh_code code =
      mesh_private_open(who->log_path, O_RDWR | O_CREAT | O_APPEND, &what->log_fd, err);
  if (code == GRPC_STATUS_OK && who->lock_path[0] != '\0') {
    code = mesh_private_open(who->lock_path, O_RDWR | O_CREAT, &what->lock_fd, err);
  }
  if (code != GRPC_STATUS_OK) return code;
  what->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (what->null_fd >= 0) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "/dev/null: %s", strerror(errno));
}

// Forks and waits until the child is the program, or has said why not.
static int fork_child(launch *what, pid_t *pid) {
  int told[2], why = 0;
  if (pipe2(told, O_CLOEXEC) != 0) return errno;
  what->told_fd = told[1];
  *pid = fork();
  if (*pid == 0) become(what);
  if (*pid < 0) why = errno;
  close(told[1]);
  ssize_t size;
  while (*pid > 0 && (size = read(told[0], &why, sizeof why)) < 0 && errno == EINTR) {
  }
  close(told[0]);
  if (why == 0) return 0;
  if (*pid > 0) waitpid(*pid, NULL, 0);
  *pid = 0;
  return why;
}

// On OK *log is the descriptor of its log, and *begin where what it writes begins. Owned.
static mesh_code spawn(child *who, int *log, off_t *begin, mesh_error *err) {
  launch what;
  mesh_code code = prepare(&what, who, err);
  if (code == GRPC_STATUS_OK) {
    *begin = lseek(what.log_fd, 0, SEEK_END);
    int why = fork_child(&what, &who->pid);
    if (why != 0) {
      code = mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "%.*s: %s", MESH_TEXT_SHOWN(who->program, 300),
                       strerror(why));
    }
  }
  if (code == GRPC_STATUS_OK) {
    *log = what.log_fd;
    what.log_fd = -1;
  }
  close_fd(what.log_fd);
  close_fd(what.lock_fd);
  close_fd(what.null_fd);
  return code;
}

typedef struct wait_job {
  pid_t pid;
  int status;
} wait_job;

static void do_wait(void *arg) {
  wait_job *job = arg;
  while (waitpid(job->pid, &job->status, 0) < 0 && errno == EINTR) {
  }
}

// Reads the last line that a run wrote, from `begin` on: why a program did not want to start.
static void read_last_line(child *who, int log, off_t begin) {
  char tail[2 * CHILD_LINE_MAX];
  struct stat about;
  who->last_line[0] = '\0';
  if (fstat(log, &about) != 0) return;
  off_t from = about.st_size - (off_t)sizeof tail + 1;
  ssize_t size = pread(log, tail, sizeof tail - 1, from > begin ? from : begin);
  if (size <= 0) return;
  while (size > 0 && strchr("\n\r", tail[size - 1]) != NULL)
    size--;
  tail[size] = '\0';
  const char *newline = strrchr(tail, '\n');
  mesh_text_format(who->last_line, sizeof who->last_line, "%.*s", CHILD_LINE_MAX - 1,
                   newline != NULL ? newline + 1 : tail);
}

// Says so in the log. A full disk does not take it: then that is why the log is silent.
static void note_silence(child *who, int log) {
  char line[128];
  int size = snprintf(line, sizeof line, "%.*s ended with code %d\n",
                      MESH_TEXT_SHOWN(who->name, 64), who->exit_code);
  ssize_t written = write(log, line, (size_t)size);
  mesh_text_copy(who->last_line, sizeof who->last_line,
                 written < 0 ? strerror(errno) : "it said nothing");
}

static void note_end(child *who, int status, int log, off_t begin) {
  who->pid = 0;
  who->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  who->gave_up = who->exit_code == MESH_EXIT_REFUSED ||
                 (who->exit_code == MESH_EXIT_UNABLE && who->healthy_pid == 0);
  read_last_line(who, log, begin);
  if (who->exit_code != 0 && who->last_line[0] == '\0') note_silence(who, log);
}

void child_signal(const child *who, int number) {
  if (who->pid > 0) kill(who->pid, number);
}

// Starts it and waits for its end; *young: it did not last.
static void run_once(child *who, mesh_scope *scope, mesh_pool *pool, child_event on_event,
                     void *arg, bool *young) {
  mesh_error err;
  int log;
  off_t begin = 0;
  int64_t started_ns = mesh_now_ns();
  if (spawn(who, &log, &begin, &err) == GRPC_STATUS_OK) {
    on_event(arg, who, "started");
    wait_job job = {.pid = who->pid};
    mesh_pool_run(pool, scope->loop, do_wait, &job);
    note_end(who, job.status, log, begin);
    close(log);
  } else {
    who->exit_code = MESH_EXIT_UNABLE;
    who->gave_up = who->healthy_pid == 0;
    mesh_text_copy(who->last_line, sizeof who->last_line, err.message);
  }
  *young = who->exit_code != 0 && mesh_now_ns() <= mesh_time_after_ms(started_ns, YOUNG_MS);
}

void child_supervise(child *who, mesh_scope *scope, mesh_pool *pool, child_event on_event,
                     void *arg) {
  int64_t wait_ms = BACKOFF_FIRST_MS;
  while (scope->code == GRPC_STATUS_OK) {
    bool young;
    mesh_error err;
    run_once(who, scope, pool, on_event, arg, &young);
    if (scope->code != GRPC_STATUS_OK) return;
    on_event(arg, who, who->gave_up ? "refused" : who->exit_code == 0 ? "left" : "died");
    if (who->gave_up) return;
    who->restarts++;
    if (!young) wait_ms = BACKOFF_FIRST_MS;
    if (mesh_sleep_until(scope, mesh_time_after_ms(mesh_now_ns(), wait_ms), &err) != GRPC_STATUS_OK)
      return;
    wait_ms = 2 * wait_ms < BACKOFF_CAP_MS ? 2 * wait_ms : BACKOFF_CAP_MS;
  }
}

// ---- orphans ----

// The process that holds the lock; 0: nobody.
static pid_t holder_of(int lock_fd) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (fcntl(lock_fd, F_GETLK, &whole) != 0 || whole.l_type == F_UNLCK) return 0;
  return whole.l_pid;
}

// A descriptor of the process that holds the lock: that it holds it is asked again once the
// descriptor is there, so that a number that was given to another process meanwhile is noticed.
static int open_holder(int lock_fd, pid_t *pid) {
  int fd = -1;
  for (*pid = holder_of(lock_fd); *pid > 0; *pid = holder_of(lock_fd)) {
    fd = (int)syscall(SYS_pidfd_open, *pid, 0);
    if (fd < 0 && errno != ESRCH) return -1;
    if (fd >= 0 && holder_of(lock_fd) == *pid) return fd;
    close_fd(fd);
  }
  return -1;
}

static bool has_ended(int process, int64_t limit_ms) {
  struct pollfd poll_fd = {.fd = process, .events = POLLIN};
  int count;
  do {
    count = poll(&poll_fd, 1, (int)limit_ms);
  } while (count < 0 && errno == EINTR);
  return count > 0;
}

static bool end_process(int process, int64_t limit_ms) {
  (void)syscall(SYS_pidfd_send_signal, process, SIGTERM, NULL, 0);
  (void)syscall(SYS_pidfd_send_signal, process, SIGCONT, NULL, 0);
  if (has_ended(process, limit_ms)) return true;
  (void)syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
  return has_ended(process, KILLED_MS);
}

mesh_code child_end_orphan(const char *lock_path, int64_t limit_ms, pid_t *pid, mesh_error *err) {
  int lock_fd;
  mesh_error why;
  *pid = 0;
  mesh_code code = mesh_private_open(lock_path, O_RDWR, &lock_fd, &why);
  if (code == GRPC_STATUS_NOT_FOUND) return GRPC_STATUS_OK;
  if (code != GRPC_STATUS_OK) {
    *err = why;
    return code;
  }
  int process = open_holder(lock_fd, pid);
  if (*pid != 0 && (process < 0 || !end_process(process, limit_ms))) {
    code = mesh_fail(err, GRPC_STATUS_UNAVAILABLE,
                     "process %d, left by a mesh that was killed, does not end (it holds %.*s)",
                     (int)*pid, MESH_TEXT_SHOWN(lock_path, 300));
  }
  close_fd(process);
  close(lock_fd);
  return code;
}
