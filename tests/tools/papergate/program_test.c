// papergate as a process: what it prints, how it ends, what it does on a socket.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tools/papergate/files.h"

#define PROGRAM "tools/papergate/papergate"
#define MARKET "tools/papergate/market"

enum { PATIENCE_MS = 10000, WORDS_MAX = 16 };

typedef struct program {
  pid_t pid;
  int out, err;  // what it prints, to be read
} program;

// Replaces the child by papergate with these flags.
static void become_papergate(const char *flags, int out, int err) {
  char words[PATH_MAX + 256];
  snprintf(words, sizeof words, "%s", flags);
  char *argv[WORDS_MAX] = {(char[]){PROGRAM}};
  int argc = 1;
  for (char *word = strtok(words, " "); word != NULL && argc < WORDS_MAX - 1;
       word = strtok(NULL, " ")) {
    argv[argc++] = word;
  }
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  execv(PROGRAM, argv);
  _exit(127);
}

static program start(const char *flags) {
  int out[2], err[2];
  assert_int_equal(pipe2(out, O_CLOEXEC), 0);
  assert_int_equal(pipe2(err, O_CLOEXEC), 0);
  program started = {.pid = fork(), .out = out[0], .err = err[0]};
  if (started.pid == 0) become_papergate(flags, out[1], err[1]);
  assert_true(started.pid > 0);
  close(out[1]);
  close(err[1]);
  return started;
}

// Reads until the other end closes, or a line is whole when `one_line` is set.
static void read_text(int fd, char *text, size_t size, bool one_line) {
  size_t used = 0;
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  while (used + 1 < size && (!one_line || used == 0 || text[used - 1] != '\n')) {
    assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
    ssize_t count = read(fd, text + used, one_line ? 1 : size - 1 - used);
    if (count <= 0) break;
    used += (size_t)count;
  }
  text[used] = '\0';
}

// Waits for the end; gives the exit code, or -1 for a signal.
static int end(program *ended) {
  int status;
  assert_int_equal(waitpid(ended->pid, &status, 0), ended->pid);
  close(ended->out);
  close(ended->err);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Waits for the line that says where it listens; gives the port.
static int port_of(const program *started) {
  char line[1024];
  read_text(started->out, line, sizeof line, true);
  const char *port = strstr(line, "\"event\":\"listening\"");
  assert_non_null(port);
  port = strstr(port, "\"port\":");
  assert_non_null(port);
  return atoi(port + strlen("\"port\":"));
}

static int connect_to(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

// What comes within a moment; 0 bytes when the gateway closed.
static ssize_t hear(int fd, char *bytes, size_t size) {
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
  return recv(fd, bytes, size, 0);
}

static const struct refusal_case {
  const char *name, *flags;
  const char *text;
  int code;
} refusals[] = {
    {"an unknown flag", "--prot 1", "papergate: unknown flag --prot (see --help)\n", 2},
    {"a missing directory", "--port 0 --market /nonexistent",
     "papergate: market directory /nonexistent: No such file or directory\n", 75},
    {"a file for a directory", "--port 0 --market " MARKET "/SPX-1d.csv",
     "papergate: market directory " MARKET "/SPX-1d.csv: Not a directory\n", 75},
    {"a log that cannot be", "--port 0 --log /nonexistent/log",
     "papergate: log /nonexistent/log: No such file or directory\n", 75},
    {"a port file that cannot be", "--port 0 --port-file /nonexistent/port",
     "papergate: port file /nonexistent/port: No such file or directory\n", 75},
    {"an outage that is none", "--port 0 --connectivity 99",
     "papergate: --connectivity: \"99\" is not CODE@N[+MS], at most 16 of them\n", 2},
};

static void check_refusal(void **state) {
  const struct refusal_case *c = *state;
  program papergate = start(c->flags);
  char text[1024], out[64];
  read_text(papergate.err, text, sizeof text, false);
  read_text(papergate.out, out, sizeof out, false);
  assert_string_equal(text, c->text);
  assert_string_equal(out, "");
  assert_int_equal(end(&papergate), c->code);
}

static void a_port_in_use_is_named(void **state) {
  (void)state;
  program first = start("--port 0");
  int port = port_of(&first);
  char flags[64], text[256], want[256];
  snprintf(flags, sizeof flags, "--port %d", port);
  program second = start(flags);
  read_text(second.err, text, sizeof text, false);
  snprintf(want, sizeof want, "papergate: 127.0.0.1:%d: Address already in use\n", port);
  assert_string_equal(text, want);
  assert_int_equal(end(&second), 75);
  kill(first.pid, SIGINT);
  assert_int_equal(end(&first), 0);
}

static void it_serves_until_it_is_told_to_stop(void **state) {
  (void)state;
  program papergate = start("--port 0 --market " MARKET);
  int fd = connect_to(port_of(&papergate));
  static const char hello[] = "API\0\0\0\0\x09v157..178";
  assert_int_equal(send(fd, hello, sizeof hello - 1, 0), sizeof hello - 1);
  char answer[64] = "";
  assert_true(hear(fd, answer, sizeof answer) > 8);
  assert_memory_equal(answer + 4, "178", 4);
  kill(papergate.pid, SIGTERM);
  assert_int_equal(end(&papergate), 0);
  assert_int_equal(hear(fd, answer, sizeof answer), 0);
  close(fd);
}

static void a_refused_client_is_disconnected(void **state) {
  (void)state;
  static const char *const flags[] = {"--port 0 --refuse", "--port 0 --max-clients 1"};
  for (int i = 0; i < 2; i++) {
    program papergate = start(flags[i]);
    int port = port_of(&papergate), other = connect_to(port), fd = connect_to(port);
    char byte;
    assert_int_equal(hear(fd, &byte, 1), 0);
    close(other);
    close(fd);
    kill(papergate.pid, SIGTERM);
    assert_int_equal(end(&papergate), 0);
  }
}

static void a_port_file_holds_the_port(void **state) {
  (void)state;
  char directory[PATH_MAX], flags[PATH_MAX + 64], text[32] = "", want[32];
  make_directory(directory);
  snprintf(flags, sizeof flags, "--port 0 --port-file %s/port", directory);
  program papergate = start(flags);
  snprintf(want, sizeof want, "%d\n", port_of(&papergate));
  strcat(directory, "/port");
  FILE *file = fopen(directory, "r");
  assert_non_null(file);
  assert_non_null(fgets(text, sizeof text, file));
  assert_string_equal(text, want);
  fclose(file);
  kill(papergate.pid, SIGTERM);
  assert_int_equal(end(&papergate), 0);
}

// The parent is a process of the test's own, which starts papergate and is killed.
static void it_can_end_with_its_parent(void **state) {
  (void)state;
  int out[2];
  assert_int_equal(pipe2(out, O_CLOEXEC), 0);
  pid_t parent = fork();
  if (parent == 0) {
    pid_t child = fork();
    if (child == 0) become_papergate("--port 0 --exit-with-parent", out[1], STDERR_FILENO);
    close(out[1]);
    for (;;)
      pause();
  }
  close(out[1]);
  program papergate = {.out = out[0]};
  assert_true(port_of(&papergate) > 0);
  kill(parent, SIGKILL);
  waitpid(parent, NULL, 0);
  char rest[256];
  read_text(out[0], rest, sizeof rest, false);  // ends when papergate does
  assert_string_equal(rest, "");
  close(out[0]);
}

static void help_names_every_fault(void **state) {
  (void)state;
  static const char *const flags[] = {"--latency-ms",
                                      "--bars-per-second",
                                      "--disconnect-after",
                                      "--drop-reply",
                                      "--pacing-error",
                                      "--connectivity",
                                      "--one-byte-writes",
                                      "--garbage-frame",
                                      "--garbage-length",
                                      "--refuse",
                                      "--hang",
                                      "--no-limits"};
  program papergate = start("--help");
  char text[16384];
  read_text(papergate.out, text, sizeof text, false);
  for (size_t i = 0; i < COUNT_OF(flags); i++) {
    if (strstr(text, flags[i]) == NULL) fail_msg("%s is not in the help", flags[i]);
  }
  assert_int_equal(end(&papergate), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_port_in_use_is_named),
      cmocka_unit_test(it_serves_until_it_is_told_to_stop),
      cmocka_unit_test(a_refused_client_is_disconnected),
      cmocka_unit_test(a_port_file_holds_the_port),
      cmocka_unit_test(it_can_end_with_its_parent),
      cmocka_unit_test(help_names_every_fault),
  };
  return cmocka_run_group_tests(tests, NULL, NULL) + RUN_ROWS(refusals, check_refusal);
}
