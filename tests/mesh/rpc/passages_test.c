// What goes through a passage, and how one ends: real sockets, the test in the place of the thread,
// of the peer and of gRPC.
#include "mesh/rpc/passages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mesh/runtime/time.h"
#include "tests/unit.h"

enum { STREAM = 1, DATA = 0, HEADERS = 1, GOAWAY = 7, FRAME = 9 + 1000 };

static const mesh_http2_limits limits = {1000, 10, 20, 5};

typedef struct scene {
  mesh_http2_account account, other_account;
  mesh_passages all;
} scene;

typedef struct ends {
  int peer, grpc;
  mesh_passage *passage;
} ends;

static void add(scene *own, mesh_http2_account *account, ends *out) {
  int fds[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  out->peer = fds[0];
  assert_int_equal(mesh_passage_create(fds[1], &limits, account, &out->passage, &out->grpc, NULL),
                   GRPC_STATUS_OK);
  mesh_passages_add(&own->all, out->passage);
}

// Lets the passages carry until nothing happens any more.
static void run(scene *own) {
  struct epoll_event events[8];
  int count;
  do {
    count = epoll_wait(own->all.epoll, events, 8, 0);
    for (int i = 0; i < count; i++)
      mesh_passages_note(&own->all, events[i].data.ptr, events[i].events);
    mesh_passages_go_on(&own->all);
  } while (count > 0 || mesh_passages_wait_ms(&own->all) == 0);
}

static void close_end(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static void destroy(ends *own) {
  close_end(&own->peer);
  close_end(&own->grpc);
  mesh_passage_destroy(own->passage);
}

// The bytes from `at` on of a conversation: a preface, then DATA frames that count.
static void fill(uint8_t *bytes, size_t size, size_t at, bool preface) {
  static const uint8_t head[9] = {0, 1000 >> 8, 1000 & 255, DATA, 0, 0, 0, 0, STREAM};
  size_t skip = preface ? 24 : 0;
  for (size_t i = 0; i < size; i++) {
    size_t where = at + i;
    if (where < skip) {
      bytes[i] = (uint8_t) "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[where];
      continue;
    }
    size_t within = (where - skip) % FRAME;
    bytes[i] = within < 9 ? head[within] : (uint8_t)(where * 31 >> 3);
  }
}

// Sends what the socket takes; the new position.
static size_t pour(int fd, size_t at, size_t most, bool preface) {
  uint8_t bytes[5000];
  while (at < most) {
    size_t size = most - at < sizeof bytes ? most - at : sizeof bytes;
    fill(bytes, size, at, preface);
    ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0) break;
    at += (size_t)sent;
  }
  return at;
}

// Reads what is there, and compares it; the new position.
static size_t drink(int fd, size_t at, bool preface) {
  uint8_t got[7000], wanted[7000];
  ssize_t size;
  while ((size = recv(fd, got, sizeof got, 0)) > 0) {
    fill(wanted, (size_t)size, at, preface);
    assert_memory_equal(got, wanted, (size_t)size);
    at += (size_t)size;
  }
  return at;
}

// gRPC says as much as is taken while the peer reads nothing; returns how much.
static size_t say_until_full(scene *own, const ends *one) {
  size_t sent = 0, before;
  do {
    before = sent;
    sent = pour(one->grpc, sent, 5 << 20, false);
    run(own);
  } while (sent > before);
  return sent;
}

static bool is_closed(int fd) {
  uint8_t byte;
  return recv(fd, &byte, 1, 0) == 0;
}

static void set_up(scene *own) {
  memset(own, 0, sizeof *own);
  own->all.epoll = epoll_create1(EPOLL_CLOEXEC);
  assert_true(own->all.epoll >= 0);
}

static void tear_down(scene *own) {
  assert_null(own->all.first);
  assert_int_equal(own->account.streams, 0);
  close(own->all.epoll);
}

// Neither end reads for a while; then both do, a little at a time.
static void all_bytes_come_through(scene *own) {
  enum { BYTES = 5 << 20 };
  ends one;
  size_t in_sent = 0, in_got = 0, out_sent = 0, out_got = 0, before;
  add(own, &own->account, &one);
  do {
    before = in_sent + out_sent;
    in_sent = pour(one.peer, in_sent, BYTES, true);
    out_sent = pour(one.grpc, out_sent, BYTES, false);
    run(own);
  } while (in_sent + out_sent > before);
  assert_in_range(in_sent, 1, 2 << 20);  // no end was made to hold all of it
  assert_in_range(out_sent, 1, 2 << 20);
  while (in_got < BYTES || out_got < BYTES) {
    in_got = drink(one.grpc, in_got, true);
    out_got = drink(one.peer, out_got, false);
    in_sent = pour(one.peer, in_sent, BYTES, true);
    out_sent = pour(one.grpc, out_sent, BYTES, false);
    run(own);
  }
  close_end(&one.grpc);
  run(own);
  assert_ptr_equal(mesh_passages_take_ended(&own->all), one.passage);
  assert_true(is_closed(one.peer));
  destroy(&one);
}

// What gRPC said before it closed is read to the end, however late.
static void the_last_words_are_heard(scene *own) {
  ends one;
  add(own, &own->account, &one);
  size_t sent = say_until_full(own, &one), got = 0;
  close_end(&one.grpc);
  run(own);
  assert_null(mesh_passages_take_ended(&own->all));
  assert_true(mesh_passages_wait_ms(&own->all) > 0);
  while (got < sent) {
    got = drink(one.peer, got, false);
    run(own);
  }
  assert_true(is_closed(one.peer));
  assert_ptr_equal(mesh_passages_take_ended(&own->all), one.passage);
  assert_int_equal(mesh_passages_wait_ms(&own->all), -1);
  destroy(&one);
}

static void who_never_reads_is_left(scene *own) {
  ends one;
  add(own, &own->account, &one);
  say_until_full(own, &one);
  close_end(&one.grpc);
  run(own);
  assert_null(mesh_passages_take_ended(&own->all));
  assert_true(one.passage->closed_ns > 0);
  one.passage->closed_ns = 1;  // long ago
  own->all.looked_ns = 0;
  run(own);
  assert_ptr_equal(mesh_passages_take_ended(&own->all), one.passage);
  destroy(&one);
}

// Where nothing happens any more: for how long is waited.
static void it_ends_when_its_time_is_over(scene *own) {
  static uint8_t piece[MESH_PASSAGE_PIECE];
  static const struct {
    bool shut, closed;
    int64_t wait_ms;
  } cases[] = {{false, true, 5000},   // a peer reads slowly what gRPC has said
               {true, true, 200},     // likewise, but it is to end
               {true, false, 1000}};  // gRPC does not close
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ends one;
    add(own, &own->account, &one);
    say_until_full(own, &one);
    if (cases[i].shut) mesh_passage_shut(one.passage);
    if (cases[i].closed) close_end(&one.grpc);
    run(own);
    mesh_passage *passage = one.passage;
    int64_t began_ns = cases[i].closed ? passage->closed_ns : passage->hurry_ns;
    assert_true(began_ns > 0);
    int64_t due_ns = mesh_time_after_ms(began_ns, cases[i].wait_ms);
    assert_int_equal(mesh_passage_carry(passage, piece, due_ns - 1), MESH_PASSAGE_WAITS);
    assert_int_equal(mesh_passage_carry(passage, piece, due_ns), MESH_PASSAGE_OVER);
    own->all.looked_ns = 0;
    passage->closed_ns = passage->closed_ns == 0 ? 0 : 1;
    passage->hurry_ns = passage->hurry_ns == 0 ? 0 : 1;
    run(own);
    assert_ptr_equal(mesh_passages_take_ended(&own->all), passage);
    destroy(&one);
  }
}

// What gRPC says to one that is gone is said to nobody: that is seen at once, be it held or not.
static void who_is_gone_is_told_nothing(scene *own) {
  ends held, direct;
  add(own, &own->account, &held);
  add(own, &own->account, &direct);
  size_t said = say_until_full(own, &held);
  assert_non_null(held.passage->out.held);
  close_end(&held.peer);
  run(own);
  assert_ptr_equal(mesh_passages_take_ended(&own->all), held.passage);
  assert_true(said > 0);
  close_end(&direct.peer);
  run(own);
  assert_null(mesh_passages_take_ended(&own->all));  // gRPC closes, as it has heard
  pour(direct.grpc, 0, FRAME, false);
  run(own);
  assert_ptr_equal(mesh_passages_take_ended(&own->all), direct.passage);
  destroy(&held);
  destroy(&direct);
}

static void a_peer_that_goes_away_is_gone(scene *own) {
  ends one;
  add(own, &own->account, &one);
  size_t sent = pour(one.peer, 0, 24 + 10 * FRAME, true);
  close_end(&one.peer);
  run(own);
  assert_int_equal(drink(one.grpc, 0, true), sent);
  assert_true(is_closed(one.grpc));  // so gRPC closes, too
  assert_null(mesh_passages_take_ended(&own->all));
  close_end(&one.grpc);
  run(own);
  assert_ptr_equal(mesh_passages_take_ended(&own->all), one.passage);
  destroy(&one);
}

// What gRPC had sent is heard; what the peer sends is not.
static void a_passage_that_is_shut_ends_for_both(scene *own) {
  ends one;
  add(own, &own->account, &one);
  size_t sent = pour(one.grpc, 0, 3 * FRAME, false);
  pour(one.peer, 0, 24, true);
  mesh_passage_shut(one.passage);
  run(own);
  assert_true(mesh_passage_is_used(one.passage));
  assert_true(is_closed(one.grpc));
  close_end(&one.grpc);
  run(own);
  assert_int_equal(drink(one.peer, 0, false), sent);
  assert_true(is_closed(one.peer));
  assert_ptr_equal(mesh_passages_take_ended(&own->all), one.passage);
  destroy(&one);
}

static void who_asks_too_much_hears_why(scene *own) {
  static const uint8_t long_headers[9] = {0, 4, 0, HEADERS, 4, 0, 0, 0, STREAM};  // 1,024 bytes
  ends one, other;
  uint8_t bytes[200];
  add(own, &own->account, &one);
  add(own, &own->account, &other);
  pour(one.peer, 0, 24, true);
  run(own);
  assert_int_equal(send(one.peer, long_headers, 9, 0), 9);
  run(own);
  mesh_passage *ended = mesh_passages_take_ended(&own->all);
  assert_ptr_equal(ended, one.passage);
  assert_int_equal(ended->verdict, MESH_HTTP2_END);
  ssize_t size = recv(one.peer, bytes, sizeof bytes, 0);
  assert_true(size > 9 + 8);
  assert_int_equal(bytes[3], GOAWAY);
  assert_non_null(memmem(bytes, (size_t)size, "headers of more than 1000 bytes", 31));
  assert_int_equal(drink(one.grpc, 0, true), 24);  // gRPC has seen nothing of it
  assert_true(is_closed(one.grpc));
  assert_true(is_closed(one.peer));  // before it is destroyed
  destroy(&one);

  close_end(&other.grpc);
  run(own);
  assert_ptr_equal(mesh_passages_take_ended(&own->all), other.passage);
  destroy(&other);
}

// There is something on its way to it, and words in the middle of that would be none.
static void who_reads_nothing_is_not_told_why(scene *own) {
  ends one;
  add(own, &own->account, &one);
  size_t sent = say_until_full(own, &one), got = 0;
  assert_non_null(one.passage->out.held);
  assert_true(mesh_passage_is_used(one.passage));
  size_t held = one.passage->out.held_size - one.passage->out.held_at;
  mesh_passages_dismiss(&own->all, one.passage, "for the others");
  run(own);
  assert_ptr_equal(mesh_passages_take_ended(&own->all), one.passage);
  got = drink(one.peer, 0, false);  // compares
  assert_true(got > 0 && got + held <= sent);
  assert_true(is_closed(one.peer));
  destroy(&one);
}

static void who_is_expelled_loses_all(scene *own) {
  static const uint8_t given_up[] = {0, 0, 0, HEADERS, 4, 0, 0, 0, 0, 0, 0,
                                     4, 3, 0, 0,       0, 0, 0, 0, 0, 0, 8};
  ends one, same, other;
  add(own, &own->account, &one);
  add(own, &own->account, &same);
  add(own, &own->other_account, &other);
  pour(one.peer, 0, 24, true);
  for (uint8_t stream = 1; stream < 20; stream += 2) {
    uint8_t bytes[sizeof given_up];
    memcpy(bytes, given_up, sizeof bytes);
    bytes[8] = bytes[9 + 8] = stream;
    assert_int_equal(send(one.peer, bytes, sizeof bytes, 0), sizeof bytes);
  }
  run(own);
  mesh_passage *ended = mesh_passages_take_ended(&own->all);
  assert_ptr_equal(ended, one.passage);
  assert_int_equal(ended->verdict, MESH_HTTP2_EXPEL);
  assert_true(is_closed(same.grpc));
  assert_int_equal(recv(other.peer, &(uint8_t){0}, 1, 0), -1);
  assert_int_equal(errno, EAGAIN);
  close_end(&same.grpc);
  close_end(&other.grpc);
  run(own);
  assert_non_null(mesh_passages_take_ended(&own->all));
  assert_non_null(mesh_passages_take_ended(&own->all));
  destroy(&one);
  destroy(&same);
  destroy(&other);
}

// It is told behind what gRPC has sent, and what it sends from now on is not heard.
static void who_is_dismissed_hears_why(scene *own) {
  ends one;
  uint8_t bytes[2 * FRAME + 200];
  add(own, &own->account, &one);
  pour(one.peer, 0, 24, true);
  size_t sent = pour(one.grpc, 0, FRAME, false);
  run(own);
  assert_false(mesh_passage_is_used(one.passage));
  pour(one.peer, 24, FRAME, true);
  mesh_passages_dismiss(&own->all, one.passage, "for the others");
  assert_true(mesh_passage_is_used(one.passage));
  run(own);
  assert_ptr_equal(mesh_passages_take_ended(&own->all), one.passage);
  assert_null(mesh_passages_take_ended(&own->all));
  ssize_t size = recv(one.peer, bytes, sizeof bytes, 0);
  assert_true(size > (ssize_t)sent + 9 + 8);
  assert_int_equal(bytes[sent + 3], GOAWAY);
  assert_non_null(memmem(bytes + sent, (size_t)size - sent, "for the others", 14));
  assert_int_equal(drink(one.grpc, 0, true), 24);
  assert_true(is_closed(one.grpc));
  destroy(&one);
}

static void one_with_a_call_is_used(scene *own) {
  static const uint8_t begun[9] = {0, 0, 0, HEADERS, 4, 0, 0, 0, STREAM};
  static const uint8_t given_up[13] = {0, 0, 4, 3, 0, 0, 0, 0, STREAM, 0, 0, 0, 8};
  ends one;
  add(own, &own->account, &one);
  pour(one.peer, 0, 24, true);
  run(own);
  int64_t before_ns = one.passage->called_ns;
  assert_int_equal(send(one.peer, begun, sizeof begun, 0), sizeof begun);
  run(own);
  assert_true(one.passage->called_ns > before_ns);
  assert_true(mesh_passage_is_used(one.passage));
  assert_int_equal(send(one.peer, given_up, sizeof given_up, 0), sizeof given_up);
  run(own);
  assert_false(mesh_passage_is_used(one.passage));
  int64_t called_ns = one.passage->called_ns;
  assert_int_equal(send(one.peer, (uint8_t[9]){0, 0, 0, 4}, 9, 0), 9);  // SETTINGS are no call
  run(own);
  assert_int_equal(one.passage->called_ns, called_ns);
  close_end(&one.grpc);
  run(own);
  assert_true(mesh_passage_is_used(one.passage));
  assert_ptr_equal(mesh_passages_take_ended(&own->all), one.passage);
  destroy(&one);
}

// Both ends of one are in the same batch: the second event is about something that has ended.
static void an_event_behind_the_end_is_passed_over(scene *own) {
  ends one;
  struct epoll_event events[8];
  add(own, &own->account, &one);
  shutdown(one.peer, SHUT_RDWR);
  shutdown(one.grpc, SHUT_RDWR);
  int count = epoll_wait(own->all.epoll, events, 8, 0);
  assert_int_equal(count, 2);
  for (int i = 0; i < 3 * count; i++)
    mesh_passages_note(&own->all, events[i % count].data.ptr, events[i % count].events);
  run(own);
  assert_ptr_equal(mesh_passages_take_ended(&own->all), one.passage);
  assert_null(mesh_passages_take_ended(&own->all));
  destroy(&one);
}

typedef struct row {
  const char *name;
  void (*run)(scene *own);
} row;

static const row rows[] = {
    {"all bytes come through", all_bytes_come_through},
    {"the last words are heard", the_last_words_are_heard},
    {"who never reads is left", who_never_reads_is_left},
    {"it ends when its time is over", it_ends_when_its_time_is_over},
    {"who is gone is told nothing", who_is_gone_is_told_nothing},
    {"who reads nothing is not told why", who_reads_nothing_is_not_told_why},
    {"a peer that goes away is gone", a_peer_that_goes_away_is_gone},
    {"a passage that is shut ends for both", a_passage_that_is_shut_ends_for_both},
    {"who asks too much hears why", who_asks_too_much_hears_why},
    {"who is expelled loses all", who_is_expelled_loses_all},
    {"who is dismissed hears why", who_is_dismissed_hears_why},
    {"one with a call is used", one_with_a_call_is_used},
    {"an event behind the end is passed over", an_event_behind_the_end_is_passed_over},
};

static void check_row(void **state) {
  const row *one = *state;
  static scene own;  // it holds a piece
  set_up(&own);
  one->run(&own);
  tear_down(&own);
}

int main(void) {
  RUN_ROWS("passages", rows, check_row);
}
