// The supervisor with real processes: small scripts that say what they do in their log.
#include "cli/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mesh/runtime/fiber.h"
#include "tests/mesh/harness.h"

// The parent of a child that is about to ask for its death is killed first.
static bool parent_dies_before_it_is_asked;

// In the place of libc's: the moment between the fork and the question.
int prctl(int option, ...) {
  unsigned long words[4];
  va_list args;
  va_start(args, option);
  for (int i = 0; i < 4; i++)
    words[i] = va_arg(args, unsigned long);
  va_end(args);
  if (option == PR_SET_PDEATHSIG && parent_dies_before_it_is_asked) {
    pid_t parent = getppid();
    kill(parent, SIGKILL);
    while (getppid() == parent)
      sched_yield();
  }
  return (int)syscall(SYS_prctl, option, words[0], words[1], words[2], words[3]);
}

typedef struct scene {
  child who;
  mesh_scope scope;
  mesh_pool *pool;
  int started, died, refused;
  int stop_after;      // starts; then the child gets SIGTERM and the scope is cancelled
  bool dies_at_start;  // this process, as `kill -9` does it, as soon as there is a child
} scene;

static void on_event(void *arg, child *who, const char *event) {
  scene *own = arg;
  if (own->dies_at_start) raise(SIGKILL);
  own->started += strcmp(event, "started") == 0;
  own->died += strcmp(event, "died") == 0;
  own->refused += strcmp(event, "refused") == 0;
  if (own->started < own->stop_after) return;
  mesh_scope_cancel(&own->scope, GRPC_STATUS_CANCELLED, "enough");
  child_signal(who, SIGTERM);
}

static void supervise(harness *test, void *arg) {
  scene *own = arg;
  mesh_scope_open(&own->scope, &test->scope);
  own->pool = mesh_pool_create(1);
  child_supervise(&own->who, &own->scope, own->pool, on_event, own);
  mesh_pool_destroy(own->pool);
  mesh_scope_close(&own->scope);
}

static void make_log(child *who) {
  const char *directory = getenv("TEST_TMPDIR");
  snprintf(who->log_path, sizeof who->log_path, "%s/child-XXXXXX",
           directory != NULL ? directory : "/tmp");
  int fd = mkstemp(who->log_path);
  assert_true(fd >= 0);
  close(fd);
}

static void run_with_log(scene *own, const char *script, const char *log_path) {
  own->who.name = "script";
  snprintf(own->who.program, sizeof own->who.program, "/bin/sh");
  own->who.args[0] = "-c";
  own->who.args[1] = script;
  snprintf(own->who.log_path, sizeof own->who.log_path, "%s", log_path);
  run_in_fiber(supervise, own);
}

// Runs `script` in a shell under the supervisor.
static void run(scene *own, const char *script) {
  child log = {0};
  make_log(&log);
  run_with_log(own, script, log.log_path);
}

static void starts_again_what_dies(void **state) {
  (void)state;
  scene own = {.stop_after = 3};
  run(&own, "exit 1");
  assert_int_equal(own.started, 3);
  assert_int_equal(own.died, 2);  // the third ended after the cancel
  assert_int_equal(own.who.restarts, 2);
  unlink(own.who.log_path);
}

static void starts_again_what_is_killed(void **state) {
  (void)state;
  scene own = {.stop_after = 2};
  run(&own, "kill -9 $$");
  assert_int_equal(own.started, 2);
  assert_int_equal(own.died, 1);
  unlink(own.who.log_path);
}

static void ends_a_running_child_with_its_scope(void **state) {
  (void)state;
  scene own = {.stop_after = 1};
  run(&own, "while :; do read line < /dev/zero; done");
  assert_int_equal(own.started, 1);
  assert_int_equal(own.died, 0);
  assert_int_equal(own.who.pid, 0);
  assert_int_equal(own.who.exit_code, 128 + SIGTERM);
  unlink(own.who.log_path);
}

static void gives_up_on_what_refuses_to_start(void **state) {
  (void)state;
  scene own = {.stop_after = 100};
  run(&own, "echo first line; echo 'port 4711 is in use' >&2; exit 2");
  assert_int_equal(own.started, 1);
  assert_int_equal(own.refused, 1);
  assert_true(own.who.gave_up);
  assert_int_equal(own.who.exit_code, 2);
  assert_string_equal(own.who.last_line, "port 4711 is in use");
  unlink(own.who.log_path);
}

static void refuses_a_program_that_is_not_there(void **state) {
  (void)state;
  scene own = {.stop_after = 100};
  own.who.name = "nothing";
  snprintf(own.who.program, sizeof own.who.program, "/nonexistent/program");
  make_log(&own.who);
  run_in_fiber(supervise, &own);
  assert_int_equal(own.started, 0);
  assert_int_equal(own.refused, 1);
  assert_non_null(strstr(own.who.last_line, "/nonexistent/program"));
  unlink(own.who.log_path);
}

// What is in the way before it has ever worked is the reader's to mend; later it goes away.
static void gives_up_on_what_is_in_its_way_only_at_first(void **state) {
  (void)state;
  scene first = {.stop_after = 100}, later = {.stop_after = 2, .who.healthy_pid = 1};
  run(&first, "echo 'the disk is full'; exit 75");
  assert_int_equal(first.started, 1);
  assert_int_equal(first.refused, 1);
  assert_string_equal(first.who.last_line, "the disk is full");
  unlink(first.who.log_path);
  run(&later, "exit 75");
  assert_int_equal(later.started, 2);
  assert_int_equal(later.died, 1);
  assert_int_equal(later.refused, 0);
  unlink(later.who.log_path);
}

// Of this run: what is in the log from before it is no reason.
static void quotes_this_run_only(void **state) {
  (void)state;
  scene own = {.stop_after = 100}, again = {.stop_after = 100};
  run(&own, "echo of yesterday; exit 2");
  assert_string_equal(own.who.last_line, "of yesterday");
  run_with_log(&again, "exit 2", own.who.log_path);
  assert_string_equal(again.who.last_line, "it said nothing");
  unlink(own.who.log_path);
}

static void a_descriptor_is_handed_on(void **state) {
  (void)state;
  int both[2];
  char script[64], text[8] = "";
  assert_int_equal(pipe2(both, O_CLOEXEC), 0);
  snprintf(script, sizeof script, "echo heard >&%d; exit 2", both[1]);
  scene own = {.stop_after = 100, .who.inherited_fd = both[1]};
  run(&own, script);
  assert_int_equal(read(both[0], text, 6), 6);
  assert_string_equal(text, "heard\n");
  close(both[0]);
  close(both[1]);
  unlink(own.who.log_path);
}

// ---- orphans ----

#define DIES_AT_START "dies at start"
#define DIES_UNASKED "dies before its child asks"

// A supervisor in a process of its own, which can be killed as `kill -9` does. It is this program
// again, not a fork of it: the tests before have left threads that a fork is without.
typedef struct supervisor {
  char lock_path[CHILD_PATH_MAX], log_path[CHILD_PATH_MAX];
  pid_t pid;
  int from_child;  // the child holds the other end, and says its pid
} supervisor;

// Its child is a shell that does `before`, says its pid, and does `behind`.
static void start_supervisor(supervisor *own, const char *before, const char *behind,
                             bool dies_at_start) {
  int told[2];
  child log = {0};
  make_log(&log);
  snprintf(own->log_path, sizeof own->log_path, "%s", log.log_path);
  snprintf(own->lock_path, sizeof own->lock_path, "%.4000s.lock", log.log_path);
  assert_int_equal(pipe2(told, O_CLOEXEC), 0);
  char script[256], fd[16];
  snprintf(script, sizeof script, "%s echo $$ >&%d; %s", before, told[1], behind);
  snprintf(fd, sizeof fd, "%d", told[1]);
  own->pid = fork();
  if (own->pid == 0) {
    fcntl(told[1], F_SETFD, 0);
    execl("/proc/self/exe", "child_test", script, fd, own->lock_path, own->log_path,
          dies_at_start                    ? DIES_AT_START
          : parent_dies_before_it_is_asked ? DIES_UNASKED
                                           : "lives",
          (char *)NULL);
    _exit(127);
  }
  close(told[1]);
  own->from_child = told[0];
}

// What start_supervisor() starts.
static int supervise_alone(char **words) {
  parent_dies_before_it_is_asked = strcmp(words[5], DIES_UNASKED) == 0;
  scene under = {.stop_after = 100,
                 .who.inherited_fd = atoi(words[2]),
                 .dies_at_start = strcmp(words[5], DIES_AT_START) == 0};
  snprintf(under.who.lock_path, sizeof under.who.lock_path, "%s", words[3]);
  run_with_log(&under, words[1], words[4]);
  return 0;
}

static void await_death(const supervisor *own) {
  int status;
  assert_int_equal(waitpid(own->pid, &status, 0), own->pid);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static pid_t hear_pid(supervisor *own) {
  char text[16] = "";
  assert_true(read(own->from_child, text, sizeof text - 1) > 0);
  return (pid_t)atoi(text);
}

static void kill_supervisor(supervisor *own) {
  assert_int_equal(kill(own->pid, SIGKILL), 0);
  await_death(own);
}

// The pipe's end: every process that had it has ended. One that has not is ended here.
static void await_end(const supervisor *own) {
  enum { LIMIT_MS = 20000 };
  struct pollfd end = {.fd = own->from_child, .events = POLLIN};
  char text[64] = "";
  for (ssize_t size = 1; size > 0;) {
    if (poll(&end, 1, LIMIT_MS) == 0) {
      if (atoi(text) > 0) kill((pid_t)atoi(text), SIGKILL);
      fail_msg("process %s lives on", text);
    }
    size = read(own->from_child, text, sizeof text - 1);
    if (size > 0) text[size] = '\0';
  }
}

static void forget(supervisor *own) {
  close(own->from_child);
  unlink(own->lock_path);
  unlink(own->log_path);
}

static const char waits[] = "while :; do read line < /dev/zero; done";

static void a_child_dies_with_its_supervisor(void **state) {
  (void)state;
  supervisor own;
  start_supervisor(&own, "", waits, false);
  hear_pid(&own);
  kill_supervisor(&own);
  await_end(&own);
  forget(&own);
}

// The supervisor is dead before the child has done anything.
static void a_child_dies_with_a_supervisor_that_dies_first(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) {
    supervisor own;
    start_supervisor(&own, "", waits, true);
    await_death(&own);
    await_end(&own);
    forget(&own);
  }
}

// It is dead before the child can ask to be told of that.
static void a_child_notices_a_death_that_it_missed(void **state) {
  (void)state;
  supervisor own;
  parent_dies_before_it_is_asked = true;
  start_supervisor(&own, "", waits, false);
  parent_dies_before_it_is_asked = false;
  await_death(&own);
  await_end(&own);
  forget(&own);
}

// One that does not hear of its supervisor's end.
static void an_orphan_is_found_and_ended(void **state) {
  (void)state;
  supervisor own;
  mesh_error err;
  pid_t ended;
  start_supervisor(&own, "trap '' TERM;", waits, false);
  pid_t orphan = hear_pid(&own);
  kill_supervisor(&own);
  assert_int_equal(kill(orphan, 0), 0);
  assert_int_equal(child_end_orphan(own.lock_path, 1, &ended, &err), GRPC_STATUS_OK);
  assert_int_equal(ended, orphan);
  await_end(&own);
  assert_int_equal(child_end_orphan(own.lock_path, 1, &ended, &err), GRPC_STATUS_OK);
  assert_int_equal(ended, 0);
  forget(&own);
}

static void nobody_is_ended_without_a_lock(void **state) {
  (void)state;
  mesh_error err;
  pid_t ended = -1;
  assert_int_equal(child_end_orphan("/nonexistent/lock", 1, &ended, &err), GRPC_STATUS_OK);
  assert_int_equal(ended, 0);
}

static void finds_programs_where_it_is_told(void **state) {
  (void)state;
  char path[CHILD_PATH_MAX];
  mesh_error err;
  setenv("MILLRACE_BIN_DIR", "/bin", 1);
  assert_int_equal(child_find_program("sh", path, &err), GRPC_STATUS_OK);
  assert_string_equal(path, "/bin/sh");
  unsetenv("MILLRACE_BIN_DIR");
  assert_int_equal(child_find_program("no-such-program", path, &err), GRPC_STATUS_NOT_FOUND);
  assert_non_null(strstr(err.message, "no-such-program"));
}

int main(int argc, char **argv) {
  if (argc > 1) return supervise_alone(argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(starts_again_what_dies),
      cmocka_unit_test(starts_again_what_is_killed),
      cmocka_unit_test(ends_a_running_child_with_its_scope),
      cmocka_unit_test(gives_up_on_what_refuses_to_start),
      cmocka_unit_test(refuses_a_program_that_is_not_there),
      cmocka_unit_test(gives_up_on_what_is_in_its_way_only_at_first),
      cmocka_unit_test(quotes_this_run_only),
      cmocka_unit_test(a_descriptor_is_handed_on),
      cmocka_unit_test(a_child_dies_with_its_supervisor),
      cmocka_unit_test(a_child_dies_with_a_supervisor_that_dies_first),
      cmocka_unit_test(a_child_notices_a_death_that_it_missed),
      cmocka_unit_test(an_orphan_is_found_and_ended),
      cmocka_unit_test(nobody_is_ended_without_a_lock),
      cmocka_unit_test(finds_programs_where_it_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
