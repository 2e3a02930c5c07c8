#include "mesh/rpc/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mesh/runtime/text.h"

enum { SOCKET_PATH_MAX = sizeof((struct sockaddr_un *)NULL)->sun_path - 1 };
enum { BACKLOG = 512 };  // the kernel caps it at net.core.somaxconn

static mesh_code fail_errno(const char *address, int number, mesh_error *err) {
  mesh_code code = GRPC_STATUS_UNAVAILABLE;
  if (number == EADDRINUSE) code = GRPC_STATUS_ALREADY_EXISTS;
  if (number == ENOENT || number == ENOTDIR) code = GRPC_STATUS_NOT_FOUND;
  if (number == EACCES || number == EROFS) code = GRPC_STATUS_PERMISSION_DENIED;
  return mesh_fail(err, code, "cannot listen on %s: %s", address, strerror(number));
}

// A connect that waits would wait for ever: whoever listens may be stopped, and its queue full.
int mesh_listen_probe(const char *path) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof name.sun_path) return ENAMETOOLONG;
  memcpy(name.sun_path, path, strlen(path) + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  int why = connect(fd, (struct sockaddr *)&name, sizeof name) == 0 ? 0 : errno;
  close(fd);
  return why == EAGAIN ? 0 : why;
}

// A socket's file that nobody listens on is replaced, but no other.
static mesh_code check_place(const char *address, const char *path, mesh_error *err) {
  struct stat about;
  if (lstat(path, &about) != 0 || S_ISSOCK(about.st_mode)) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                   "cannot listen on %s: what is there already is no socket", address);
}

static mesh_code bind_and_listen(const char *address, const void *name, socklen_t size,
                                 mesh_listening *out, mesh_error *err) {
  const struct sockaddr *any = name;
  out->fd = socket(any->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (out->fd < 0) return fail_errno(address, errno, err);
  // A unix socket is this user's alone: its file gets the mode that the socket has at the bind.
  if (any->sa_family == AF_UNIX) fchmod(out->fd, S_IRUSR | S_IWUSR);
  int on = 1;
  if (any->sa_family != AF_UNIX) setsockopt(out->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(out->fd, any, size) == 0 && listen(out->fd, BACKLOG) == 0) return GRPC_STATUS_OK;
  mesh_code code = fail_errno(address, errno, err);
  close(out->fd);
  out->fd = -1;
  return code;
}

static mesh_code listen_unix(const char *address, mesh_listening *out, mesh_error *err) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  const char *path = address + strlen("unix:");
  if (path[0] == '\0' || strlen(path) > SOCKET_PATH_MAX) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "cannot listen on %.*s: a socket's path has 1 to %d bytes",
                     MESH_TEXT_SHOWN(address, 200), SOCKET_PATH_MAX);
  }
  mesh_code code = check_place(address, path, err);
  if (code != GRPC_STATUS_OK) return code;
  int why = mesh_listen_probe(path);
  if (why == 0) return fail_errno(address, EADDRINUSE, err);
  if (why != ECONNREFUSED && why != ENOENT) return fail_errno(address, why, err);

  memcpy(name.sun_path, path, strlen(path) + 1);
  if (why == ECONNREFUSED && unlink(path) != 0) return fail_errno(address, errno, err);
  out->path = path;
  return bind_and_listen(address, &name, sizeof name, out, err);
}

// Splits "127.0.0.1:80", "localhost:80" or "[::1]:80"; false if it is none of these.
static bool parse_loopback(const char *address, struct sockaddr_storage *out, socklen_t *size) {
  const char *colon = strrchr(address, ':');
  char host[64];
  if (colon == NULL || (size_t)(colon - address) >= sizeof host) return false;
  mesh_text_format(host, sizeof host, "%.*s", (int)(colon - address), address);
  char *end;
  long port = strtol(colon + 1, &end, 10);
  if (end == colon + 1 || *end != '\0' || port < 0 || port > 65535) return false;

  memset(out, 0, sizeof *out);
  if (strcmp(host, "[::1]") == 0) {
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    *six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    six->sin6_port = htons((uint16_t)port);
    *size = sizeof *six;
    return true;
  }
  struct sockaddr_in *four = (struct sockaddr_in *)out;
  *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  *size = sizeof *four;
  const char *text = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
  return inet_pton(AF_INET, text, &four->sin_addr) == 1 &&
         (ntohl(four->sin_addr.s_addr) >> 24) == 127;
}

static mesh_code listen_tcp(const char *address, mesh_listening *out, mesh_error *err) {
  struct sockaddr_storage name;
  socklen_t size;
  if (!parse_loopback(address, &name, &size)) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "cannot listen on '%.*s': use unix:/path or a loopback address with a port, "
                     "such as 127.0.0.1:4710",
                     MESH_TEXT_SHOWN(address, 200));
  }
  mesh_code code = bind_and_listen(address, &name, size, out, err);
  if (code != GRPC_STATUS_OK) return code;
  getsockname(out->fd, (struct sockaddr *)&name, &size);
  out->port = ntohs(name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                                               : ((struct sockaddr_in *)&name)->sin_port);
  return GRPC_STATUS_OK;
}

mesh_code mesh_listen_open(const char *address, mesh_listening *out, mesh_error *err) {
  *out = (mesh_listening){.fd = -1};
  return strncmp(address, "unix:", 5) == 0 ? listen_unix(address, out, err)
                                           : listen_tcp(address, out, err);
}
