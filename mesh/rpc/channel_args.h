// The gRPC settings of every link and server, in one place.
#ifndef MILLRACE_MESH_RPC_CHANNEL_ARGS_H
#define MILLRACE_MESH_RPC_CHANNEL_ARGS_H

#include <grpc/grpc.h>
#include <stdbool.h>

#include "mesh/rpc/limits.h"

enum { MESH_LINK_HEADER_BYTES = 8 << 10 };  // of one call, that a link takes

// A stalled reader holds up to 64 KiB of a stream; a lost connection is tried again after 50 ms,
// growing to 2 s, with gRPC's 20 % jitter; an idle connection is pinged after 20 s and given up 10
// s later. A message of more than 4 MiB ends its call, one that is compressed, too; a call's
// headers are at most 8 KiB. With `quota`, what its peers may make gRPC hold: not for links inside
// the process. `apart`: it shares its
// connection with no other channel to the same address.
grpc_channel *mesh_grpc_channel_create(const char *address, grpc_resource_quota *quota, bool apart);
grpc_channel *mesh_grpc_channel_from_fd(const char *name, int fd);

// The same window; accepts those pings. With `quota`, which bounds what gRPC holds, for a
// connection from outside: `limits` hold. NULL: for one inside the process.
grpc_server *mesh_grpc_server_create(grpc_resource_quota *quota, const mesh_limits *limits);

#endif
