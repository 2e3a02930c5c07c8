#include "host/ib/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mesh/runtime/text.h"

enum { READ_BYTES = 256 * 1024, UNSENT_MAX = 16 * 1024 * 1024, WHY_MAX = 160 };

typedef enum packet_kind { CONNECTED, MESSAGE, CLOSED } packet_kind;

// What the thread posts to the loop.
typedef struct packet {
  mesh_op op;
  ib_transport *transport;
  packet_kind kind;
  size_t size_bytes;
  char payload[];  // the message, or why the connection closed
} packet;

struct ib_transport {
  mesh_loop *loop;
  ib_transport_events events;
  void *arg;
  char host[128];
  int port, timeout_ms;
  pthread_t thread;
  int wake;  // eventfd: something to send, or to close
  _Atomic int64_t heard_ns;
  ib_inbox inbox;

  pthread_mutex_t lock;  // guards what follows
  int fd;                // -1 until connected
  ib_outbox unsent;
  bool closing;
};

// ---- to the loop ----

static void on_packet(mesh_op *op, bool ok) {
  (void)ok;
  packet *own = MESH_CONTAINER_OF(op, packet, op);
  ib_transport *transport = own->transport;
  if (own->kind == CONNECTED) transport->events.on_connected(transport->arg);
  if (own->kind == MESSAGE) {
    transport->events.on_message(transport->arg, (ib_message){own->payload, own->size_bytes});
  }
  if (own->kind == CLOSED) transport->events.on_closed(transport->arg, own->payload);
  free(own);
}

static void post(ib_transport *transport, packet_kind kind, const char *payload,
                 size_t size_bytes) {
  packet *own = malloc(sizeof *own + size_bytes + 1);
  if (own == NULL) abort();
  own->op = (mesh_op){.on_done = on_packet, .name = "ib packet"};
  own->transport = transport;
  own->kind = kind;
  own->size_bytes = size_bytes;
  if (size_bytes > 0) memcpy(own->payload, payload, size_bytes);
  own->payload[size_bytes] = '\0';
  mesh_loop_post(transport->loop, &own->op);
}

// ---- the thread: connect ----

static bool is_closing(ib_transport *transport) {
  pthread_mutex_lock(&transport->lock);
  bool closing = transport->closing;
  pthread_mutex_unlock(&transport->lock);
  return closing;
}

// Waits until a started connect has ended. 0, or an errno.
static int finish_connect(ib_transport *transport, int fd) {
  struct pollfd waits[2] = {{.fd = fd, .events = POLLOUT},
                            {.fd = transport->wake, .events = POLLIN}};
  int ready = poll(waits, 2, transport->timeout_ms);
  if (ready == 0) return ETIMEDOUT;
  if (waits[1].revents != 0 && is_closing(transport)) return ECANCELED;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

static int connect_to(ib_transport *transport, const struct addrinfo *address, int *error) {
  int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    *error = errno;
    return -1;
  }
  *error = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
  if (*error == EINPROGRESS) *error = finish_connect(transport, fd);
  if (*error == 0) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
  }
  close(fd);
  return -1;
}

// Connects to the first address that takes it. -1, and why not.
static int open_socket(ib_transport *transport, char why[WHY_MAX]) {
  char service[16];
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *all = NULL;
  snprintf(service, sizeof service, "%d", transport->port);
  int failed = getaddrinfo(transport->host, service, &hints, &all);
  if (failed != 0) {
    mesh_text_copy(why, WHY_MAX, gai_strerror(failed));
    return -1;
  }
  int fd = -1, error = ENOENT;
  for (const struct addrinfo *each = all; each != NULL && fd < 0; each = each->ai_next) {
    fd = connect_to(transport, each, &error);
  }
  freeaddrinfo(all);
  if (fd < 0) mesh_text_copy(why, WHY_MAX, strerror(error));
  return fd;
}

// ---- the thread: read and write ----

// Reads what there is and posts whole messages. False, and why, when the connection has ended.
static bool read_messages(ib_transport *transport, int fd, char why[WHY_MAX]) {
  char *room = ib_inbox_reserve(&transport->inbox, READ_BYTES);
  if (room == NULL) abort();
  ssize_t got = recv(fd, room, READ_BYTES, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (got <= 0) {
    mesh_text_copy(why, WHY_MAX, got == 0 ? "the gateway closed the connection" : strerror(errno));
    return false;
  }
  atomic_store(&transport->heard_ns, mesh_now_ns());
  ib_inbox_filled(&transport->inbox, (size_t)got);
  ib_message message;
  ib_take taken;
  while ((taken = ib_inbox_take(&transport->inbox, &message)) == IB_TAKE_DONE) {
    post(transport, MESSAGE, message.payload, message.size_bytes);
  }
  if (taken != IB_TAKE_BROKEN) return true;
  snprintf(why, WHY_MAX, "the gateway sent what is no TWS message");
  return false;
}

// Sends what waits; with the lock held. False, and why, when that cannot be.
static bool write_unsent(ib_transport *transport, char why[WHY_MAX]) {
  for (;;) {
    size_t size_bytes;
    const char *bytes = ib_outbox_pending(&transport->unsent, &size_bytes);
    if (size_bytes == 0 || transport->fd < 0) return true;
    ssize_t sent = send(transport->fd, bytes, size_bytes, MSG_NOSIGNAL);
    if (sent > 0) {
      ib_outbox_sent(&transport->unsent, (size_t)sent);
    } else if (errno == EAGAIN) {
      if (size_bytes < UNSENT_MAX) return true;
      snprintf(why, WHY_MAX, "the gateway has read nothing for %d bytes", UNSENT_MAX);
      return false;
    } else if (errno != EINTR) {
      mesh_text_copy(why, WHY_MAX, strerror(errno));
      return false;
    }
  }
}

// One turn. False, and why, when the connection has ended.
static bool serve_once(ib_transport *transport, int fd, char why[WHY_MAX]) {
  size_t unsent;
  pthread_mutex_lock(&transport->lock);
  ib_outbox_pending(&transport->unsent, &unsent);
  pthread_mutex_unlock(&transport->lock);
  struct pollfd waits[2] = {{.fd = fd, .events = (short)(POLLIN | (unsent > 0 ? POLLOUT : 0))},
                            {.fd = transport->wake, .events = POLLIN}};
  if (poll(waits, 2, -1) < 0 && errno != EINTR) abort();
  uint64_t woken;
  if (waits[1].revents != 0 && read(transport->wake, &woken, sizeof woken) < 0) abort();
  pthread_mutex_lock(&transport->lock);
  bool closing = transport->closing;
  bool ok = closing || write_unsent(transport, why);
  pthread_mutex_unlock(&transport->lock);
  if (closing) {
    snprintf(why, WHY_MAX, "closed by the host");
    return false;
  }
  if (!ok) return false;
  return waits[0].revents == 0 || read_messages(transport, fd, why);
}

static void *serve(void *arg) {
  ib_transport *transport = arg;
  char why[WHY_MAX] = "";
  int fd = open_socket(transport, why);
  if (fd >= 0) {
    pthread_mutex_lock(&transport->lock);
    transport->fd = fd;
    pthread_mutex_unlock(&transport->lock);
    post(transport, CONNECTED, "", 0);
    while (serve_once(transport, fd, why)) {
    }
    pthread_mutex_lock(&transport->lock);
    transport->fd = -1;
    pthread_mutex_unlock(&transport->lock);
    close(fd);
  }
  post(transport, CLOSED, why, strlen(why));
  return NULL;
}

// ---- the loop's side ----

ib_transport *ib_transport_open(mesh_loop *loop, const char *host, int port, int timeout_ms,
                                const ib_transport_events *events, void *arg) {
  ib_transport *transport = calloc(1, sizeof *transport);
  if (transport == NULL) abort();
  transport->loop = loop;
  transport->events = *events;
  transport->arg = arg;
  mesh_text_copy(transport->host, sizeof transport->host, host);
  transport->port = port;
  transport->timeout_ms = timeout_ms;
  transport->fd = -1;
  pthread_mutex_init(&transport->lock, NULL);
  transport->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (transport->wake < 0 || pthread_create(&transport->thread, NULL, serve, transport) != 0) {
    abort();
  }
  return transport;
}

static void wake_thread(ib_transport *transport) {
  uint64_t one = 1;
  if (write(transport->wake, &one, sizeof one) < 0 && errno != EAGAIN) abort();
}

void ib_transport_send(ib_transport *transport, ib_outbox *outbox) {
  size_t size_bytes;
  const char *bytes = ib_outbox_pending(outbox, &size_bytes);
  char why[WHY_MAX];
  pthread_mutex_lock(&transport->lock);
  ib_put_raw(&transport->unsent, bytes, size_bytes);
  bool ok = write_unsent(transport, why);
  ib_outbox_pending(&transport->unsent, &size_bytes);
  if (!ok) transport->closing = true;
  pthread_mutex_unlock(&transport->lock);
  ib_outbox_clear(outbox);
  if (!ok || size_bytes > 0) wake_thread(transport);
}

int64_t ib_transport_heard_ns(const ib_transport *transport) {
  return atomic_load(&transport->heard_ns);
}

void ib_transport_close(ib_transport *transport) {
  pthread_mutex_lock(&transport->lock);
  transport->closing = true;
  pthread_mutex_unlock(&transport->lock);
  wake_thread(transport);
}

void ib_transport_destroy(ib_transport *transport) {
  if (transport == NULL) return;
  pthread_join(transport->thread, NULL);
  close(transport->wake);
  ib_inbox_fini(&transport->inbox);
  ib_outbox_fini(&transport->unsent);
  pthread_mutex_destroy(&transport->lock);
  free(transport);
}
