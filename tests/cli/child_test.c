// The supervisor with real processes: small scripts that say what they do in their log.
#include "cli/child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mesh/runtime/fiber.h"
#include "tests/mesh/harness.h"

typedef struct scene {
  child who;
  mesh_scope scope;
  mesh_pool *pool;
  int started, died, refused;
  int stop_after;  // starts; then the child gets SIGTERM and the scope is cancelled
} scene;

static void on_event(void *arg, child *who, const char *event) {
  scene *own = arg;
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

// Runs `script` in a shell under the supervisor.
static void run(scene *own, const char *script) {
  const char *directory = getenv("TEST_TMPDIR");
  own->who.name = "script";
  snprintf(own->who.program, sizeof own->who.program, "/bin/sh");
  own->who.args[0] = "-c";
  own->who.args[1] = script;
  snprintf(own->who.log_path, sizeof own->who.log_path, "%s/child-XXXXXX",
           directory != NULL ? directory : "/tmp");
  int fd = mkstemp(own->who.log_path);
  assert_true(fd >= 0);
  close(fd);
  run_in_fiber(supervise, own);
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
  snprintf(own.who.log_path, sizeof own.who.log_path, "/dev/null");
  run_in_fiber(supervise, &own);
  assert_int_equal(own.started, 0);
  assert_int_equal(own.refused, 1);
  assert_non_null(strstr(own.who.last_line, "/nonexistent/program"));
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(starts_again_what_dies),
      cmocka_unit_test(starts_again_what_is_killed),
      cmocka_unit_test(ends_a_running_child_with_its_scope),
      cmocka_unit_test(gives_up_on_what_refuses_to_start),
      cmocka_unit_test(refuses_a_program_that_is_not_there),
      cmocka_unit_test(finds_programs_where_it_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
