#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mesh/runtime/fiber.h"

enum { BACKOFF_FIRST_MS = 50, BACKOFF_CAP_MS = 5000, YOUNG_MS = 2000, EXIT_USAGE = 2 };

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

static mesh_code spawn(child *who, mesh_error *err) {
  const char *argv[CHILD_ARGS_MAX + 1] = {who->program};
  for (int i = 0; who->args[i] != NULL; i++)
    argv[i + 1] = who->args[i];

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t none;
  sigemptyset(&none);
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, who->log_path,
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  posix_spawnattr_init(&attributes);
  // A group of its own: a Ctrl-C at the terminal reaches us alone, and we end the children in
  // order.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setsigmask(&attributes, &none);
  int failed =
      posix_spawn(&who->pid, who->program, &files, &attributes, (char *const *)argv, environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (failed == 0) return GRPC_STATUS_OK;
  who->pid = 0;
  return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "%s: %s", who->program, strerror(failed));
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

// Reads the last line of the log: why a program did not want to start.
static void read_last_line(child *who) {
  who->last_line[0] = '\0';
  FILE *file = fopen(who->log_path, "r");
  if (file == NULL) return;
  char line[CHILD_LINE_MAX];
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (line[0] != '\0') memcpy(who->last_line, line, sizeof line);
  }
  fclose(file);
}

static void note_end(child *who, int status) {
  who->pid = 0;
  who->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (who->exit_code != EXIT_USAGE) return;
  who->gave_up = true;
  read_last_line(who);
}

void child_signal(const child *who, int number) {
  if (who->pid > 0) kill(who->pid, number);
}

void child_supervise(child *who, mesh_scope *scope, mesh_pool *pool, child_event on_event,
                     void *arg) {
  int64_t wait_ms = BACKOFF_FIRST_MS;
  while (scope->code == GRPC_STATUS_OK) {
    mesh_error err;
    int64_t started_ns = mesh_now_ns();
    if (spawn(who, &err) != GRPC_STATUS_OK) {
      who->gave_up = true;
      snprintf(who->last_line, sizeof who->last_line, "%s", err.message);
      on_event(arg, who, "refused");
      return;
    }
    on_event(arg, who, "started");
    wait_job job = {.pid = who->pid};
    mesh_pool_run(pool, scope->loop, do_wait, &job);
    note_end(who, job.status);
    if (scope->code != GRPC_STATUS_OK) return;
    on_event(arg, who, who->gave_up ? "refused" : who->exit_code == 0 ? "left" : "died");
    if (who->gave_up) return;
    who->restarts++;
    if (mesh_now_ns() > mesh_time_after_ms(started_ns, YOUNG_MS) || who->exit_code == 0)
      wait_ms = BACKOFF_FIRST_MS;
    if (mesh_sleep_until(scope, mesh_time_after_ms(mesh_now_ns(), wait_ms), &err) != GRPC_STATUS_OK)
      return;
    wait_ms = 2 * wait_ms < BACKOFF_CAP_MS ? 2 * wait_ms : BACKOFF_CAP_MS;
  }
}
