// The inside of mesh_link, for link.c and call_client.c. Not for others.
#ifndef MILLRACE_MESH_RPC_LINK_INTERNAL_H
#define MILLRACE_MESH_RPC_LINK_INTERNAL_H

#include "mesh/rpc/link.h"

// The channel to make a call on. Borrowed.
grpc_channel *mesh_link_channel(mesh_link *link);

// Connects one end of a socketpair to a server that has started. UNAVAILABLE once it stops.
MESH_NODISCARD mesh_code mesh_server_connect_fd(mesh_server *server, int fd, mesh_error *err);

// False once it was stopped.
bool mesh_server_is_running(const mesh_server *server);

#endif
