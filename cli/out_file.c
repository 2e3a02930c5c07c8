#include "cli/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mesh/runtime/text.h"

enum { LINKS_MAX = 40 };  // as many as the kernel follows

static mesh_code fail(const char *path, mesh_error *err) {
  int why = errno;
  mesh_code code = GRPC_STATUS_ABORTED;
  if (why == ENOENT || why == ENOTDIR) code = GRPC_STATUS_NOT_FOUND;
  if (why == EACCES || why == EROFS || why == EPERM) code = GRPC_STATUS_PERMISSION_DENIED;
  if (why == ENOSPC || why == EDQUOT || why == EFBIG) code = GRPC_STATUS_RESOURCE_EXHAUSTED;
  return mesh_fail(err, code, "%.*s: %s", MESH_TEXT_SHOWN(path, 300), strerror(why));
}

static int directory_length(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? 0 : (int)(slash - path) + 1;
}

// What `path` leads to, whether or not there is something yet. The caller frees it; NULL: errno.
static char *follow_links(const char *path) {
  char *at = strdup(path), link[PATH_MAX];
  if (at == NULL) abort();
  for (int i = 0; i < LINKS_MAX; i++) {
    ssize_t size = readlink(at, link, sizeof link - 1);
    if (size < 0) return at;  // no link; what else it may be, the caller finds out
    link[size] = '\0';
    char *next;
    int kept = link[0] == '/' ? 0 : directory_length(at);
    if (asprintf(&next, "%.*s%s", kept, at, link) < 0) abort();
    free(at);
    at = next;
  }
  free(at);
  errno = ELOOP;
  return NULL;
}

static bool is_same(int fd, const struct stat *about) {
  struct stat own;
  return fstat(fd, &own) == 0 && own.st_dev == about->st_dev && own.st_ino == about->st_ino;
}

// A file that standard output goes to is written where its next byte belongs.
static mesh_code open_through(const struct stat *about, out_file *out, mesh_error *err) {
  out->is_stdout = is_same(STDOUT_FILENO, about);
  bool is_stderr = !out->is_stdout && S_ISREG(about->st_mode);
  int fd = out->is_stdout ? dup(STDOUT_FILENO)
           : is_stderr    ? dup(STDERR_FILENO)
                          : open(out->path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return fail(out->path, err);
  out->file = fdopen(fd, "w");
  if (out->file == NULL) abort();
  return GRPC_STATUS_OK;
}

// `old` is what is replaced, NULL if nothing is there.
static mesh_code open_beside(const struct stat *old, out_file *out, mesh_error *err) {
  if (old != NULL && faccessat(AT_FDCWD, out->path, W_OK, AT_EACCESS) != 0) {
    return fail(out->path, err);
  }
  out->target = follow_links(out->path);
  if (out->target == NULL) return fail(out->path, err);
  if (asprintf(&out->beside, "%.*smillrace.XXXXXX", directory_length(out->target), out->target) <
      0) {
    abort();
  }
  int fd = mkostemp(out->beside, O_CLOEXEC);
  if (fd < 0) {
    mesh_code code = fail(out->path, err);
    free(out->beside);
    free(out->target);
    return code;
  }
  mode_t mask = umask(0);  // mkostemp makes it private; a plain open would not
  umask(mask);
  if (old != NULL && fchown(fd, old->st_uid, old->st_gid) != 0) errno = 0;  // only root's can stay
  fchmod(fd, old != NULL ? old->st_mode & 0777 : 0666 & ~mask);
  out->file = fdopen(fd, "w");
  if (out->file == NULL) abort();
  return GRPC_STATUS_OK;
}

mesh_code out_file_open(const char *path, out_file *out, mesh_error *err) {
  *out = (out_file){.path = path};
  struct stat about;
  if (stat(path, &about) != 0) {
    return errno == ENOENT ? open_beside(NULL, out, err) : fail(path, err);
  }
  bool is_ours = is_same(STDOUT_FILENO, &about) || is_same(STDERR_FILENO, &about);
  if (is_ours || !S_ISREG(about.st_mode)) return open_through(&about, out, err);
  return open_beside(&about, out, err);
}

mesh_code out_file_write(out_file *own, mesh_view bytes, mesh_error *err) {
  if (fflush(own->file) != 0) return fail(own->path, err);
  while (bytes.size_bytes > 0) {
    ssize_t size = write(fileno(own->file), bytes.data, bytes.size_bytes);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail(own->path, err);
    bytes.data += size;
    bytes.size_bytes -= (size_t)size;
  }
  return GRPC_STATUS_OK;
}

static bool sync_whole(FILE *file, bool beside) {
  return !ferror(file) && fflush(file) == 0 && (!beside || fsync(fileno(file)) == 0);
}

mesh_code out_file_close(out_file *own, mesh_code code, mesh_error *err) {
  bool beside = own->beside != NULL;
  if (code == GRPC_STATUS_OK && !sync_whole(own->file, beside)) code = fail(own->path, err);
  if (fclose(own->file) != 0 && code == GRPC_STATUS_OK) code = fail(own->path, err);
  if (beside && code == GRPC_STATUS_OK && rename(own->beside, own->target) != 0) {
    code = fail(own->path, err);
  }
  if (beside && code != GRPC_STATUS_OK) unlink(own->beside);
  free(own->beside);
  free(own->target);
  *own = (out_file){0};
  return code;
}
