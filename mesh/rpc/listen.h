// What may be listened on, before gRPC is asked to: it replaces a unix socket that is in use
// without a word.
#ifndef MILLRACE_MESH_RPC_LISTEN_H
#define MILLRACE_MESH_RPC_LISTEN_H

#include "mesh/runtime/status.h"

// OK if `address` is "unix:/path" that nobody listens on, or host:port on a loopback address whose
// port is free. INVALID_ARGUMENT, ALREADY_EXISTS (somebody listens there, stopped or not),
// NOT_FOUND (no such directory), PERMISSION_DENIED, FAILED_PRECONDITION (what is there is no
// socket).
MESH_NODISCARD mesh_code mesh_listen_check(const char *address, mesh_error *err);

// What is at the unix socket `path`, as an errno: 0: somebody listens, be it a program that is
// stopped; ECONNREFUSED: a socket that nobody listens on any more; ENOENT: nothing; EACCES:
// somebody else's. Never waits.
int mesh_listen_probe(const char *path);

#endif
