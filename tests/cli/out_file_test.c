// Files that a person names: what is there decides how they are written.
#include "cli/out_file.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/unit.h"

typedef struct row {
  const char *name;
  void (*run)(void);
} row;

static void put(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

static void expect(const char *path, const char *want) {
  char text[64] = "";
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  fclose(file);
  assert_string_equal(text, want);
}

static mesh_code write_to(const char *path, const char *text, mesh_code code) {
  out_file out;
  mesh_error err;
  mesh_code opened = out_file_open(path, &out, &err);
  if (opened != GRPC_STATUS_OK) return opened;
  fputs(text, out.file);
  return out_file_close(&out, code, &err);
}

static mode_t mode_of(const char *path) {
  struct stat about;
  assert_int_equal(lstat(path, &about), 0);
  return about.st_mode;
}

static int count_here(void) {
  FILE *list = popen("ls -A | wc -l", "r");
  int count = -1;
  assert_non_null(list);
  assert_int_equal(fscanf(list, "%d", &count), 1);
  pclose(list);
  return count;
}

static void a_file_is_new_or_replaced_as_a_whole(void) {
  mode_t mask = umask(027);
  assert_int_equal(write_to("out", "first", GRPC_STATUS_OK), GRPC_STATUS_OK);
  umask(mask);
  expect("out", "first");
  assert_int_equal(mode_of("out") & 0777, 0640);
  assert_int_equal(chmod("out", 0604), 0);
  FILE *reader = fopen("out", "r");
  assert_int_equal(write_to("out", "second", GRPC_STATUS_OK), GRPC_STATUS_OK);
  expect("out", "second");
  assert_int_equal(mode_of("out") & 0777, 0604);
  assert_int_equal(fgetc(reader), 'f');  // who had it open reads on in the old one
  fclose(reader);
  assert_int_equal(write_to("out", "third", GRPC_STATUS_CANCELLED), GRPC_STATUS_CANCELLED);
  expect("out", "second");
  assert_int_equal(count_here(), 1);
}

// Nothing that a person has beside it is ours.
static void files_beside_it_stay(void) {
  put("out.part", "precious");
  assert_int_equal(write_to("out", "text", GRPC_STATUS_OK), GRPC_STATUS_OK);
  expect("out.part", "precious");
  assert_int_equal(count_here(), 2);
}

static void through_a_link_its_target_is_replaced(void) {
  assert_int_equal(mkdir("in", 0700), 0);
  put("in/target", "old");
  assert_int_equal(symlink("target", "in/link"), 0);  // of its own folder
  assert_int_equal(symlink("in/link", "out"), 0);
  assert_int_equal(write_to("out", "new", GRPC_STATUS_OK), GRPC_STATUS_OK);
  assert_true(S_ISLNK(mode_of("out")) && S_ISLNK(mode_of("in/link")));
  expect("in/target", "new");
  assert_int_equal(unlink("in/target"), 0);  // a link to what is not there yet
  assert_int_equal(write_to("out", "made", GRPC_STATUS_OK), GRPC_STATUS_OK);
  assert_true(S_ISLNK(mode_of("out")) && S_ISREG(mode_of("in/target")));
  expect("in/target", "made");
  assert_int_equal(symlink("round", "round"), 0);
  assert_int_not_equal(write_to("round", "text", GRPC_STATUS_OK), GRPC_STATUS_OK);
  assert_true(S_ISLNK(mode_of("round")));
}

static void a_fifo_is_written_to_its_reader(void) {
  assert_int_equal(mkfifo("out", 0600), 0);
  int reader = open("out", O_RDONLY | O_NONBLOCK);
  assert_true(reader >= 0);
  assert_int_equal(write_to("out", "text", GRPC_STATUS_OK), GRPC_STATUS_OK);
  char text[16] = "";
  assert_int_equal(read(reader, text, sizeof text), 4);
  assert_string_equal(text, "text");
  assert_true(S_ISFIFO(mode_of("out")));
  close(reader);
}

static void a_device_stays_one(void) {
  if (mknod("full", S_IFCHR | 0600, makedev(1, 7)) != 0) skip();  // root's alone
  int fd = open("full", O_WRONLY);
  if (fd < 0) skip();  // no devices on this file system
  close(fd);
  assert_int_equal(write_to("full", "text", GRPC_STATUS_OK), GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_true(S_ISCHR(mode_of("full")));
  assert_int_equal(mknod("null", S_IFCHR | 0600, makedev(1, 3)), 0);
  assert_int_equal(write_to("null", "text", GRPC_STATUS_OK), GRPC_STATUS_OK);
  assert_true(S_ISCHR(mode_of("null")));
}

// What it already has stays before it, what comes later behind it.
static void standard_output_is_written_where_it_is(void) {
  int fd = open("shown", O_WRONLY | O_CREAT, 0600), old = dup(STDOUT_FILENO);
  fflush(stdout);
  dup2(fd, STDOUT_FILENO);
  assert_int_equal(write(STDOUT_FILENO, "a", 1), 1);
  out_file out;
  mesh_error err;
  mesh_code code = out_file_open("/proc/self/fd/1", &out, &err);
  bool is_stdout = out.is_stdout;
  fputs("b", out.file);
  code = out_file_close(&out, code, &err);
  ssize_t size = write(STDOUT_FILENO, "c", 1);
  dup2(old, STDOUT_FILENO);
  close(old);
  close(fd);
  assert_int_equal(code, GRPC_STATUS_OK);
  assert_true(is_stdout && size == 1);
  expect("shown", "abc");
}

static void bytes_come_behind_text(void) {
  out_file out;
  mesh_error err;
  assert_int_equal(out_file_open("out", &out, &err), GRPC_STATUS_OK);
  fputs("text", out.file);
  mesh_view bytes = {(const uint8_t *)" and bytes", 10};
  mesh_code code = out_file_write(&out, bytes, &err);
  assert_int_equal(out_file_close(&out, code, &err), GRPC_STATUS_OK);
  expect("out", "text and bytes");
  assert_int_equal(out_file_open("/dev/full", &out, &err), GRPC_STATUS_OK);
  code = out_file_write(&out, bytes, &err);
  assert_int_equal(out_file_close(&out, code, &err), GRPC_STATUS_RESOURCE_EXHAUSTED);
  assert_non_null(strstr(err.message, "/dev/full"));
}

static void what_cannot_be_is_refused(void) {
  assert_int_equal(write_to("no/out", "text", GRPC_STATUS_OK), GRPC_STATUS_NOT_FOUND);
  assert_int_equal(write_to(".", "text", GRPC_STATUS_OK), GRPC_STATUS_ABORTED);
  put("out", "kept");
  assert_int_equal(chmod("out", 0444), 0);
  if (access("out", W_OK) == 0) return;  // root's are never
  assert_int_equal(write_to("out", "text", GRPC_STATUS_OK), GRPC_STATUS_PERMISSION_DENIED);
  expect("out", "kept");
}

static const row rows[] = {
    {"a file is new or replaced as a whole", a_file_is_new_or_replaced_as_a_whole},
    {"files beside it stay", files_beside_it_stay},
    {"through a link its target is replaced", through_a_link_its_target_is_replaced},
    {"a FIFO is written to its reader", a_fifo_is_written_to_its_reader},
    {"a device stays one", a_device_stays_one},
    {"standard output is written where it is", standard_output_is_written_where_it_is},
    {"bytes come behind text", bytes_come_behind_text},
    {"what cannot be is refused", what_cannot_be_is_refused},
};

// Each in a new folder, which is left before it goes.
static void check(void **state) {
  char folder[] = "/tmp/millrace-out-XXXXXX", gone[64];
  assert_non_null(mkdtemp(folder));
  assert_int_equal(chdir(folder), 0);
  ((const row *)*state)->run();
  assert_int_equal(chdir("/"), 0);
  snprintf(gone, sizeof gone, "rm -r %s", folder);
  assert_int_equal(system(gone), 0);
}

int main(void) {
  RUN_ROWS("out_file", rows, check);
}
