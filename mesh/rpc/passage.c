#include "mesh/rpc/passage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mesh/runtime/time.h"

enum {
  PIECES = 4,        // at a turn, each way
  LINGER_MS = 5000,  // for a peer to read what gRPC said before it closed
  HURRY_MS = 200,    // likewise, where the connection is to end
  CLOSE_MS = 1000,   // for gRPC to close it then: it does not while the peer takes nothing
};

static void end_way(mesh_passage_way *way, const mesh_passage_end *to) {
  way->ended = true;
  free(way->held);
  way->held = NULL;
  way->held_size = 0;
  shutdown(to->fd, SHUT_WR);
}

// Room is asked for only while it is missing: else each piece that the other end reads would wake
// the thread.
static void set_full(mesh_passage_end *end, bool full) {
  if (end->full == full) return;
  end->full = full;
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = end};
  if (full) event.events |= EPOLLOUT;
  if (epoll_ctl(end->passage->epoll, EPOLL_CTL_MOD, end->fd, &event) != 0) abort();
}

// Sends; returns how much was taken, or -1: the other end is gone.
static ssize_t send_some(mesh_passage_end *to, const uint8_t *bytes, size_t size) {
  ssize_t sent = send(to->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno == EINTR) return 0;
  if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return -1;
  if (sent < (ssize_t)size) set_full(to, true);
  return sent < 0 ? 0 : sent;
}

static void hold(mesh_passage_way *way, const uint8_t *bytes, size_t size) {
  way->held = malloc(size);
  if (way->held == NULL) abort();
  memcpy(way->held, bytes, size);
  way->held_at = 0;
  way->held_size = size;
}

// True once nothing is held, or nothing more goes this way.
static bool release_held(mesh_passage_way *way, mesh_passage_end *to) {
  if (way->held == NULL) return true;
  if (to->full) return false;
  ssize_t sent = send_some(to, way->held + way->held_at, way->held_size - way->held_at);
  if (sent < 0) {
    end_way(way, to);
    return true;
  }
  way->held_at += (size_t)sent;
  if (way->held_at < way->held_size) return false;
  free(way->held);
  way->held = NULL;
  return true;
}

typedef mesh_http2_verdict (*look)(mesh_http2_guard *guard, mesh_view bytes, int64_t now_ns);

typedef struct direction {
  mesh_passage_way *way;
  mesh_passage_end *from, *to;
  look look;
} direction;

// Carries one piece; false if there is none, or it cannot go on.
static bool carry_piece(mesh_passage *own, const direction *to, uint8_t *piece, int64_t now_ns) {
  if (to->way->ended || !release_held(to->way, to->to) || to->way->ended || !to->from->readable) {
    return false;
  }
  ssize_t got = recv(to->from->fd, piece, MESH_PASSAGE_PIECE, MSG_DONTWAIT);
  if (got < 0 && errno == EINTR) return true;
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    to->from->readable = false;
    return false;
  }
  if (got <= 0) {
    end_way(to->way, to->to);
    return false;
  }
  // Less than was asked for is all that there is; what comes now is told anew.
  if (got < MESH_PASSAGE_PIECE && !to->from->hung_up) to->from->readable = false;
  bool called = mesh_http2_guard_streams(own->guard) > 0;
  own->verdict = to->look(own->guard, (mesh_view){piece, (size_t)got}, now_ns);
  if (called || mesh_http2_guard_streams(own->guard) > 0) own->called_ns = now_ns;
  if (own->verdict != MESH_HTTP2_PASS) return false;
  ssize_t sent = send_some(to->to, piece, (size_t)got);
  if (sent < 0) {
    end_way(to->way, to->to);
    return false;
  }
  if (sent < got) hold(to->way, piece + sent, (size_t)(got - sent));
  return true;
}

static bool carry_way(mesh_passage *own, const direction *to, uint8_t *piece, int64_t now_ns) {
  for (int i = 0; i < PIECES; i++) {
    if (!carry_piece(own, to, piece, now_ns)) return false;
  }
  return true;
}

bool mesh_passage_is_used(const mesh_passage *own) {
  return own->verdict != MESH_HTTP2_PASS || own->closed_ns != 0 || own->hurry_ns != 0 ||
         own->in.held != NULL || own->out.held != NULL || mesh_http2_guard_streams(own->guard) > 0;
}

void mesh_passage_dismiss(mesh_passage *own, const char *why) {
  own->verdict = mesh_http2_guard_dismiss(own->guard, why);
}

static void say_goodbye(mesh_passage *own) {
  uint8_t bytes[MESH_HTTP2_GOODBYE_MAX];
  if (own->out.held != NULL || own->out.ended) return;
  size_t size = mesh_http2_guard_say_goodbye(own->guard, bytes);
  if (size > 0) (void)!send(own->outside.fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

mesh_passage_state mesh_passage_carry(mesh_passage *own, uint8_t piece[MESH_PASSAGE_PIECE],
                                      int64_t now_ns) {
  direction in = {&own->in, &own->outside, &own->inside, mesh_http2_guard_from_peer};
  direction out = {&own->out, &own->inside, &own->outside, mesh_http2_guard_from_grpc};
  bool hurry = atomic_load(&own->hurry);
  if (hurry && !own->in.ended) end_way(&own->in, &own->inside);
  if (hurry && own->hurry_ns == 0) own->hurry_ns = now_ns;
  bool more = carry_way(own, &in, piece, now_ns);
  if (own->verdict == MESH_HTTP2_PASS) more |= carry_way(own, &out, piece, now_ns);
  if (own->inside.hung_up && own->closed_ns == 0) own->closed_ns = now_ns;
  bool late = own->closed_ns != 0 &&
              now_ns >= mesh_time_after_ms(own->closed_ns, hurry ? HURRY_MS : LINGER_MS);
  if (hurry && now_ns >= mesh_time_after_ms(own->hurry_ns, CLOSE_MS)) late = true;
  own->state = more ? MESH_PASSAGE_BUSY : MESH_PASSAGE_WAITS;
  if (own->verdict != MESH_HTTP2_PASS || own->out.ended || late) own->state = MESH_PASSAGE_OVER;
  return own->state;
}

void mesh_passage_end_both(mesh_passage *own) {
  if (own->verdict != MESH_HTTP2_PASS) say_goodbye(own);
  shutdown(own->outside.fd, own->yields ? SHUT_WR : SHUT_RDWR);
  epoll_ctl(own->epoll, EPOLL_CTL_DEL, own->outside.fd, NULL);
  close(own->inside.fd);  // epoll forgets it, too
  own->inside.fd = -1;
  mesh_http2_guard_close(own->guard);
}

void mesh_passage_note(mesh_passage_end *end, uint32_t events) {
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) end->readable = true;
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) end->hung_up = true;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) set_full(end, false);
}

// ---- the life of a passage ----

mesh_code mesh_passage_create(int outside, const mesh_http2_limits *limits,
                              mesh_http2_account *account, mesh_passage **out, int *grpc_fd,
                              mesh_error *err) {
  int fds[2];
  *out = NULL;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
    return mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED, "a connection: %s", strerror(errno));
  }
  mesh_passage *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->epoll = -1;
  own->account = account;
  own->outside = (mesh_passage_end){.passage = own, .fd = outside};
  own->inside = (mesh_passage_end){.passage = own, .fd = fds[0]};
  own->guard = mesh_http2_guard_create(limits, account);
  *grpc_fd = fds[1];
  *out = own;
  return GRPC_STATUS_OK;
}

static bool watch_end(mesh_passage_end *end, int epoll) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = end};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, end->fd, &event) == 0;
}

void mesh_passage_watch(mesh_passage *own, int epoll) {
  own->epoll = epoll;
  if (!watch_end(&own->inside, epoll) || !watch_end(&own->outside, epoll)) abort();
}

void mesh_passage_shut(mesh_passage *own) {
  atomic_store(&own->hurry, true);
  shutdown(own->outside.fd, SHUT_RD);  // wakes the thread
}

void mesh_passage_destroy(mesh_passage *own) {
  if (own == NULL) return;
  close(own->outside.fd);
  if (own->inside.fd >= 0) close(own->inside.fd);
  mesh_http2_guard_destroy(own->guard);
  free(own->in.held);
  free(own->out.held);
  free(own);
}
