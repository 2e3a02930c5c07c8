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
};

// Who is at the other end: a process on a unix socket, an address on TCP.
typedef struct mesh_peer {
  char name[MESH_PEER_NAME_MAX];  // "unix:pid 4711, uid 1000", "ipv4:127.0.0.1"
  int visits, calls;              // that the loop has heard of; the loop's
  mesh_answers answers;           // to its calls; the loop's
  int connections;                // that are open; the doorman's, as what follows
  mesh_http2_account account;
  struct mesh_peer *next;
} mesh_peer;

typedef struct mesh_peers {
  int64_t room;          // for connections: the limit, or what descriptors allow
  int64_t room_of_peer;  // for one peer's: it leaves half of the room to the others
  mesh_peer *first;      // owned
  int64_t connections;
} mesh_peers;

// Nobody is there yet. `descriptors` is how many this process may have (negative: no limit).
void mesh_peers_init(mesh_peers *peers, const mesh_limits *limits, int64_t descriptors);

// Who is at the other end of `fd`, which was accepted from `from`.
void mesh_peer_name(int fd, const struct sockaddr_storage *from, char name[MESH_PEER_NAME_MAX]);

// Counts one more connection of the peer called `name`; NULL if there is no room for it. The peer
// stays until its last connection has left.
mesh_peer *mesh_peers_enter(mesh_peers *peers, const char *name);
void mesh_peers_leave(mesh_peers *peers, mesh_peer *peer);

#endif
