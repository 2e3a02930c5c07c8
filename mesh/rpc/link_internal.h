// The inside of mesh_link, for link.c and call_client.c. Not for others.
#ifndef MILLRACE_MESH_RPC_LINK_INTERNAL_H
#define MILLRACE_MESH_RPC_LINK_INTERNAL_H

#include "mesh/rpc/link.h"

// The channel to make a call on; borrowed until the next one is asked for. A local link whose
// socket was shut has a new one.
grpc_channel *mesh_link_channel(mesh_link *link);

// Whether it leads into this process.
bool mesh_link_is_local(const mesh_link *link);

// Counts a call for `caller` ("": this program), or one that has ended. RESOURCE_EXHAUSTED
// (TOO_MANY_CALLS) with RetryInfo where it may pass on no more; then nothing is counted.
MESH_NODISCARD mesh_code mesh_link_enter(mesh_link *link, const char *caller, mesh_error *err);
void mesh_link_leave(mesh_link *link, const char *caller);

// Connects one end of a socketpair to a server that has started. UNAVAILABLE once it stops.
MESH_NODISCARD mesh_code mesh_server_connect_fd(mesh_server *server, int fd, mesh_error *err);

// False once it was stopped.
bool mesh_server_is_running(const mesh_server *server);

#endif
