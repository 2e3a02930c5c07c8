// mesh_doorman: the thread at the door of a server. It accepts connections, tells who comes, turns
// away those for whom there is no room, carries what passes between them and gRPC while it looks at
// the frames (passage.h, http2_guard.h), and sees each connection end. gRPC has a listener of its
// own, but that one stops for good at the first accept() that fails, counts nobody, and does not
// tell whose connection a call came on (docs/decisions/2026-11-26-a-doorman.md).
#ifndef MILLRACE_MESH_RPC_DOORMAN_H
#define MILLRACE_MESH_RPC_DOORMAN_H

#include "mesh/rpc/peers.h"
#include "mesh/runtime/loop.h"

// A connection as it was accepted. In storage of whoever is told; the doorman's until `gone` has
// been posted.
typedef struct mesh_visit {
  mesh_op gone;  // posted once, when either end has closed the connection
  mesh_peer *peer;
  struct mesh_passage *passage;  // closed by mesh_doorman_forget()
} mesh_visit;

// Told on the loop about a connection: `fd`, which is non-blocking, is gRPC's end of it, and the
// caller's from now on. The caller puts the other two into a visit of its own and has that watched:
// nothing passes before.
typedef void (*mesh_doorman_told)(void *arg, int fd, struct mesh_passage *passage, mesh_peer *peer);

typedef struct mesh_doorman mesh_doorman;

// Starts the thread; nothing listens yet. RESOURCE_EXHAUSTED: no descriptor
// or thread is to be had. On OK the caller owns *out.
MESH_NODISCARD mesh_code mesh_doorman_create(mesh_loop *loop, const mesh_limits *limits,
                                             mesh_doorman_told on_told, void *arg,
                                             mesh_doorman **out, mesh_error *err);

// Listens on `fd`, which is bound and non-blocking, and owns it; `path` (may be NULL) is the
// socket's file, which is removed with it. Connections wait until mesh_doorman_open().
MESH_NODISCARD mesh_code mesh_doorman_listen(mesh_doorman *doorman, int fd, const char *path,
                                             mesh_error *err);

// Begins to accept.
void mesh_doorman_open(mesh_doorman *doorman);

// Closes the listening sockets; no connection is told about any more. Connections go on.
void mesh_doorman_shut(mesh_doorman *doorman);

// Lets through what comes, until the connection ends. Loop thread; once for each visit.
void mesh_doorman_watch(mesh_doorman *doorman, mesh_visit *visit);

// Ends the connection, for both sides: the peer may still take what gRPC has sent; `gone` follows
// once gRPC has closed its end, or a second later.
void mesh_visit_end(mesh_visit *visit);

// The visit is over: `gone` has been posted.
void mesh_doorman_forget(mesh_doorman *doorman, mesh_visit *visit);

// How many connections may be there, at most, with the descriptors that this process has.
int64_t mesh_doorman_room(const mesh_doorman *doorman);

// True while the loop has yet to hear of a connection.
bool mesh_doorman_is_telling(mesh_doorman *doorman);

// Ends the thread. All visits are forgotten; nothing of it is on its way to the loop. NULL is fine.
void mesh_doorman_destroy(mesh_doorman *doorman);

#endif
