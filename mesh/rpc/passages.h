// mesh_passages: the passages that one thread carries, each in turn. That thread's, but where said.
#ifndef MILLRACE_MESH_RPC_PASSAGES_H
#define MILLRACE_MESH_RPC_PASSAGES_H

#include "mesh/rpc/passage.h"

typedef struct mesh_passages {  // private; zeroed but for `epoll`
  int epoll;                    // borrowed: where they are watched
  mesh_passage *first, *busy, *ended;
  int lingering;
  int64_t looked_ns;  // at those that linger
  uint8_t piece[MESH_PASSAGE_PIECE];
} mesh_passages;

// From now on the passage is carried.
void mesh_passages_add(mesh_passages *all, mesh_passage *passage);

// Takes what epoll said of an end of one.
void mesh_passages_note(mesh_passages *all, mesh_passage_end *end, uint32_t events);

// Ends one of them, and tells its peer why.
void mesh_passages_dismiss(mesh_passages *all, mesh_passage *passage, const char *why);

// Gives those a turn that have more to carry, or that linger. Once behind each batch of epoll's.
void mesh_passages_go_on(mesh_passages *all);

// For how long epoll may wait, in milliseconds; -1: until something happens.
int mesh_passages_wait_ms(const mesh_passages *all);

// Takes one that has ended, and that is the caller's again: both ends are shut, nothing of the
// batch is about it any more. NULL: there is none. Behind mesh_passages_go_on(). Where its verdict
// is EXPEL, all others of its account are being shut, too.
mesh_passage *mesh_passages_take_ended(mesh_passages *all);

#endif
