#include "mesh/rpc/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uthash.h>

#include "mesh/rpc/channel_args.h"
#include "mesh/rpc/link_internal.h"
#include "mesh/runtime/fiber.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/text.h"

// What a peer may make gRPC hold for us: very many calls share a link, but most of what they bring
// is read at once.
enum { LINK_BYTES = 64 << 20, PASSED_RETRY_MS = 1000 };

// What it passes on for one caller.
typedef struct passing {
  char caller[MESH_CALLER_MAX];
  int64_t calls;
  UT_hash_handle hh;
} passing;

struct mesh_link {
  mesh_loop *loop;
  char *name, *address;
  grpc_channel *channel;  // owned
  mesh_server *server;    // of a local link; else NULL
  int peek;  // of a local link: its socket once more, to see whether it is shut; else -1
  mesh_retry_budget budget;
  int64_t most, passed;  // calls for others: how many may be, and are
  passing *passing;      // owned
};

static mesh_link *create_link(mesh_loop *loop, const char *name, const char *address) {
  mesh_link *link = calloc(1, sizeof *link);
  if (link == NULL) abort();
  link->loop = loop;
  link->peek = -1;
  link->name = strdup(name);
  link->address = strdup(address);
  if (link->name == NULL || link->address == NULL) abort();
  return link;
}

static bool is_possible_address(const char *address) {
  if (strncmp(address, "unix:", 5) == 0) return address[5] != '\0' && strlen(address) < 5 + 108;
  const char *colon = strrchr(address, ':');
  if (colon == NULL || colon == address) return false;
  char *end;
  long port = strtol(colon + 1, &end, 10);
  return end != colon + 1 && *end == '\0' && port > 0 && port < 65536;
}

static mesh_code open_link(mesh_loop *loop, const char *name, const char *address, bool apart,
                           mesh_link **out, mesh_error *err) {
  *out = NULL;
  if (!is_possible_address(address)) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "link %s: '%s' is no address: use unix:/path (up to 107 bytes) or host:port",
                     name, address);
  }
  mesh_link *link = create_link(loop, name, address);
  grpc_resource_quota *quota = grpc_resource_quota_create(name);
  grpc_resource_quota_resize(quota, LINK_BYTES);
  link->channel = mesh_grpc_channel_create(address, quota, apart);
  grpc_resource_quota_unref(quota);
  *out = link;
  return GRPC_STATUS_OK;
}

mesh_code mesh_link_open(mesh_loop *loop, const char *name, const char *address, mesh_link **out,
                         mesh_error *err) {
  return open_link(loop, name, address, false, out, err);
}

mesh_code mesh_link_open_apart(mesh_loop *loop, const char *name, const char *address,
                               mesh_link **out, mesh_error *err) {
  return open_link(loop, name, address, true, out, err);
}

// Makes a socketpair with a channel on one end and the server on the other.
static mesh_code connect_local(mesh_link *link, mesh_error *err) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
    return mesh_link_fail(link, GRPC_STATUS_RESOURCE_EXHAUSTED, strerror(errno), err);
  }
  mesh_code code = mesh_server_connect_fd(link->server, fds[1], err);
  if (code != GRPC_STATUS_OK) {
    close(fds[0]);
    close(fds[1]);
    return code;
  }
  link->peek = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);  // negative: it will not be seen
  link->channel = mesh_grpc_channel_from_fd(link->name, fds[0]);
  return GRPC_STATUS_OK;
}

// gRPC makes no new connection of its own where it was given a socket.
static void connect_if_shut(mesh_link *link) {
  struct pollfd socket = {.fd = link->peek};
  bool is_shut = poll(&socket, 1, 0) == 1 && (socket.revents & POLLHUP) != 0;
  if (!is_shut || !mesh_server_is_running(link->server)) return;
  grpc_channel *old = link->channel;
  int old_peek = link->peek;
  mesh_error err;
  if (connect_local(link, &err) != GRPC_STATUS_OK) {
    mesh_log(MESH_LOG_WARN, "link", "%s", err.message);
    return;  // the next call tries again
  }
  mesh_log(MESH_LOG_WARN, "link", "link %s (in-process) is connected again: its socket was shut",
           link->name);
  close(old_peek);
  grpc_channel_destroy(old);
}

mesh_code mesh_link_open_local(mesh_loop *loop, const char *name, mesh_server *server,
                               mesh_link **out, mesh_error *err) {
  mesh_link *link = create_link(loop, name, "in-process");
  link->server = server;
  mesh_code code = connect_local(link, err);
  if (code != GRPC_STATUS_OK) {
    mesh_link_close(link);
    link = NULL;
  }
  *out = link;
  return code;
}

void mesh_link_close(mesh_link *link) {
  if (link == NULL) return;
  if (link->channel != NULL) grpc_channel_destroy(link->channel);
  if (link->peek >= 0) close(link->peek);
  passing *one, *next;
  HASH_ITER(hh, link->passing, one, next) {
    HASH_DEL(link->passing, one);
    free(one);
  }
  free(link->name);
  free(link->address);
  free(link);
}

grpc_channel *mesh_link_channel(mesh_link *link) {
  if (link->server != NULL) connect_if_shut(link);
  return link->channel;
}

// ---- what is passed on ----

void mesh_link_bound(mesh_link *link, int64_t calls) {
  link->most = calls;
}

bool mesh_link_is_local(const mesh_link *link) {
  return link->server != NULL;
}

static mesh_code fail_full(const mesh_link *link, bool all, mesh_error *err) {
  mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED,
            "link %s (%s): %lld calls are passed on %s, and no more may (limits.passed)",
            link->name, link->address, (long long)(all ? link->most : (link->most + 3) / 4),
            all ? "to it" : "to it for this caller");
  mesh_error_set_reason(err, "TOO_MANY_CALLS", "mesh.millrace");
  mesh_error_set_retry(err, PASSED_RETRY_MS);
  return GRPC_STATUS_RESOURCE_EXHAUSTED;
}

mesh_code mesh_link_enter(mesh_link *link, const char *caller, mesh_error *err) {
  if (link->most == 0 || caller[0] == '\0') return GRPC_STATUS_OK;
  if (link->passed >= link->most) return fail_full(link, true, err);
  passing *one;
  HASH_FIND_STR(link->passing, caller, one);
  if (one != NULL && one->calls >= (link->most + 3) / 4) return fail_full(link, false, err);
  if (one == NULL) {
    one = calloc(1, sizeof *one);
    if (one == NULL) abort();
    mesh_text_copy(one->caller, sizeof one->caller, caller);
    HASH_ADD_STR(link->passing, caller, one);
  }
  one->calls++;
  link->passed++;
  return GRPC_STATUS_OK;
}

void mesh_link_leave(mesh_link *link, const char *caller) {
  passing *one;
  HASH_FIND_STR(link->passing, caller, one);
  if (one == NULL) return;  // it is not bounded
  link->passed--;
  if (--one->calls > 0) return;
  HASH_DEL(link->passing, one);
  free(one);
}

mesh_retry_budget *mesh_link_budget(mesh_link *link) {
  return &link->budget;
}

const char *mesh_link_name(const mesh_link *link) {
  return link->name;
}

const char *mesh_link_address(const mesh_link *link) {
  return link->address;
}

mesh_link_state mesh_link_check(mesh_link *link) {
  if (link->server != NULL) {
    return mesh_server_is_running(link->server) ? MESH_LINK_READY : MESH_LINK_CLOSED;
  }
  switch (grpc_channel_check_connectivity_state(link->channel, 0)) {
    case GRPC_CHANNEL_IDLE:
      return MESH_LINK_IDLE;
    case GRPC_CHANNEL_CONNECTING:
      return MESH_LINK_CONNECTING;
    case GRPC_CHANNEL_READY:
      return MESH_LINK_READY;
    case GRPC_CHANNEL_TRANSIENT_FAILURE:
      return MESH_LINK_BACKOFF;
    default:
      return MESH_LINK_CLOSED;
  }
}

const char *mesh_link_state_name(mesh_link_state state) {
  static const char *const names[] = {"IDLE", "CONNECTING", "READY", "BACKOFF", "CLOSED"};
  return names[state];
}

mesh_code mesh_link_fail(const mesh_link *link, mesh_code code, const char *text, mesh_error *err) {
  if (strstr(text, "Failed parsing HTTP/2") != NULL) text = MESH_LINK_TURNED_AWAY;  // gRPC's words
  mesh_fail(err, code, "link %s (%s): %s", link->name, link->address, text);
  mesh_error_set_reason(err, "LINK_DOWN", "mesh.millrace");
  return code;
}
