// mesh_passage: a connection with the doorman in its middle. The peer's socket is one end, gRPC has
// the other side of a socketpair, and what goes from one to the other is looked at by a
// mesh_http2_guard first. One thread watches and carries, the doorman's.
#ifndef MILLRACE_MESH_RPC_PASSAGE_H
#define MILLRACE_MESH_RPC_PASSAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mesh/rpc/http2_guard.h"
#include "mesh/runtime/status.h"

enum { MESH_PASSAGE_PIECE = 64 * 1024 };

typedef struct mesh_passage mesh_passage;

// One of its two sockets, as epoll names it. Edge-triggered: what is readable stays so until the
// kernel says that there is no more.
typedef struct mesh_passage_end {
  mesh_passage *passage;
  int fd;
  bool readable;
  bool full;  // it takes no more; epoll says when it does
  bool hung_up;
} mesh_passage_end;

// What is on its way in one direction.
typedef struct mesh_passage_way {
  uint8_t *held;  // owned: bytes that were looked at and that the other end does not take yet
  size_t held_at, held_size;
  bool ended;  // nothing more goes this way
} mesh_passage_way;

typedef enum mesh_passage_state {
  MESH_PASSAGE_WAITS,  // for either end
  MESH_PASSAGE_BUSY,   // there is more at once; the others first
  MESH_PASSAGE_OVER,   // an end is gone, or the guard said so
} mesh_passage_state;

struct mesh_passage {  // private, but for what is said of others
  int epoll;
  mesh_passage_end outside, inside;
  mesh_passage_way in, out;
  mesh_http2_account *account;  // borrowed
  mesh_http2_guard *guard;      // owned
  mesh_http2_verdict verdict;   // of the guard
  mesh_passage_state state;
  int64_t called_ns;  // when it carried a call last, or began to be watched
  int64_t closed_ns;  // when gRPC closed; 0: it has not
  int64_t hurry_ns;   // when it was seen that the connection is to end; likewise
  atomic_bool hurry;

  bool yields;         // it makes room: whoever made it keeps the peer's socket until the peer has
                       // read why, which may be writing a call just now
  bool busy, lingers;  // passages.h's, as what follows
  mesh_passage *next, *previous;
  mesh_passage *next_in_line;  // theirs once it was added, until then whoever adds it
  void *owner;                 // free for whoever made it
};

// Makes a passage of the peer's socket, which is non-blocking; *grpc_fd is the end that gRPC gets.
// RESOURCE_EXHAUSTED: there is no descriptor; `outside` is still the caller's. On OK the caller
// owns *out and, but for `outside`, which mesh_passage_destroy() closes, *grpc_fd.
MESH_NODISCARD mesh_code mesh_passage_create(int outside, const mesh_http2_limits *limits,
                                             mesh_http2_account *account, mesh_passage **out,
                                             int *grpc_fd, mesh_error *err);

// Has both ends watched: what epoll says of them has a mesh_passage_end as data.ptr. Never fails
// (aborts without memory).
void mesh_passage_watch(mesh_passage *passage, int epoll);

// Takes what epoll said.
void mesh_passage_note(mesh_passage_end *end, uint32_t events);

// Carries what can be carried, up to a few pieces. `piece` is room for one, the thread's.
mesh_passage_state mesh_passage_carry(mesh_passage *passage, uint8_t piece[MESH_PASSAGE_PIECE],
                                      int64_t now_ns);

// True while it carries a call or the end of one, or is to end.
bool mesh_passage_is_used(const mesh_passage *passage);

// Ends the connection, and tells the peer so: it is over with its next turn.
void mesh_passage_dismiss(mesh_passage *passage, const char *why);

// It is over: tells the peer why, where that is possible, and ends the connection for both. The
// peer's account gets back what was open.
void mesh_passage_end_both(mesh_passage *passage);

// The connection is to end: nothing more comes in, gRPC hears that the peer has gone, and what it
// has sent before is carried if the peer takes it at once. It is over a second later at the latest,
// whether gRPC has closed or not. Any thread, until mesh_passage_destroy().
void mesh_passage_shut(mesh_passage *passage);

// Closes what is open of it. Nobody watches it: it was ended, or never watched. Any thread. NULL is
// fine.
void mesh_passage_destroy(mesh_passage *passage);

#endif
