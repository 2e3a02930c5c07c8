#include "cli/up_home.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mesh/program/private.h"
#include "mesh/runtime/text.h"

enum { PATH_SIZE = UP_PATH_MAX };

static mesh_code lock_file(const char *home, const char *path, int *lock, mesh_error *err) {
  int fd;
  mesh_code code = mesh_private_open(path, O_RDWR | O_CREAT, &fd, err);
  if (code != GRPC_STATUS_OK) return code;
  char pid[32] = "";
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ssize_t size = read(fd, pid, sizeof pid - 1);
    close(fd);
    return mesh_fail(err, GRPC_STATUS_ALREADY_EXISTS, "a mesh is running in %s already (pid %.*s)",
                     home, size > 0 ? (int)strcspn(pid, "\n") : 1, size > 0 ? pid : "?");
  }
  int size = snprintf(pid, sizeof pid, "%d\n", getpid());
  if (ftruncate(fd, 0) != 0 || write(fd, pid, (size_t)size) != size) {
    code =
        errno == ENOSPC || errno == EDQUOT ? GRPC_STATUS_RESOURCE_EXHAUSTED : GRPC_STATUS_UNKNOWN;
    mesh_fail(err, code, "%s: %s", path, strerror(errno));
    close(fd);
    return code;
  }
  *lock = fd;
  return GRPC_STATUS_OK;
}

mesh_code up_home_take(const char *home, int *lock, mesh_error *err) {
  char run[PATH_SIZE], log[PATH_SIZE], path[PATH_SIZE + 16];
  if (snprintf(run, sizeof run, "%s/run", home) >= (int)sizeof run) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "home: the path is too long");
  }
  mesh_text_format(log, sizeof log, "%s/log", home);
  snprintf(path, sizeof path, "%s/up.lock", run);
  mesh_code code = mesh_private_home(home, err);
  if (code == GRPC_STATUS_OK) code = mesh_private_directory(run, err);
  if (code == GRPC_STATUS_OK) code = mesh_private_directory(log, err);
  if (code == GRPC_STATUS_OK) code = lock_file(home, path, lock, err);
  if (code == GRPC_STATUS_OK || code == GRPC_STATUS_ALREADY_EXISTS) return code;
  return mesh_error_prefix(err, "home");
}

static int read_pid(int fd) {
  char text[32] = "";
  return read(fd, text, sizeof text - 1) > 0 ? atoi(text) : 0;
}

bool up_home_is_taken(const char *home, int *pid) {
  char path[PATH_SIZE + 16];
  snprintf(path, sizeof path, "%.*s/run/up.lock", MESH_TEXT_SHOWN(home, 4000));
  int fd;
  if (mesh_private_open(path, O_RDONLY, &fd, NULL) != GRPC_STATUS_OK) return false;
  bool taken = flock(fd, LOCK_SH | LOCK_NB) != 0;
  if (taken && pid != NULL) *pid = read_pid(fd);
  close(fd);
  return taken;
}

mesh_code up_open_port(int *fd, int *port, mesh_error *err) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof name;
  *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool ok = *fd >= 0 && bind(*fd, (struct sockaddr *)&name, sizeof name) == 0 &&
            listen(*fd, SOMAXCONN) == 0 && getsockname(*fd, (struct sockaddr *)&name, &size) == 0;
  int failed = errno;
  *port = ntohs(name.sin_port);
  if (ok) return GRPC_STATUS_OK;
  if (*fd >= 0) close(*fd);
  *fd = -1;
  return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "no free port on 127.0.0.1: %s", strerror(failed));
}

static bool is_directory(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool up_find_market(char out[UP_PATH_MAX]) {
  char self[UP_PATH_MAX / 2] = "";
  if (readlink("/proc/self/exe", self, sizeof self - 1) <= 0) return false;
  mesh_text_format(out, UP_PATH_MAX, "%s.runfiles/millrace/tools/papergate/market", self);
  if (is_directory(out)) return true;
  mesh_text_format(out, UP_PATH_MAX, "%s/../share/millrace/market", dirname(self));
  return is_directory(out);
}
