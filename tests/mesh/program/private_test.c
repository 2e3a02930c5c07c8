// What is whose: real files and links in a directory of the test's own. That something is somebody
// else's takes root, who alone can give files away.
#include "mesh/program/private.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit.h"

enum { PATH_BYTES = 512, NOBODY = 65534 };

static char root[PATH_BYTES];

static int make_root(void **state) {
  (void)state;
  const char *directory = getenv("TEST_TMPDIR");
  snprintf(root, sizeof root, "%s/private-XXXXXX", directory != NULL ? directory : "/tmp");
  umask(0);  // the worst one
  return mkdtemp(root) != NULL ? 0 : -1;
}

// Root of a user namespace has nobody to give anything to: the target is not sandboxed.
static void need_root(void) {
  if (geteuid() == 0) return;
  print_message("SKIPPED: only root can give a file to somebody else\n");
  skip();
}

// A path below the test's directory; four of them live at a time.
static const char *at(const char *name) {
  static char paths[4][2 * PATH_BYTES];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", root, name);
  return path;
}

static void make_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), strlen(text));
  close(fd);
}

static unsigned mode_of(const char *path) {
  struct stat about;
  assert_int_equal(lstat(path, &about), 0);
  return about.st_mode & 07777;
}

static int64_t size_of(const char *path) {
  struct stat about;
  assert_int_equal(stat(path, &about), 0);
  return about.st_size;
}

static void must_open(const char *path, int flags) {
  int fd;
  mesh_error err;
  mesh_code code = mesh_private_open(path, flags, &fd, &err);
  if (code != GRPC_STATUS_OK) fail_msg("%s", err.message);
  close(fd);
}

static void must_refuse(const char *path, int flags, mesh_code want, const char *word) {
  int fd;
  mesh_error err;
  assert_int_equal(mesh_private_open(path, flags, &fd, &err), want);
  assert_int_equal(fd, -1);
  assert_non_null(strstr(err.message, path));
  assert_non_null(strstr(err.message, word));
}

// ---- files ----

static void a_new_file_is_private(void **state) {
  (void)state;
  must_open(at("new"), O_RDWR | O_CREAT);
  assert_int_equal(mode_of(at("new")), 0600);
}

static void an_open_file_becomes_private(void **state) {
  (void)state;
  make_file(at("open"), "kept");
  must_open(at("open"), O_RDONLY);
  assert_int_equal(mode_of(at("open")), 0600);
  assert_int_equal(size_of(at("open")), 4);
}

static void a_file_is_emptied_only_after_the_checks(void **state) {
  (void)state;
  make_file(at("emptied"), "old");
  must_open(at("emptied"), O_WRONLY | O_TRUNC);
  assert_int_equal(size_of(at("emptied")), 0);
  need_root();
  make_file(at("foreign"), "precious");
  assert_int_equal(chown(at("foreign"), NOBODY, NOBODY), 0);
  must_refuse(at("foreign"), O_WRONLY | O_TRUNC, GRPC_STATUS_PERMISSION_DENIED, "65534");
  assert_int_equal(size_of(at("foreign")), 8);
  assert_int_equal(mode_of(at("foreign")), 0666);
}

static void ones_own_link_is_followed(void **state) {
  (void)state;
  assert_int_equal(mkdir(at("elsewhere"), 0755), 0);
  make_file(at("elsewhere/file"), "text");
  assert_int_equal(symlink("elsewhere/file", at("relative")), 0);
  assert_int_equal(symlink(at("elsewhere"), at("directory")), 0);
  must_open(at("relative"), O_RDONLY);
  must_open(at("directory/file"), O_RDONLY);
  must_open(at("directory/made"), O_RDWR | O_CREAT);
  assert_int_equal(size_of(at("elsewhere/made")), 0);
}

static void somebody_elses_link_is_not(void **state) {
  (void)state;
  need_root();
  make_file(at("victim"), "precious");
  assert_int_equal(symlink(at("victim"), at("planted")), 0);
  assert_int_equal(lchown(at("planted"), NOBODY, NOBODY), 0);
  must_refuse(at("planted"), O_WRONLY | O_TRUNC, GRPC_STATUS_PERMISSION_DENIED, "link");
  assert_int_equal(size_of(at("victim")), 8);

  assert_int_equal(mkdir(at("real"), 0755), 0);
  assert_int_equal(symlink(at("real"), at("way")), 0);
  assert_int_equal(lchown(at("way"), NOBODY, NOBODY), 0);
  must_refuse(at("way/file"), O_RDWR | O_CREAT, GRPC_STATUS_PERMISSION_DENIED, "link");
  assert_int_equal(symlink("planted", at("to-planted")), 0);  // ours, and then theirs
  must_refuse(at("to-planted"), O_RDONLY, GRPC_STATUS_PERMISSION_DENIED, "link");
}

static void links_in_a_circle_end(void **state) {
  (void)state;
  assert_int_equal(symlink("circle", at("circle")), 0);
  must_refuse(at("circle"), O_RDONLY, GRPC_STATUS_FAILED_PRECONDITION, "symbolic links");
}

static void what_is_no_file_is_refused(void **state) {
  (void)state;
  assert_int_equal(mkfifo(at("pipe"), 0600), 0);
  must_refuse(at("pipe"), O_RDONLY, GRPC_STATUS_FAILED_PRECONDITION, "no regular file");
  assert_int_equal(mkdir(at("no-file"), 0700), 0);
  must_refuse(at("no-file"), O_RDONLY, GRPC_STATUS_FAILED_PRECONDITION, "Is a directory");
  must_refuse(at("missing"), O_RDONLY, GRPC_STATUS_NOT_FOUND, "No such file");
  must_refuse(at("missing/file"), O_RDONLY | O_CREAT, GRPC_STATUS_NOT_FOUND, "No such file");
}

static void a_check_opens_nothing(void **state) {
  (void)state;
  mesh_error err;
  assert_int_equal(mesh_private_check(at("nothing"), &err), GRPC_STATUS_OK);
  make_file(at("checked"), "");
  assert_int_equal(mesh_private_check(at("checked"), &err), GRPC_STATUS_OK);
  assert_int_equal(mode_of(at("checked")), 0600);
  need_root();
  assert_int_equal(chown(at("checked"), NOBODY, NOBODY), 0);
  assert_int_equal(mesh_private_check(at("checked"), &err), GRPC_STATUS_PERMISSION_DENIED);
}

// A lock of this process outlives the check: SQLite holds such ones on what is checked.
static void a_check_keeps_locks(void **state) {
  (void)state;
  mesh_error err;
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET}, seen = whole;
  make_file(at("locked"), "");
  int fd = open(at("locked"), O_RDWR | O_CLOEXEC);
  assert_int_equal(fcntl(fd, F_SETLK, &whole), 0);
  assert_int_equal(mesh_private_check(at("locked"), &err), GRPC_STATUS_OK);
  assert_int_equal(fcntl(fd, F_OFD_GETLK, &seen), 0);  // a POSIX lock is in the way of such a one
  assert_int_equal(seen.l_type, F_WRLCK);
  close(fd);
}

// ---- directories ----

static void a_directory_is_private(void **state) {
  (void)state;
  mesh_error err;
  assert_int_equal(mesh_private_directory(at("run"), &err), GRPC_STATUS_OK);
  assert_int_equal(mode_of(at("run")), 0700);
  assert_int_equal(mkdir(at("wide"), 0777), 0);
  assert_int_equal(mesh_private_directory(at("wide"), &err), GRPC_STATUS_OK);
  assert_int_equal(mode_of(at("wide")), 0700);
  make_file(at("plain"), "");
  assert_int_equal(mesh_private_directory(at("plain"), &err), GRPC_STATUS_FAILED_PRECONDITION);
  assert_int_equal(mesh_private_directory(at("no/parent"), &err), GRPC_STATUS_NOT_FOUND);
}

static void only_ones_own_directory_is_listed(void **state) {
  (void)state;
  assert_int_equal(mkdir(at("listed"), 0700), 0);
  make_file(at("listed/one"), "");
  DIR *listing = mesh_private_list(at("listed"));
  assert_non_null(listing);
  assert_int_equal(unlinkat(dirfd(listing), "one", 0), 0);
  closedir(listing);
  assert_null(mesh_private_list(at("not-listed")));
  need_root();
  assert_int_equal(symlink("listed", at("their-way")), 0);
  assert_int_equal(lchown(at("their-way"), NOBODY, NOBODY), 0);
  assert_null(mesh_private_list(at("their-way")));
  assert_int_equal(chown(at("listed"), NOBODY, NOBODY), 0);
  assert_null(mesh_private_list(at("listed")));
}

static void a_home_is_made_with_its_parents(void **state) {
  (void)state;
  mesh_error err;
  assert_int_equal(mesh_private_home(at("a/b/home"), &err), GRPC_STATUS_OK);
  assert_int_equal(mode_of(at("a/b/home")), 0700);
}

static void a_home_that_was_open_is_closed(void **state) {
  (void)state;
  mesh_error err;
  assert_int_equal(mkdir(at("empty"), 0777), 0);
  assert_int_equal(mesh_private_home(at("empty"), &err), GRPC_STATUS_OK);
  assert_int_equal(mode_of(at("empty")), 0700);
  assert_int_equal(mkdir(at("used"), 0755), 0);
  make_file(at("used/millrace.db"), "");
  make_file(at("used/notes"), "");
  assert_int_equal(mesh_private_home(at("used"), &err), GRPC_STATUS_OK);
  assert_int_equal(mode_of(at("used")), 0700);
}

// `--home /tmp` must not take /tmp away from everybody.
static void what_may_be_anything_keeps_its_mode(void **state) {
  (void)state;
  mesh_error err;
  assert_int_equal(mkdir(at("person"), 0755), 0);
  make_file(at("person/letter"), "");
  assert_int_equal(mesh_private_home(at("person"), &err), GRPC_STATUS_OK);
  assert_int_equal(mode_of(at("person")), 0755);
  assert_int_equal(chmod(at("person"), 01777), 0);
  assert_int_equal(mesh_private_home(at("person"), &err), GRPC_STATUS_FAILED_PRECONDITION);
  assert_non_null(strstr(err.message, "1777"));
  assert_int_equal(mode_of(at("person")), 01777);
}

static void somebody_elses_home_is_refused(void **state) {
  (void)state;
  need_root();
  mesh_error err;
  assert_int_equal(mkdir(at("theirs"), 0777), 0);
  assert_int_equal(chown(at("theirs"), NOBODY, NOBODY), 0);
  assert_int_equal(mesh_private_home(at("theirs"), &err), GRPC_STATUS_PERMISSION_DENIED);
  assert_non_null(strstr(err.message, "65534"));
  assert_int_equal(mesh_private_owned(at("theirs"), &err), GRPC_STATUS_PERMISSION_DENIED);
  assert_int_equal(mode_of(at("theirs")), 0777);
  assert_int_equal(symlink("a", at("their-link")), 0);
  assert_int_equal(lchown(at("their-link"), NOBODY, NOBODY), 0);
  assert_int_equal(mesh_private_home(at("their-link"), &err), GRPC_STATUS_PERMISSION_DENIED);
  assert_int_equal(mesh_private_owned(at("nothing-there"), &err), GRPC_STATUS_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_file_is_private),
      cmocka_unit_test(an_open_file_becomes_private),
      cmocka_unit_test(a_file_is_emptied_only_after_the_checks),
      cmocka_unit_test(ones_own_link_is_followed),
      cmocka_unit_test(somebody_elses_link_is_not),
      cmocka_unit_test(links_in_a_circle_end),
      cmocka_unit_test(what_is_no_file_is_refused),
      cmocka_unit_test(a_check_opens_nothing),
      cmocka_unit_test(a_check_keeps_locks),
      cmocka_unit_test(a_directory_is_private),
      cmocka_unit_test(only_ones_own_directory_is_listed),
      cmocka_unit_test(a_home_is_made_with_its_parents),
      cmocka_unit_test(a_home_that_was_open_is_closed),
      cmocka_unit_test(what_may_be_anything_keeps_its_mode),
      cmocka_unit_test(somebody_elses_home_is_refused),
  };
  return cmocka_run_group_tests(tests, make_root, NULL);
}
