// A store that was there is never taken for one that is new: files that are missing, empty, cut or
// exchanged, a log that is lost, and what is on purpose.
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/backend/store/harness.h"
#include "tests/unit.h"

// ---- files ----

static const char *beside(const fixture *own, const char *ending) {
  static char path[2][300];
  static int next;
  char *out = path[next ^= 1];
  snprintf(out, sizeof path[0], "%s%s", own->path, ending);
  return out;
}

static void copy_file(const char *from, const char *to) {
  char bytes[65536];
  FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
  assert_non_null(in);
  assert_non_null(out);
  for (size_t size; (size = fread(bytes, 1, sizeof bytes, in)) > 0;)
    assert_int_equal(fwrite(bytes, 1, size, out), size);
  fclose(in);
  fclose(out);
}

static void read_text(const char *path, char out[1024]) {
  FILE *in = fopen(path, "rb");
  assert_non_null(in);
  out[fread(out, 1, 1023, in)] = '\0';
  fclose(in);
}

// Opens the store in a process of its own, puts `segments` of 1,000 bars into it, and dies.
static void write_and_die(fixture *own, int segments) {
  if (own->store != NULL) close_store(own);
  pid_t child = fork();
  if (child == 0) {
    store_options options = {.log_max_bytes = 2 << 20};
    mesh_error err;
    if (store_open(own->path, &options, &own->store, &err) != GRPC_STATUS_OK) _exit(1);
    for (int i = 0; i < segments; i++)
      put_ok(own, i * 60000, (i + 1) * 60000, STORE_STORED, "", 1000);
    kill(getpid(), SIGKILL);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

// The refusal must name the file, what is wrong, and the file to remove for to go on on purpose.
static void expect_refusal(fixture *own, mesh_code want, const char *words, const char *remove) {
  mesh_error err;
  store *opened = NULL;
  char remedy[400];
  assert_int_equal(store_open(own->path, NULL, &opened, &err), want);
  assert_null(opened);
  print_message("  %s\n", err.message);
  assert_non_null(strstr(err.message, own->path));
  assert_non_null(strstr(err.message, words));
  snprintf(remedy, sizeof remedy, "remove %s", remove);
  assert_non_null(strstr(err.message, remedy));
}

static void expect_data_loss(fixture *own, const char *words) {
  expect_refusal(own, GRPC_STATUS_DATA_LOSS, words, beside(own, ".id"));
}

// ---- rows ----

static void a_missing_file_is_no_new_store(fixture *own) {
  put_ok(own, 0, 60000, STORE_STORED, "", 1000);
  close_store(own);
  assert_int_equal(unlink(own->path), 0);
  expect_data_loss(own, "the file is missing");
  assert_int_equal(access(own->path, F_OK), -1);  // and none was made
  assert_int_equal(unlink(beside(own, ".id")), 0);
  open_store(own);  // on purpose
  assert_int_equal(access(beside(own, ".id"), F_OK), 0);
}

static void an_empty_file_is_no_new_store(fixture *own) {
  close_store(own);
  assert_int_equal(truncate(own->path, 0), 0);
  expect_data_loss(own, "the file is empty");
  assert_int_equal(unlink(beside(own, ".id")), 0);
  open_store(own);
}

// SQLite removes a log whose file is not there: it may be all that is left.
static void a_log_without_its_file_is_kept(fixture *own) {
  write_and_die(own, 3);
  struct stat before, after;
  assert_int_equal(stat(beside(own, "-wal"), &before), 0);
  assert_int_equal(unlink(own->path), 0);
  expect_data_loss(own, "the file is missing");
  assert_int_equal(unlink(beside(own, ".id")), 0);
  expect_refusal(own, GRPC_STATUS_DATA_LOSS, "its log", "the log");
  assert_int_equal(stat(beside(own, "-wal"), &after), 0);
  assert_int_equal(before.st_size, after.st_size);
}

static void a_lost_log_is_noticed(fixture *own) {
  write_and_die(own, 3);
  assert_int_equal(unlink(beside(own, "-wal")), 0);
  unlink(beside(own, "-shm"));
  expect_data_loss(own, "its log");
  expect_data_loss(own, "its log");  // looking changes nothing
  assert_int_equal(unlink(beside(own, ".id")), 0);
  open_store(own);  // with what there is: the log had all of it
}

// More than 2 MiB in all: the log was folded in between.
static void a_log_lost_after_a_checkpoint_is_noticed(fixture *own) {
  write_and_die(own, 200);
  char text[1024];
  read_text(beside(own, ".id"), text);
  assert_null(strstr(text, "generation 2\n"));  // it rose: there was a checkpoint
  assert_int_equal(unlink(beside(own, "-wal")), 0);
  unlink(beside(own, "-shm"));
  expect_data_loss(own, "its log");
}

static void a_log_that_is_there_is_read(fixture *own) {
  write_and_die(own, 3);
  open_store(own);
  assert_int_equal(count_bars(own), 3000);
}

// Another program (a shell) opened it after the crash and folded the log into the file.
static void a_log_that_somebody_folded_is_not_lost(fixture *own) {
  write_and_die(own, 3);
  sqlite3 *db;
  assert_int_equal(sqlite3_open(own->path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "SELECT count(*) FROM bars", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(db);
  assert_int_equal(access(beside(own, "-wal"), F_OK), -1);
  open_store(own);
  assert_int_equal(count_bars(own), 3000);
}

static void a_backup_is_restored(fixture *own) {
  put_ok(own, 0, 60000, STORE_STORED, "", 1000);
  close_store(own);
  copy_file(own->path, beside(own, ".backup"));
  open_store(own);
  put_ok(own, 60000, 120000, STORE_STORED, "", 1000);
  close_store(own);
  copy_file(beside(own, ".backup"), own->path);
  open_store(own);
  assert_int_equal(count_bars(own), 1000);
}

static void a_backup_is_restored_without_the_identity_file(fixture *own) {
  put_ok(own, 0, 60000, STORE_STORED, "", 1000);
  close_store(own);
  copy_file(own->path, beside(own, ".backup"));
  write_and_die(own, 3);
  assert_int_equal(unlink(own->path), 0);
  assert_int_equal(unlink(beside(own, "-wal")), 0);
  unlink(beside(own, "-shm"));
  assert_int_equal(unlink(beside(own, ".id")), 0);
  copy_file(beside(own, ".backup"), own->path);
  open_store(own);
  assert_int_equal(count_bars(own), 1000);
}

static void another_store_in_its_place_is_refused(fixture *own) {
  fixture other = {0};
  snprintf(other.path, sizeof other.path, "%s", beside(own, ".other"));
  open_store(&other);
  close_store(&other);
  close_store(own);
  copy_file(other.path, own->path);
  expect_refusal(own, GRPC_STATUS_FAILED_PRECONDITION, "is of store", beside(own, ".id"));
  assert_int_equal(unlink(beside(own, ".id")), 0);
  open_store(own);
}

static void an_older_home_gets_its_file(fixture *own) {
  put_ok(own, 0, 60000, STORE_STORED, "", 1000);
  close_store(own);
  assert_int_equal(unlink(beside(own, ".id")), 0);
  open_store(own);
  assert_int_equal(count_bars(own), 1000);
  assert_int_equal(access(beside(own, ".id"), F_OK), 0);
}

static void an_unreadable_identity_is_written_again(fixture *own) {
  char before[1024], after[1024];
  put_ok(own, 0, 60000, STORE_STORED, "", 1000);
  close_store(own);
  read_text(beside(own, ".id"), before);
  assert_int_equal(truncate(beside(own, ".id"), 0), 0);
  open_store(own);
  assert_int_equal(count_bars(own), 1000);
  close_store(own);
  read_text(beside(own, ".id"), after);
  assert_memory_equal(strstr(before, "id "), strstr(after, "id "), strlen("id ") + 32);
  assert_int_equal(truncate(beside(own, ".id"), 0), 0);
  assert_int_equal(unlink(own->path), 0);
  expect_data_loss(own, "the file is missing");  // it is there: so there was a store
}

static void only_an_orderly_end_is_called_closed(fixture *own) {
  char text[1024];
  read_text(beside(own, ".id"), text);
  assert_non_null(strstr(text, "state open\n"));
  close_store(own);
  read_text(beside(own, ".id"), text);
  assert_non_null(strstr(text, "state closed\n"));
  write_and_die(own, 1);
  read_text(beside(own, ".id"), text);
  assert_non_null(strstr(text, "state open\n"));
}

// One that was taken over says nothing any more.
static void a_former_owner_does_not_close(fixture *own) {
  fixture newer = *own;
  char text[1024];
  open_store(&newer);
  close_store(own);
  read_text(beside(own, ".id"), text);
  assert_non_null(strstr(text, "state open\n"));
  close_store(&newer);
  read_text(beside(own, ".id"), text);
  assert_non_null(strstr(text, "state closed\n"));
}

// What is written into a file that nobody will find is not durable.
static void a_file_removed_in_use_is_noticed(fixture *own) {
  put_ok(own, 0, 60000, STORE_STORED, "", 1000);
  const char *aside = beside(own, ".aside");
  assert_int_equal(rename(own->path, aside), 0);
  mesh_error err;
  int tries = 0;  // it looks once a second
  while (put(own, 60000, 120000, STORE_STORED, "", 1000, &err) == GRPC_STATUS_OK)
    assert_true(tries++ < 1000000);
  assert_int_equal(err.code, GRPC_STATUS_DATA_LOSS);
  assert_non_null(strstr(err.message, "was removed or replaced"));
  assert_int_equal(rename(aside, own->path), 0);
  put_ok(own, 60000, 120000, STORE_STORED, "", 1000);  // it is back
}

static const row rows[] = {
    {"a missing file is no new store", a_missing_file_is_no_new_store},
    {"an empty file is no new store", an_empty_file_is_no_new_store},
    {"a log without its file is kept", a_log_without_its_file_is_kept},
    {"a lost log is noticed", a_lost_log_is_noticed},
    {"a log lost after a checkpoint is noticed", a_log_lost_after_a_checkpoint_is_noticed},
    {"a log that is there is read", a_log_that_is_there_is_read},
    {"a log that somebody folded is not lost", a_log_that_somebody_folded_is_not_lost},
    {"a backup is restored", a_backup_is_restored},
    {"a backup is restored without the identity file",
     a_backup_is_restored_without_the_identity_file},
    {"another store in its place is refused", another_store_in_its_place_is_refused},
    {"an older home gets its file", an_older_home_gets_its_file},
    {"an unreadable identity is written again", an_unreadable_identity_is_written_again},
    {"only an orderly end is called closed", only_an_orderly_end_is_called_closed},
    {"a former owner does not close", a_former_owner_does_not_close},
    {"a file removed in use is noticed", a_file_removed_in_use_is_noticed},
};

int main(void) {
  if (getenv("TEST_TMPDIR") != NULL && chdir(getenv("TEST_TMPDIR")) != 0) return 1;
  RUN_ROWS("identity", rows, run_row);
}
