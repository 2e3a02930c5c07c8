// mesh_peers: who has connections to a server, and how many; whether one more may come. Its caller,
// the doorman, locks.
#ifndef MILLRACE_MESH_RPC_PEERS_H
#define MILLRACE_MESH_RPC_PEERS_H

#include <sys/socket.h>

#include "mesh/rpc/answers.h"
#include "mesh/rpc/http2_guard.h"
#include "mesh/rpc/limits.h"

enum {
  MESH_PEER_NAME_MAX = 64,
  MESH_CONNECTION_DESCRIPTORS = 3,  // the peer's socket, and both ends of the pair to gRPC
  MESH_PARENT_PLACES = 2,           // that are there for who started this process, in any case
  MESH_YIELDING_MAX = 8,            // connections that end to make room, at a time
  MESH_FAREWELLS_MAX = 8,           // that made room and hear why; as many that were turned away
};

// Who is at the other end: a process on a unix socket, an address on TCP.
typedef struct mesh_peer_id {
  char name[MESH_PEER_NAME_MAX];  // "unix:pid 4711, uid 1000", "ipv4:127.0.0.1"
  bool is_parent;                 // it has started this process: `millrace up`, who watches it
  bool is_sibling;                // the same has started both: the backend, to a host
} mesh_peer_id;

typedef struct mesh_peer {
  char name[MESH_PEER_NAME_MAX];  // of its id
  bool is_parent;                 // likewise
  int visits, calls;              // that the loop has heard of; the loop's
  mesh_answers answers;           // to its calls; the loop's
  int connections;                // that are open; the doorman's, as what follows
  int yielding;                   // of them
  mesh_http2_account account;
  struct mesh_peer *next;
} mesh_peer;

typedef struct mesh_peers {
  int64_t room;             // for connections: the limit, or what descriptors allow
  int64_t room_of_peer;     // for one peer's: it leaves half of the room to the others
  mesh_peer *first;         // owned
  const mesh_peer *parent;  // of them; NULL: it has none
  int64_t connections, yielding;
} mesh_peers;

// Nobody is there yet. `descriptors` is how many this process may have (negative: no limit).
void mesh_peers_init(mesh_peers *peers, const mesh_limits *limits, int64_t descriptors);

// Who is at the other end of `fd`, which was accepted from `from`.
void mesh_peer_identify(int fd, const struct sockaddr_storage *from, mesh_peer_id *out);

// Counts one more connection of a peer; NULL if there is no room for it. The peer stays until its
// last connection has left.
mesh_peer *mesh_peers_enter(mesh_peers *peers, const mesh_peer_id *who);

// How many connections a peer has to have for one of them to make room for one more of `who`: two
// more than he has, so that nobody takes turns. 0: one would not be enough, or as many as may be
// yield already.
int mesh_peers_must_have(const mesh_peers *peers, const mesh_peer_id *who);

// The one with most connections; NULL if nobody is there.
const mesh_peer *mesh_peers_largest(const mesh_peers *peers);

// How many connections it has, but for those that make room; NULL has none.
int mesh_peer_staying(const mesh_peer *peer);

// One of them is to end to make room.
void mesh_peers_yield(mesh_peers *peers, mesh_peer *peer);

// One has ended, be it one that `yielded`.
void mesh_peers_leave(mesh_peers *peers, mesh_peer *peer, bool yielded);

#endif
