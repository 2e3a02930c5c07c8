// Whole files: written all or nothing, and told apart.
#include "mesh/program/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit.h"

static mesh_view view_of(const char *text) {
  return (mesh_view){(const uint8_t *)text, strlen(text)};
}

static char *make_directory(void) {
  char *path = strdup("/tmp/millrace-file-XXXXXX");
  assert_non_null(mkdtemp(path));
  return path;
}

static void what_is_written_is_read(void **state) {
  (void)state;
  char *directory = make_directory(), path[64];
  mesh_error err;
  mesh_bytes read;
  snprintf(path, sizeof path, "%s/a", directory);
  assert_int_equal(mesh_file_write(path, view_of("first"), &err), GRPC_STATUS_OK);
  assert_int_equal(mesh_file_write(path, view_of("second"), &err), GRPC_STATUS_OK);
  assert_int_equal(mesh_file_read(path, 100, &read, &err), GRPC_STATUS_OK);
  assert_string_equal((char *)read.data, "second");
  free(read.data);
  assert_int_equal(mesh_file_read(path, 3, &read, &err), GRPC_STATUS_OUT_OF_RANGE);
  unlink(path);
  assert_int_equal(rmdir(directory), 0);  // nothing was left beside it
  free(directory);
}

// Who has it open reads on in the old one: it is never written in place.
static void an_old_file_stays_whole_for_its_reader(void **state) {
  (void)state;
  char *directory = make_directory(), path[64], text[16] = "";
  mesh_error err;
  snprintf(path, sizeof path, "%s/a", directory);
  assert_int_equal(mesh_file_write(path, view_of("first"), &err), GRPC_STATUS_OK);
  FILE *reader = fopen(path, "r");
  assert_non_null(reader);
  assert_int_equal(mesh_file_write(path, view_of("second"), &err), GRPC_STATUS_OK);
  assert_int_equal(fread(text, 1, sizeof text, reader), 5);
  assert_string_equal(text, "first");
  fclose(reader);
  unlink(path);
  rmdir(directory);
  free(directory);
}

static void a_failure_leaves_nothing_behind(void **state) {
  (void)state;
  char *directory = make_directory(), path[64], inside[72], part[72];
  mesh_error err;
  snprintf(path, sizeof path, "%s/a", directory);
  snprintf(inside, sizeof inside, "%s/b", path);
  snprintf(part, sizeof part, "%s.part", path);
  assert_int_equal(mkdir(path, 0700), 0);  // a directory that is not empty cannot be replaced
  assert_int_equal(mkdir(inside, 0700), 0);
  assert_int_not_equal(mesh_file_write(path, view_of("x"), &err), GRPC_STATUS_OK);
  assert_int_not_equal(access(part, F_OK), 0);
  rmdir(inside);
  rmdir(path);
  assert_int_equal(rmdir(directory), 0);
  free(directory);
}

static void what_cannot_be_is_named(void **state) {
  (void)state;
  mesh_error err;
  mesh_bytes read;
  assert_int_equal(mesh_file_read("/nowhere/a", 3, &read, &err), GRPC_STATUS_NOT_FOUND);
  assert_non_null(strstr(err.message, "/nowhere/a"));
  assert_int_equal(mesh_file_write("/nowhere/a", view_of("x"), &err), GRPC_STATUS_NOT_FOUND);
}

// What a crash left beside it, or somebody put there, is not written through.
static void a_link_beside_it_is_replaced(void **state) {
  (void)state;
  char *directory = make_directory(), path[64], part[72], other[72];
  mesh_error err;
  mesh_bytes read;
  snprintf(path, sizeof path, "%s/a", directory);
  snprintf(part, sizeof part, "%s.part", path);
  snprintf(other, sizeof other, "%s/other", directory);
  assert_int_equal(mesh_file_write(other, view_of("precious"), &err), GRPC_STATUS_OK);
  assert_int_equal(symlink(other, part), 0);
  assert_int_equal(mesh_file_write(path, view_of("mine"), &err), GRPC_STATUS_OK);
  assert_int_equal(mesh_file_read(other, 100, &read, &err), GRPC_STATUS_OK);
  assert_string_equal((char *)read.data, "precious");
  free(read.data);
  unlink(path);
  unlink(other);
  assert_int_equal(rmdir(directory), 0);
  free(directory);
}

// Fills a pipe with `size` bytes and reads it as a file; what does not fit into it is a test's
// fault.
static mesh_code read_pipe(size_t size, size_t most, mesh_bytes *out) {
  int ends[2];
  char path[64], *bytes = malloc(size + 1);
  mesh_error err;
  assert_int_equal(pipe(ends), 0);
  memset(bytes, 'x', size + 1);
  assert_int_equal(write(ends[1], bytes, size), size);
  close(ends[1]);
  free(bytes);
  snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
  mesh_code code = mesh_file_read(path, most, out, &err);
  close(ends[0]);
  return code;
}

static void what_has_no_size_is_read_to_its_end(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 20000};
  mesh_bytes read;
  mesh_error err;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    size_t size = sizes[i];
    assert_int_equal(read_pipe(size, 20000, &read), GRPC_STATUS_OK);
    assert_int_equal(read.size_bytes, size);
    assert_int_equal(strspn((char *)read.data, "x"), size);
    free(read.data);
    assert_int_equal(read_pipe(size, size, &read), GRPC_STATUS_OK);
    free(read.data);
    if (size == 0) continue;
    assert_int_equal(read_pipe(size, size - 1, &read), GRPC_STATUS_OUT_OF_RANGE);
    assert_null(read.data);
  }
  assert_int_equal(mesh_file_read("/dev/zero", 5000, &read, &err), GRPC_STATUS_OUT_OF_RANGE);
  assert_int_equal(mesh_file_read("/proc/self/status", 1 << 20, &read, &err), GRPC_STATUS_OK);
  assert_true(read.size_bytes > 0);
  free(read.data);
}

// FIPS 180-4, the examples.
static void sha256_is_the_standards(void **state) {
  (void)state;
  char out[MESH_SHA256_HEX];
  mesh_sha256(view_of("abc"), out);
  assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  mesh_sha256(view_of(""), out);
  assert_string_equal(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(an_old_file_stays_whole_for_its_reader),
      cmocka_unit_test(a_failure_leaves_nothing_behind),
      cmocka_unit_test(a_link_beside_it_is_replaced),
      cmocka_unit_test(what_cannot_be_is_named),
      cmocka_unit_test(what_has_no_size_is_read_to_its_end),
      cmocka_unit_test(sha256_is_the_standards),
  };
  return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
