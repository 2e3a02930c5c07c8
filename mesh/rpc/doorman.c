#include "mesh/rpc/doorman.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mesh/rpc/farewells.h"
#include "mesh/rpc/listeners.h"
#include "mesh/rpc/passages.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/time.h"

enum {
  EVENTS = 64,
  ACCEPTS_MAX = 64,   // in a row, before what ended is seen
  PAUSE_MS = 100,     // after an accept() that failed for want of something
  IDLE_MS = 5000,     // without a call: where there is no room its place is for others
  HEADER_FACTOR = 4,  // what a call may bring and still be answered that it is too much
  STREAM_FACTOR = 2,  // likewise, of calls
};

// What epoll says it is about: a listener's index, the wake-up, a farewell, or else a passage's
// end.
enum {
  ABOUT_WAKE = MESH_LISTENERS_MAX,
  ABOUT_TURNED_AWAY,
  ABOUT_DISMISSED = ABOUT_TURNED_AWAY + MESH_FAREWELLS_MAX,
  ABOUT_END = ABOUT_DISMISSED + MESH_FAREWELLS_MAX,
};

// Somebody who was let in and of whom the loop has not heard.
typedef struct newcomer {
  int fd;  // gRPC's end
  mesh_passage *passage;
  mesh_peer *peer;
  struct newcomer *next;
} newcomer;

struct mesh_doorman {
  mesh_loop *loop;
  mesh_http2_limits http2;
  mesh_doorman_told on_told;
  void *arg;
  pthread_t thread;
  int epoll, wake;
  int spare;  // a descriptor to give up when there is no other; the thread's
  atomic_bool ending;

  // The thread's:
  mesh_log_pace turned_away, ended;
  mesh_passages passages;
  mesh_farewells away, dismissed;
  int64_t paused_until_ns;  // nobody new is heard of until then; 0: they are

  pthread_mutex_t lock;  // guards what follows
  mesh_listeners listeners;
  bool open, telling;  // telling: `tell` is on its way
  mesh_peers peers;    // but for its room, which stays
  newcomer *first, **last;
  mesh_passage *to_watch;  // by next_in_line
  mesh_op tell;
};

// ---- who comes ----

// Who has most: whoever reads the log wants to know whom to end.
static void say_full(mesh_doorman *own, const char *name) {
  pthread_mutex_lock(&own->lock);
  const mesh_peer *most = mesh_peers_largest(&own->peers);
  mesh_log(
      MESH_LOG_WARN, "doorman",
      "turned away %lld connections, the last of %s: there is room for %lld, %lld of one peer; "
      "%s has most, %d",
      (long long)own->turned_away.count, name, (long long)own->peers.room,
      (long long)own->peers.room_of_peer, most == NULL ? "nobody" : most->name,
      mesh_peer_staying(most));
  pthread_mutex_unlock(&own->lock);
}

// `is_short`: there was no descriptor for it, else no place.
static void turn_away(mesh_doorman *own, int fd, const char *name, bool is_short) {
  bool say = mesh_log_is_due(&own->turned_away, mesh_now_ns());
  if (!is_short) {
    mesh_farewells_say(&own->away, fd, "too many connections");
    if (say) say_full(own, name);
    return;
  }
  mesh_farewell(fd, "out of file descriptors");
  if (!say) return;
  mesh_log(MESH_LOG_WARN, "doorman",
           "turned away %lld connections, the last of %s: this process has no file descriptor left",
           (long long)own->turned_away.count, name);
}

static void tell_loop(mesh_doorman *own, int fd, mesh_passage *passage, mesh_peer *peer) {
  newcomer *next = malloc(sizeof *next);
  if (next == NULL) abort();
  *next = (newcomer){fd, passage, peer, NULL};
  *own->last = next;
  own->last = &next->next;
  if (own->telling) return;
  own->telling = true;
  mesh_loop_post(own->loop, &own->tell);
}

// Whose connection makes room, of two without a call: that of the peer who has more; else the one
// that has been without for longer.
static bool yields_before(const mesh_passage *one, const mesh_passage *other) {
  if (other == NULL) return true;
  int has = mesh_peer_staying(((mesh_visit *)one->owner)->peer);
  int other_has = mesh_peer_staying(((mesh_visit *)other->owner)->peer);
  return has != other_has ? has > other_has : one->called_ns < other->called_ns;
}

// There may be no room: then a connection without a call is ended, of a peer that has at least two
// more than who comes, or, where he has none yet, of anybody, if it has been without for long: so
// one that has a process for each of very many idle ones keeps nobody out. One with a call stays.
static void make_room(mesh_doorman *own, const mesh_peer_id *who) {
  int most = mesh_peers_must_have(&own->peers, who);
  bool is_new = most == 2;  // he has none
  int64_t long_ago_ns = mesh_now_ns() - mesh_ms_ns(IDLE_MS);
  mesh_passage *idle = NULL;
  for (mesh_passage *one = own->passages.first; most > 0 && one != NULL; one = one->next) {
    int staying = mesh_peer_staying(((mesh_visit *)one->owner)->peer);
    bool may = staying >= most || (is_new && one->called_ns <= long_ago_ns);
    if (may && !mesh_passage_is_used(one) && yields_before(one, idle)) idle = one;
  }
  if (idle == NULL) return;
  idle->yields = true;
  mesh_peers_yield(&own->peers, ((mesh_visit *)idle->owner)->peer);
  int fd = fcntl(idle->outside.fd, F_DUPFD_CLOEXEC, 0);
  mesh_passages_dismiss(&own->passages, idle, "too many connections: others need its place");
  if (fd >= 0) mesh_farewells_keep(&own->dismissed, fd);
}

static mesh_peer *enter(mesh_doorman *own, const mesh_peer_id *who) {
  mesh_peer *peer = own->open ? mesh_peers_enter(&own->peers, who) : NULL;
  if (peer != NULL || !own->open) return peer;
  make_room(own, who);
  return mesh_peers_enter(&own->peers, who);
}

static void let_in(mesh_doorman *own, int fd, const struct sockaddr_storage *from) {
  mesh_peer_id who;
  mesh_peer_identify(fd, from, &who);
  if (from->ss_family != AF_UNIX) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  pthread_mutex_lock(&own->lock);
  mesh_peer *peer = enter(own, &who);
  mesh_passage *passage = NULL;
  int inside;
  bool in = peer != NULL && mesh_passage_create(fd, &own->http2, &peer->account, &passage, &inside,
                                                NULL) == GRPC_STATUS_OK;
  if (in) tell_loop(own, inside, passage, peer);
  bool is_short = peer != NULL && !in;
  if (is_short) mesh_peers_leave(&own->peers, peer, false);
  pthread_mutex_unlock(&own->lock);
  if (!in) turn_away(own, fd, who.name, is_short);
}

// Accepts on a listener; -1 with errno. Under the lock, so that its descriptor is still its own.
static int accept_one(mesh_doorman *own, uint64_t index, struct sockaddr_storage *from) {
  pthread_mutex_lock(&own->lock);
  int fd = mesh_listeners_accept(&own->listeners, (int)index, from);
  int why = errno;
  pthread_mutex_unlock(&own->lock);
  errno = why;
  return fd;
}

// There is no descriptor left: the spare one is given up for a moment, so that whoever waits hears
// of it instead of hanging.
static void use_spare(mesh_doorman *own, uint64_t index) {
  if (own->spare < 0) return;
  close(own->spare);
  struct sockaddr_storage from;
  int fd = accept_one(own, index, &from);
  if (fd >= 0) turn_away(own, fd, "somebody", true);
  own->spare = eventfd(0, EFD_CLOEXEC);
}

// Accepts what waits. False if the system is short of something: again a little later. Whatever
// accept() says, the door stays open.
static bool accept_waiting(mesh_doorman *own, uint64_t index) {
  for (int i = 0; i < ACCEPTS_MAX; i++) {
    struct sockaddr_storage from;
    int fd = accept_one(own, index, &from);
    if (fd >= 0) {
      let_in(own, fd, &from);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
    int why = errno;
    if (why == EMFILE || why == ENFILE) use_spare(own, index);
    if (why == EMFILE || why == ENFILE || why == ENOMEM || why == ENOBUFS) return false;
    // Else that one connection failed before it was accepted.
  }
  return true;
}

// ---- what passes ----

static void watch_new(mesh_doorman *own) {
  pthread_mutex_lock(&own->lock);
  mesh_passage *line = own->to_watch;
  own->to_watch = NULL;
  pthread_mutex_unlock(&own->lock);
  while (line != NULL) {
    mesh_passage *one = line;
    line = one->next_in_line;
    mesh_passages_add(&own->passages, one);
  }
}

static void say_why(mesh_doorman *own, const mesh_passage *passage) {
  const mesh_visit *visit = passage->owner;
  if (passage->verdict == MESH_HTTP2_PASS || !mesh_log_is_due(&own->ended, mesh_now_ns())) return;
  mesh_log(MESH_LOG_WARN, "doorman", "%s lost %s: %s (%lld such ends so far)", visit->peer->name,
           passage->verdict == MESH_HTTP2_EXPEL ? "its connections" : "a connection",
           mesh_http2_guard_why(passage->guard), (long long)own->ended.count);
}

static void tell_of_ends(mesh_doorman *own) {
  mesh_passage *one;
  while ((one = mesh_passages_take_ended(&own->passages)) != NULL) {
    mesh_visit *visit = one->owner;
    say_why(own, one);
    mesh_loop_post(own->loop, &visit->gone);
  }
}

// ---- the thread ----

static void wake_up(mesh_doorman *own) {
  uint64_t one = 1;
  if (write(own->wake, &one, sizeof one) != sizeof one) abort();
}

// The thread is to end, or somebody has been let in.
static bool answer_wake(mesh_doorman *own) {
  uint64_t count;
  if (read(own->wake, &count, sizeof count) != sizeof count) return true;
  watch_new(own);
  return true;
}

// False as accept_waiting().
static bool handle(mesh_doorman *own, const struct epoll_event *event) {
  if (event->data.u64 < ABOUT_WAKE) return accept_waiting(own, event->data.u64);
  if (event->data.u64 == ABOUT_WAKE) return answer_wake(own);
  if (event->data.u64 < ABOUT_END) {
    bool is_away = event->data.u64 < ABOUT_DISMISSED;
    mesh_farewells_note(is_away ? &own->away : &own->dismissed, event->data.u64);
    return true;
  }
  mesh_passages_note(&own->passages, event->data.ptr, event->events);
  return true;
}

// Whether new connections are heard of; those that are there go on.
static void listen_for_new(mesh_doorman *own, bool on) {
  pthread_mutex_lock(&own->lock);
  mesh_listeners_watch(&own->listeners, own->epoll, on);
  pthread_mutex_unlock(&own->lock);
  own->paused_until_ns = on ? 0 : mesh_time_after_ms(mesh_now_ns(), PAUSE_MS);
}

static int wait_ms(const mesh_doorman *own) {
  int ms = mesh_passages_wait_ms(&own->passages);
  return own->paused_until_ns != 0 && (ms < 0 || ms > PAUSE_MS) ? PAUSE_MS : ms;
}

static void *stand_at_door(void *arg) {
  mesh_doorman *own = arg;
  while (!atomic_load(&own->ending)) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(own->epoll, events, EVENTS, wait_ms(own));
    bool short_of = false;
    for (int i = 0; i < count; i++)
      short_of |= !handle(own, &events[i]);
    mesh_passages_go_on(&own->passages);
    tell_of_ends(own);
    if (short_of) listen_for_new(own, false);
    bool paused = own->paused_until_ns != 0;
    if (paused && mesh_now_ns() >= own->paused_until_ns) listen_for_new(own, true);
  }
  return NULL;
}

// ---- the loop's side ----

static void on_tell(mesh_op *op, bool ok) {
  (void)ok;
  mesh_doorman *own = MESH_CONTAINER_OF(op, mesh_doorman, tell);
  pthread_mutex_lock(&own->lock);
  newcomer *next = own->first;
  own->first = NULL;
  own->last = &own->first;
  own->telling = false;
  pthread_mutex_unlock(&own->lock);
  while (next != NULL) {
    newcomer *one = next;
    next = one->next;
    own->on_told(own->arg, one->fd, one->passage, one->peer);
    free(one);
  }
}

// How many descriptors this process may have; -1: no limit.
static int64_t count_descriptors(void) {
  struct rlimit most;
  bool limited = getrlimit(RLIMIT_NOFILE, &most) == 0 && most.rlim_cur != RLIM_INFINITY;
  return limited ? (int64_t)most.rlim_cur : -1;
}

static bool watch_for(mesh_doorman *own, int fd, uint32_t events, uint64_t about) {
  struct epoll_event event = {.events = events, .data.u64 = about};
  return epoll_ctl(own->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void free_doorman(mesh_doorman *own) {
  mesh_farewells_fini(&own->away);
  mesh_farewells_fini(&own->dismissed);
  if (own->epoll >= 0) close(own->epoll);
  if (own->wake >= 0) close(own->wake);
  if (own->spare >= 0) close(own->spare);
  pthread_mutex_destroy(&own->lock);
  free(own);
}

mesh_code mesh_doorman_create(mesh_loop *loop, const mesh_limits *limits, mesh_doorman_told on_told,
                              void *arg, mesh_doorman **out, mesh_error *err) {
  *out = NULL;
  mesh_doorman *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->loop = loop;
  own->on_told = on_told;
  own->arg = arg;
  mesh_peers_init(&own->peers, limits, count_descriptors());
  own->http2 = (mesh_http2_limits){.header_bytes = HEADER_FACTOR * (limits->header_kib << 10),
                                   .streams = STREAM_FACTOR * limits->streams,
                                   .peer_streams = STREAM_FACTOR * (limits->calls / 2),
                                   .resets = limits->resets};
  own->last = &own->first;
  own->tell = (mesh_op){.on_done = on_tell, .name = "doorman tells"};
  pthread_mutex_init(&own->lock, NULL);
  own->epoll = epoll_create1(EPOLL_CLOEXEC);
  own->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  own->spare = eventfd(0, EFD_CLOEXEC);
  own->passages.epoll = own->epoll;
  mesh_farewells_init(&own->away, own->epoll, ABOUT_TURNED_AWAY);
  mesh_farewells_init(&own->dismissed, own->epoll, ABOUT_DISMISSED);
  bool ready = own->epoll >= 0 && own->wake >= 0 && own->spare >= 0 &&
               watch_for(own, own->wake, EPOLLIN, ABOUT_WAKE);
  if (!ready || pthread_create(&own->thread, NULL, stand_at_door, own) != 0) {
    mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED, "a server's doorman: %s", strerror(errno));
    free_doorman(own);
    return GRPC_STATUS_RESOURCE_EXHAUSTED;
  }
  *out = own;
  return GRPC_STATUS_OK;
}

mesh_code mesh_doorman_listen(mesh_doorman *own, int fd, const char *path, mesh_error *err) {
  pthread_mutex_lock(&own->lock);
  assert(!own->open);
  bool room = mesh_listeners_add(&own->listeners, fd, path);
  pthread_mutex_unlock(&own->lock);
  if (room) return GRPC_STATUS_OK;
  close(fd);
  return mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED, "a server listens on %d addresses at most",
                   MESH_LISTENERS_MAX);
}

void mesh_doorman_open(mesh_doorman *own) {
  pthread_mutex_lock(&own->lock);
  own->open = true;
  mesh_listeners_watch(&own->listeners, own->epoll, true);
  pthread_mutex_unlock(&own->lock);
}

void mesh_doorman_shut(mesh_doorman *own) {
  pthread_mutex_lock(&own->lock);
  own->open = false;
  mesh_listeners_close(&own->listeners);
  while (own->first != NULL) {
    newcomer *one = own->first;
    own->first = one->next;
    close(one->fd);
    mesh_passage_destroy(one->passage);
    mesh_peers_leave(&own->peers, one->peer, false);
    free(one);
  }
  own->last = &own->first;
  pthread_mutex_unlock(&own->lock);
}

void mesh_doorman_watch(mesh_doorman *own, mesh_visit *visit) {
  visit->passage->owner = visit;
  pthread_mutex_lock(&own->lock);
  visit->passage->next_in_line = own->to_watch;
  own->to_watch = visit->passage;
  pthread_mutex_unlock(&own->lock);
  wake_up(own);
}

void mesh_visit_end(mesh_visit *visit) {
  mesh_passage_shut(visit->passage);
}

void mesh_doorman_forget(mesh_doorman *own, mesh_visit *visit) {
  bool yielded = visit->passage->yields;
  mesh_passage_destroy(visit->passage);
  pthread_mutex_lock(&own->lock);
  mesh_peers_leave(&own->peers, visit->peer, yielded);
  pthread_mutex_unlock(&own->lock);
}

int64_t mesh_doorman_room(const mesh_doorman *own) {
  return own->peers.room;
}

bool mesh_doorman_is_telling(mesh_doorman *own) {
  pthread_mutex_lock(&own->lock);
  bool telling = own->telling;
  pthread_mutex_unlock(&own->lock);
  return telling;
}

void mesh_doorman_destroy(mesh_doorman *own) {
  if (own == NULL) return;
  mesh_doorman_shut(own);
  atomic_store(&own->ending, true);
  wake_up(own);
  pthread_join(own->thread, NULL);
  assert(own->peers.connections == 0 && !own->telling);
  free_doorman(own);
}
