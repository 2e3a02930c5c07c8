// Stop signals and log lines, in this process.
#include "mesh/program/process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mesh/runtime/log.h"
#include "tests/mesh/harness.h"

typedef struct stopped {
  mesh_fiber *waiter;
  int count;
} stopped;

static void on_stop(void *arg) {
  stopped *own = arg;
  own->count++;
  mesh_fiber_unpark(own->waiter);
}

static void a_signal_is_told_once_on_the_loop(harness *own, void *arg) {
  (void)arg;
  stopped what = {.waiter = mesh_fiber_current(own->loop)};
  mesh_stop_signal *stop = mesh_stop_signal_create(own->loop, on_stop, &what);
  kill(getpid(), SIGTERM);
  while (what.count == 0)
    mesh_fiber_park(own->loop);
  assert_int_equal(what.count, 1);
  mesh_stop_signal_destroy(stop);
}

static volatile sig_atomic_t handled;

static void on_other_signal(int number) {
  (void)number;
  handled++;
}

// Any process of this user can send them: they do what they would do without us, and the next
// SIGTERM is heard.
static void other_signals_are_not_ours(harness *own, void *arg) {
  (void)arg;
  static const int others[] = {SIGUSR1, SIGUSR2, SIGALRM};
  stopped what = {.waiter = mesh_fiber_current(own->loop)};
  mesh_stop_signal *stop = mesh_stop_signal_create(own->loop, on_stop, &what);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    struct sigaction action = {.sa_handler = on_other_signal}, old;
    sigaction(others[i], &action, &old);
    handled = 0;
    raise(others[i]);
    assert_int_equal(handled, 1);  // blocked it would wait for whoever waits for signals
    sigaction(others[i], &old, NULL);
  }
  assert_int_equal(what.count, 0);
  kill(getpid(), SIGTERM);
  while (what.count == 0)
    mesh_fiber_park(own->loop);
  mesh_stop_signal_destroy(stop);
}

static void no_signal_is_no_stop(harness *own, void *arg) {
  (void)arg;
  stopped what = {.waiter = mesh_fiber_current(own->loop)};
  mesh_stop_signal_destroy(mesh_stop_signal_create(own->loop, on_stop, &what));
  assert_int_equal(what.count, 0);
}

// What mesh_log() writes to standard error.
static void capture(char *out, size_t capacity, mesh_log_level level, const char *text) {
  int pipes[2], old = dup(STDERR_FILENO);
  assert_int_equal(pipe(pipes), 0);
  dup2(pipes[1], STDERR_FILENO);
  mesh_log(level, "test", "%s", text);
  dup2(old, STDERR_FILENO);
  close(pipes[1]);
  ssize_t size = read(pipes[0], out, capacity - 1);
  out[size > 0 ? size : 0] = '\0';
  close(pipes[0]);
  close(old);
}

static void a_line_says_when_how_bad_and_who(harness *own, void *arg) {
  (void)own, (void)arg;
  char line[4096];
  mesh_log_init("program", MESH_LOG_INFO, false);
  capture(line, sizeof line, MESH_LOG_WARN, "gone");
  assert_non_null(strstr(line, "Z WARN test: gone\n"));
  capture(line, sizeof line, MESH_LOG_DEBUG, "quiet");
  assert_string_equal(line, "");
}

static void json_is_escaped(harness *own, void *arg) {
  (void)own, (void)arg;
  char line[4096], many[4000];
  mesh_log_init("program", MESH_LOG_INFO, true);
  capture(line, sizeof line, MESH_LOG_ERROR, "a \"quote\"\n and \\ more");
  assert_non_null(strstr(line, "\"text\":\"a \\\"quote\\\"\\u000a and \\\\ more\"}\n"));
  memset(many, '"', sizeof many - 1);
  many[sizeof many - 1] = '\0';
  capture(line, sizeof line, MESH_LOG_ERROR, many);
  size_t size = strlen(line);
  assert_true(size > 3 && size < 4096 && strcmp(line + size - 3, "\"}\n") == 0);
}

static void levels_have_names(harness *own, void *arg) {
  (void)own, (void)arg;
  mesh_log_level level;
  assert_true(mesh_log_parse_level("warn", &level));
  assert_int_equal(level, MESH_LOG_WARN);
  assert_false(mesh_log_parse_level("loud", &level));
}

typedef struct row {
  const char *name;
  void (*run)(harness *own, void *arg);
} row;

static const row rows[] = {
    {"a signal is told once, on the loop", a_signal_is_told_once_on_the_loop},
    {"other signals are not ours", other_signals_are_not_ours},
    {"no signal is no stop", no_signal_is_no_stop},
    {"a line says when, how bad and who", a_line_says_when_how_bad_and_who},
    {"JSON is escaped", json_is_escaped},
    {"levels have names", levels_have_names},
};

static void check(void **state) {
  run_in_fiber(((const row *)*state)->run, NULL);
}

int main(void) {
  mesh_process_block_signals();
  RUN_ROWS("process", rows, check);
}
