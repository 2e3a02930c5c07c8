// pg_server: the sockets of the gateway: accepts, reads, writes, fires timers. One thread.
#ifndef MILLRACE_TOOLS_PAPERGATE_SERVER_H
#define MILLRACE_TOOLS_PAPERGATE_SERVER_H

#include "tools/papergate/gateway.h"

typedef struct pg_server pg_server;

// Listens on 127.0.0.1 at the port of the options. On GRPC_STATUS_OK the caller owns *out;
// otherwise `err` names the address and the reason. `gateway` must outlive the server.
MESH_NODISCARD mesh_code pg_server_open(pg_gateway *gateway, pg_server **out, mesh_error *err);

// The port that it listens on.
int pg_server_port(const pg_server *server);

// Serves until SIGTERM or SIGINT, both of which must be blocked in this thread.
void pg_server_run(pg_server *server);

// Closes every connection and the port.
void pg_server_close(pg_server *server);

#endif
