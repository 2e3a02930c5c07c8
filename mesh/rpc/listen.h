// Where a server may listen: unix sockets and loopback addresses, until TLS can protect others.
#ifndef MILLRACE_MESH_RPC_LISTEN_H
#define MILLRACE_MESH_RPC_LISTEN_H

#include "mesh/runtime/status.h"

typedef struct mesh_listening {
  int fd;            // bound, listening and non-blocking; the caller's
  int port;          // that was bound; 0 for a unix socket
  const char *path;  // of a unix socket, in the address; NULL on TCP
} mesh_listening;

// Listens on "unix:/path", where a socket that nobody listens on any more is replaced, or on
// host:port at a loopback address (port 0: any that is free). INVALID_ARGUMENT, ALREADY_EXISTS
// (somebody listens there, stopped or not), NOT_FOUND (no such directory), PERMISSION_DENIED,
// FAILED_PRECONDITION (what is there is no socket), UNAVAILABLE (no descriptor, and the like).
MESH_NODISCARD mesh_code mesh_listen_open(const char *address, mesh_listening *out,
                                          mesh_error *err);

// What is at the unix socket `path`, as an errno: 0: somebody listens, be it a program that is
// stopped; ECONNREFUSED: a socket that nobody listens on any more; ENOENT: nothing; EACCES:
// somebody else's. Never waits.
int mesh_listen_probe(const char *path);

#endif
