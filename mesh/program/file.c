#include "mesh/program/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mesh/program/private.h"

static mesh_code fail(const char *what, const char *path, mesh_error *err) {
  int why = errno;
  mesh_code code = GRPC_STATUS_INTERNAL;
  if (why == ENOENT) code = GRPC_STATUS_NOT_FOUND;
  if (why == EACCES || why == EROFS) code = GRPC_STATUS_PERMISSION_DENIED;
  if (why == ENOSPC || why == EDQUOT || why == EFBIG) code = GRPC_STATUS_RESOURCE_EXHAUSTED;
  return mesh_fail(err, code, "%s %s: %s", what, path, strerror(why));
}

static bool write_all(int fd, mesh_view bytes) {
  while (bytes.size_bytes > 0) {
    ssize_t size = write(fd, bytes.data, bytes.size_bytes);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return false;
    bytes.data += size;
    bytes.size_bytes -= (size_t)size;
  }
  return true;
}

// The name of the file is only safe once its directory is.
static bool sync_directory(const char *path) {
  char directory[4096];
  snprintf(directory, sizeof directory, "%s", path);
  char *slash = strrchr(directory, '/');
  if (slash != NULL) *slash = '\0';
  int fd = open(slash == NULL        ? "."
                : slash == directory ? "/"
                                     : directory,
                O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  bool ok = fsync(fd) == 0;
  close(fd);
  return ok;
}

mesh_code mesh_file_write(const char *path, mesh_view bytes, mesh_error *err) {
  char beside[4096];
  if ((size_t)snprintf(beside, sizeof beside, "%s.part", path) >= sizeof beside) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "path of %zu bytes is too long",
                     strlen(path));
  }
  unlink(beside);  // of a crash, or a link that leads elsewhere: never written through
  int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return fail("cannot write", path, err);
  bool ok = write_all(fd, bytes) && fsync(fd) == 0;
  mesh_code code = ok ? GRPC_STATUS_OK : fail("cannot write", path, err);
  close(fd);
  if (ok && (rename(beside, path) != 0 || !sync_directory(path))) {
    code = fail("cannot write", path, err);
  }
  if (code != GRPC_STATUS_OK) unlink(beside);
  return code;
}

static mesh_code fail_size(const char *path, size_t most, mesh_error *err) {
  return mesh_fail(err, GRPC_STATUS_OUT_OF_RANGE, "%s has more than %zu bytes", path, most);
}

// Reads to the end: what a pipe or a file of /proc has, its size does not say. `expected` saves
// copies.
static mesh_code read_all(int fd, const char *path, size_t expected, size_t most, mesh_bytes *out,
                          mesh_error *err) {
  size_t room = expected + 1, done = 0;  // one more than there is, for the read that meets the end
  uint8_t *data = NULL;
  mesh_code code = GRPC_STATUS_OK;
  for (;;) {
    if (data == NULL || done == room) {
      if (data != NULL) room = room > most / 2 ? most + 1 : 2 * room;
      data = realloc(data, room + 1);
      if (data == NULL) abort();
    }
    ssize_t count = read(fd, data + done, room - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) code = fail("cannot read", path, err);
    if (count > 0) done += (size_t)count;
    if (done > most) code = fail_size(path, most, err);
    if (count <= 0 || done > most) break;
  }
  if (code != GRPC_STATUS_OK) {
    free(data);
    return code;
  }
  data[done] = '\0';
  *out = (mesh_bytes){data, done};
  return code;
}

// Reads what `fd` is open on, and closes it.
static mesh_code read_and_close(int fd, const char *path, size_t most, mesh_bytes *out,
                                mesh_error *err) {
  enum { PIPE_BYTES = 4096 };
  struct stat about;
  mesh_code code;
  if (fstat(fd, &about) != 0) {
    code = fail("cannot read", path, err);
  } else if (about.st_size > 0 && (size_t)about.st_size > most) {
    code = mesh_fail(err, GRPC_STATUS_OUT_OF_RANGE, "%s has %lld bytes: more than %zu", path,
                     (long long)about.st_size, most);
  } else {
    size_t expected = about.st_size > 0 ? (size_t)about.st_size : PIPE_BYTES;
    code = read_all(fd, path, expected < most ? expected : most, most, out, err);
  }
  close(fd);
  return code;
}

mesh_code mesh_file_read(const char *path, size_t most, mesh_bytes *out, mesh_error *err) {
  *out = (mesh_bytes){0};
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail("cannot read", path, err);
  return read_and_close(fd, path, most, out, err);
}

mesh_code mesh_file_read_private(const char *path, size_t most, mesh_bytes *out, mesh_error *err) {
  *out = (mesh_bytes){0};
  int fd;
  mesh_code code = mesh_private_open(path, O_RDONLY, &fd, err);
  return code == GRPC_STATUS_OK ? read_and_close(fd, path, most, out, err) : code;
}

void mesh_sha256_views(const mesh_view *views, size_t count, char out[MESH_SHA256_HEX]) {
  unsigned char digest[32];
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) abort();
  for (size_t i = 0; i < count; i++) {
    if (EVP_DigestUpdate(context, views[i].data, views[i].size_bytes) != 1) abort();
  }
  if (EVP_DigestFinal_ex(context, digest, NULL) != 1) abort();
  EVP_MD_CTX_free(context);
  for (int i = 0; i < 32; i++)
    snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

void mesh_sha256(mesh_view bytes, char out[MESH_SHA256_HEX]) {
  mesh_sha256_views(&bytes, 1, out);
}

void mesh_sha256_prepare(void) {
  char unused[MESH_SHA256_HEX];
  mesh_sha256_views(NULL, 0, unused);
}
