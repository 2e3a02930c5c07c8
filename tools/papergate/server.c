#include "tools/papergate/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/papergate/session.h"

enum {
  EVENTS_MAX = 64,
  READ_BYTES = 64 << 10,
  WAITING_MAX_BYTES = 32 << 20,  // a client that does not read is not read from
};

// One socket and what speaks on it.
typedef struct connection {
  struct connection *next;
  pg_session *session;  // owned
  int fd;
  uint32_t watched;  // epoll events asked for
  bool gone;         // to be closed at the end of the round
} connection;

struct pg_server {
  pg_gateway *gateway;
  connection *connections;
  int epoll_fd, listen_fd, signal_fd;
  int port;
  bool stopping;
};

static int count_connections(const pg_server *server) {
  int count = 0;
  for (const connection *c = server->connections; c != NULL; c = c->next) {
    count++;
  }
  return count;
}

static bool watch(int epoll_fd, int operation, int fd, uint32_t events, void *data) {
  struct epoll_event event = {.events = events, .data.ptr = data};
  return epoll_ctl(epoll_fd, operation, fd, &event) == 0;
}

static void close_connection(pg_server *server, connection *closing) {
  connection **link = &server->connections;
  while (*link != closing) {
    link = &(*link)->next;
  }
  *link = closing->next;
  pg_session_close(closing->session);
  close(closing->fd);
  free(closing);
}

static void add_connection(pg_server *server, int fd) {
  connection *c = calloc(1, sizeof *c);
  pg_session *session = c == NULL ? NULL : pg_session_open(server->gateway);
  if (session == NULL || !watch(server->epoll_fd, EPOLL_CTL_ADD, fd, EPOLLIN, c)) {
    if (session != NULL) pg_session_close(session);
    free(c);
    close(fd);
    return;
  }
  int on = 1;  // each message goes out as it is written
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  *c = (connection){.next = server->connections, .session = session, .fd = fd, .watched = EPOLLIN};
  server->connections = c;
}

static void accept_connection(pg_server *server) {
  int fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;  // the client is gone again
  const pg_options *options = &server->gateway->options;
  bool full = options->max_clients > 0 && count_connections(server) >= options->max_clients;
  if (options->refuse || full) {
    pg_log_begin(&server->gateway->log, -1, "refuse");
    pg_log_text(&server->gateway->log, "reason", full ? "too many clients" : "--refuse");
    pg_log_end(&server->gateway->log);
    close(fd);
    return;
  }
  add_connection(server, fd);
}

static void read_connection(connection *c) {
  ib_inbox *in = &c->session->in;
  char *room = ib_inbox_reserve(in, READ_BYTES);
  ssize_t size = room == NULL ? 0 : recv(c->fd, room, READ_BYTES, 0);
  if (size > 0) {
    ib_inbox_filled(in, (size_t)size);
    pg_session_receive(c->session);
  } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
    c->gone = true;  // an end and a reset are both normal
  }
}

static void write_connection(const pg_server *server, connection *c) {
  size_t size;
  const char *bytes;
  while ((bytes = ib_outbox_pending(&c->session->out, &size)) != NULL && size > 0) {
    if (server->gateway->options.one_byte_writes) size = 1;
    ssize_t sent = send(c->fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN && errno != EINTR) c->gone = true;
      return;
    }
    ib_outbox_sent(&c->session->out, (size_t)sent);
  }
  if (c->session->phase == PG_PHASE_CLOSING) c->gone = true;
}

// After everything that happened in a round: send, close, and ask for what can go on.
static void settle(pg_server *server) {
  for (connection *c = server->connections, *next; c != NULL; c = next) {
    next = c->next;
    if (!c->gone) write_connection(server, c);
    if (c->gone) {
      close_connection(server, c);
      continue;
    }
    size_t waiting;
    ib_outbox_pending(&c->session->out, &waiting);
    bool reads = c->session->phase != PG_PHASE_CLOSING && waiting < WAITING_MAX_BYTES;
    uint32_t wanted = (reads ? EPOLLIN : 0u) | (waiting > 0 ? EPOLLOUT : 0u);
    if (wanted == c->watched) continue;
    watch(server->epoll_fd, EPOLL_CTL_MOD, c->fd, wanted, c);
    c->watched = wanted;
  }
}

// Milliseconds until the next timer, rounded up; -1 when none runs.
static int next_timeout_ms(const pg_timers *timers) {
  int64_t next_ns = pg_timers_next_ns(timers);
  if (next_ns == INT64_MAX) return -1;
  int64_t wait_ms = (next_ns - pg_monotonic_ns() + 999999) / 1000000;
  if (wait_ms < 0) return 0;
  return wait_ms > 60000 ? 60000 : (int)wait_ms;
}

static void handle_event(pg_server *server, const struct epoll_event *event) {
  if (event->data.ptr == &server->listen_fd) {
    accept_connection(server);
  } else if (event->data.ptr == &server->signal_fd) {
    server->stopping = true;
  } else {
    connection *c = event->data.ptr;
    if ((event->events & EPOLLIN) != 0) {
      read_connection(c);
    } else if ((event->events & (EPOLLHUP | EPOLLERR)) != 0) {
      c->gone = true;
    }
  }
}

void pg_server_run(pg_server *server) {
  while (!server->stopping) {
    struct epoll_event events[EVENTS_MAX];
    int timeout_ms = next_timeout_ms(&server->gateway->timers);
    int count = epoll_wait(server->epoll_fd, events, EVENTS_MAX, timeout_ms);
    for (int i = 0; i < count; i++) {
      handle_event(server, &events[i]);
    }
    pg_timers_run(&server->gateway->timers, pg_monotonic_ns());
    settle(server);
  }
}

static mesh_code open_port(pg_server *server, int port, mesh_error *err) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1;
  server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(server->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (server->listen_fd < 0 ||
      bind(server->listen_fd, (struct sockaddr *)&address, sizeof address) != 0 ||
      listen(server->listen_fd, SOMAXCONN) != 0) {
    return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "127.0.0.1:%d: %s", port, strerror(errno));
  }
  return GRPC_STATUS_OK;
}

// Takes a socket that whoever started us keeps open: its port is ours however often we are started.
static mesh_code inherit_port(pg_server *server, int fd, mesh_error *err) {
  int listens = 0;
  socklen_t size = sizeof listens;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "--listen-fd %d: no socket that listens",
                     fd);
  }
  server->listen_fd = fd;
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
    return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "--listen-fd %d: %s", fd, strerror(errno));
  }
  return GRPC_STATUS_OK;
}

static mesh_code listen_on(pg_server *server, const pg_options *options, mesh_error *err) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  mesh_code code = options->listen_fd > 0 ? inherit_port(server, (int)options->listen_fd, err)
                                          : open_port(server, (int)options->port, err);
  if (code != GRPC_STATUS_OK) return code;
  if (getsockname(server->listen_fd, (struct sockaddr *)&address, &size) != 0) {
    return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "getsockname: %s", strerror(errno));
  }
  server->port = ntohs(address.sin_port);
  return GRPC_STATUS_OK;
}

mesh_code pg_server_open(pg_gateway *gateway, pg_server **out, mesh_error *err) {
  *out = NULL;
  pg_server *server = calloc(1, sizeof *server);
  if (server == NULL) return mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED, "out of memory");
  server->gateway = gateway;
  server->listen_fd = -1;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  server->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  mesh_code code = listen_on(server, &gateway->options, err);
  if (code == GRPC_STATUS_OK &&
      (!watch(server->epoll_fd, EPOLL_CTL_ADD, server->listen_fd, EPOLLIN, &server->listen_fd) ||
       !watch(server->epoll_fd, EPOLL_CTL_ADD, server->signal_fd, EPOLLIN, &server->signal_fd))) {
    code = mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "epoll: %s", strerror(errno));
  }
  if (code != GRPC_STATUS_OK) {
    pg_server_close(server);
    return code;
  }
  *out = server;
  return GRPC_STATUS_OK;
}

int pg_server_port(const pg_server *server) {
  return server->port;
}

void pg_server_close(pg_server *server) {
  while (server->connections != NULL) {
    close_connection(server, server->connections);
  }
  if (server->listen_fd >= 0) close(server->listen_fd);
  close(server->signal_fd);
  close(server->epoll_fd);
  free(server);
}
