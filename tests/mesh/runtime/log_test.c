#include "mesh/runtime/log.h"

#include <fcntl.h>
#include <grpc/support/log.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit.h"

enum { MIB = 1 << 20, THREADS = 4, LINES = 12000, PADDING = 200 };

static char path[512];
static int terminal;  // the test's own standard error

static int open_file(void **state) {
  (void)state;
  const char *directory = getenv("TEST_TMPDIR");
  snprintf(path, sizeof path, "%s/log_test.%d.log", directory != NULL ? directory : "/tmp",
           getpid());
  terminal = dup(STDERR_FILENO);
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
  return fd < 0 || dup2(fd, STDERR_FILENO) < 0 || close(fd) != 0;
}

static int close_file(void **state) {
  (void)state;
  dup2(terminal, STDERR_FILENO);
  close(terminal);
  mesh_log_keep_within(&(mesh_log_file){0});
  unlink(path);
  return 0;
}

// All of a file; the caller frees it. NULL: there is none.
static char *read_file(const char *name, size_t *size) {
  FILE *file = fopen(name, "r");
  if (file == NULL) return NULL;
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  char *text = malloc(*size + 1);
  assert_non_null(text);
  assert_int_equal(fread(text, 1, *size, file), *size);
  text[*size] = '\0';
  fclose(file);
  return text;
}

static void expect_last_line(const char *want) {
  size_t size;
  char *text = read_file(path, &size);
  assert_true(size > 0 && text[size - 1] == '\n');
  text[size - 1] = '\0';
  char *line = strrchr(text, '\n');
  line = line == NULL ? text : line + 1;
  assert_non_null(strstr(line, want));
  free(text);
}

static void a_message_cannot_forge_a_line(void **state) {
  (void)state;
  mesh_log_init("log_test", MESH_LOG_INFO, false);
  mesh_log(MESH_LOG_WARN, "tester", "from %s.", "\x1b]0;owned\x07\n2026 ERROR backend: lost \xfc");
  expect_last_line(
      "Z WARN tester: from \\x1b]0;owned\\x07\\n2026 ERROR backend: lost \xef\xbf\xbd.");
}

// gRPC core writes header values of a peer into its lines.
static void grpc_cannot_forge_one_either(void **state) {
  (void)state;
  mesh_log_init("log_test", MESH_LOG_INFO, false);
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  gpr_log(GPR_ERROR, "bad grpc-timeout: %s.", "\x1b[31m\n2026 ERROR backend: all is lost");
  expect_last_line("bad grpc-timeout: \\x1b[31m\\n2026 ERROR backend: all is lost.");
  expect_last_line("Z ERROR grpc: log_test.c:");
}

static void json_lines_are_json(void **state) {
  (void)state;
  mesh_log_init("log_test", MESH_LOG_INFO, true);
  mesh_log(MESH_LOG_INFO, "tester", "a \"%s\"", "\n\\\xc2\x9b\xff");
  expect_last_line("\"layer\":\"tester\",\"text\":\"a \\\"\\u000a\\\\\\u009b\xef\xbf\xbd\\\"\"}");
}

static void a_long_message_is_cut_between_characters(void **state) {
  (void)state;
  char text[4000];
  for (size_t i = 0; i + 1 < sizeof text; i++)
    text[i] = "x\xc3\xbc"[i == 0 ? 0 : 1 + (i - 1) % 2];
  text[sizeof text - 1] = '\0';
  mesh_log_init("log_test", MESH_LOG_INFO, false);
  mesh_log(MESH_LOG_INFO, "tester", "%s", text);
  expect_last_line("\xc3\xbc");
  size_t size;
  char *all = read_file(path, &size);
  assert_null(strstr(all, "\\xc3"));
  assert_null(strstr(all, "tester: x\xc3\xbc\xc3\n"));
  free(all);
}

// ---- bounds ----

typedef struct writer {
  pthread_t thread;
  int number;
  pthread_barrier_t *last;  // shared
} writer;

// The last lines wait for each other: a thread that is done early would be gone with its files.
static void *write_lines(void *arg) {
  const writer *own = arg;
  char padding[PADDING + 1];
  memset(padding, 'x', PADDING);
  padding[PADDING] = '\0';
  for (int i = 0; i < LINES; i++) {
    if (i == LINES - 1) pthread_barrier_wait(own->last);
    mesh_log(MESH_LOG_INFO, "tester", "%d %d %s.", own->number, i, padding);
  }
  return NULL;
}

// Each thread's lines, read from the oldest file to the newest, go up by one, to the last.
static void follow_lines(const char *text, int next[THREADS]) {
  while (*text != '\0') {
    int thread, line, end = 0;
    const char *at = strstr(text, "tester: ");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "tester: %d %d x%*[x].%n", &thread, &line, &end), 2);
    assert_true(end > PADDING && at[end] == '\n');
    assert_in_range(thread, 0, THREADS - 1);
    if (next[thread] >= 0) assert_int_equal(line, next[thread]);
    next[thread] = line + 1;
    text = at + end + 1;
  }
}

static void what_happens_without_end_is_said_seldom(void **state) {
  (void)state;
  mesh_log_pace pace = {0};
  int64_t begin_ns = INT64_C(5000000000);
  assert_true(mesh_log_is_due(&pace, begin_ns));
  assert_false(mesh_log_is_due(&pace, begin_ns));
  assert_false(mesh_log_is_due(&pace, begin_ns + INT64_C(9999999999)));
  assert_true(mesh_log_is_due(&pace, begin_ns + INT64_C(10000000000)));
  assert_false(mesh_log_is_due(&pace, begin_ns + INT64_C(19999999999)));
  assert_int_equal(pace.count, 5);
}

static void files_stay_within_their_bounds(void **state) {
  (void)state;
  mesh_log_init("log_test", MESH_LOG_INFO, false);
  mesh_log_keep_within(&(mesh_log_file){path, 1, 3});
  pthread_barrier_t last;
  assert_int_equal(pthread_barrier_init(&last, NULL, THREADS), 0);
  writer writers[THREADS];
  int next[THREADS];
  for (int i = 0; i < THREADS; i++) {
    writers[i] = (writer){.number = i, .last = &last};
    next[i] = -1;
    assert_int_equal(pthread_create(&writers[i].thread, NULL, write_lines, &writers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++)
    pthread_join(writers[i].thread, NULL);
  pthread_barrier_destroy(&last);
  for (int i = 3; i >= 0; i--) {
    char name[600];
    snprintf(name, sizeof name, i == 0 ? "%s" : "%s.%d", path, i);
    size_t size = 0;
    char *text = read_file(name, &size);
    assert_int_equal(text != NULL, i < 3);
    if (text == NULL) continue;
    if (i > 0) assert_in_range(size, MIB, MIB + PADDING + 100);
    struct stat file;
    assert_int_equal(stat(name, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    follow_lines(text, next);
    free(text);
    if (i > 0) unlink(name);
  }
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(next[i], LINES);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_message_cannot_forge_a_line, open_file, close_file),
      cmocka_unit_test_setup_teardown(grpc_cannot_forge_one_either, open_file, close_file),
      cmocka_unit_test_setup_teardown(json_lines_are_json, open_file, close_file),
      cmocka_unit_test_setup_teardown(a_long_message_is_cut_between_characters, open_file,
                                      close_file),
      cmocka_unit_test(what_happens_without_end_is_said_seldom),
      cmocka_unit_test_setup_teardown(files_stay_within_their_bounds, open_file, close_file),
  };
  return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
