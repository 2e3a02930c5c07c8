// The gRPC settings of every link and server, in one place.
#ifndef MILLRACE_MESH_RPC_CHANNEL_ARGS_H
#define MILLRACE_MESH_RPC_CHANNEL_ARGS_H

#include <grpc/grpc.h>

// A stalled reader holds up to 64 KiB of a stream; a lost connection is tried again after 50 ms,
// growing to 2 s, with gRPC's 20 % jitter; an idle connection is pinged after 20 s and given up 10
// s later. Static.
const grpc_channel_args *mesh_client_channel_args(void);

// The same, but the channel shares its connection with no other one to the same address. Static.
const grpc_channel_args *mesh_client_channel_args_apart(void);

// The same window; accepts those pings; a port that is in use is an error. Static.
const grpc_channel_args *mesh_server_channel_args(void);

#endif
