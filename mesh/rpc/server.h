// mesh_server: gRPC services on a loop. Each call runs as one fiber, in a scope of its own.
// Health and reflection are on every server.
#ifndef MILLRACE_MESH_RPC_SERVER_H
#define MILLRACE_MESH_RPC_SERVER_H

#include "mesh/rpc/limits.h"
#include "mesh/rpc/schema.h"
#include "mesh/rpc/service.h"
#include "mesh/runtime/fiber.h"

// Creates a server on `loop`, with health and reflection. Add services and ports, then start it.
// `schema` must describe every service that is added, so that the text of its requests is checked
// before it sees them (service.h); borrowed until the server is destroyed.
mesh_server *mesh_server_create(mesh_loop *loop, const mesh_schema *schema);

// Adds a service before the start; its tables are borrowed until the server is destroyed.
void mesh_server_add(mesh_server *server, const mesh_service *service);

// What the server gives to its peers, before it listens; else mesh_limits_default(). Copied.
void mesh_server_limit(mesh_server *server, const mesh_limits *limits);

// Listens on "unix:/path" or "127.0.0.1:port" (0: any) before the start. *port (may be NULL) is the
// bound port, 0 for a unix socket. A unix socket file that nobody listens on is replaced; the new
// one has a mode of 0600. Codes as mesh_listen_check() has them (listen.h). Only loopback addresses
// and unix sockets are accepted: others are INVALID_ARGUMENT until TLS can protect them.
MESH_NODISCARD mesh_code mesh_server_listen(mesh_server *server, const char *address, int *port,
                                            mesh_error *err);

// Starts to answer calls.
void mesh_server_start(mesh_server *server);

// Begins to leave: new calls are refused with UNAVAILABLE (DRAINING, with RetryInfo), but for
// health, reflection, HostControl and methods that are served while_draining; health says
// NOT_SERVING; calls that run go on, and those that would never end hear of it
// (mesh_call_drain_scope). Then wait, and stop.
void mesh_server_drain(mesh_server *server);

// How many calls run that are work (all but health, reflection and HostControl), and what is
// notified when that changes.
int mesh_server_running(const mesh_server *server);
mesh_signal *mesh_server_changed(mesh_server *server);

// Drains, and waits for the calls that run, but not for callers that have a call open and say
// nothing on it; then stops taking calls. At `deadline_ns` (monotonic) cancels what is left and
// waits for that. In a fiber of the server's loop.
void mesh_server_stop(mesh_server *server, int64_t deadline_ns);

// Releases a stopped (or never started) server. NULL is fine. In a fiber of its loop where it has
// listened and was never started: gRPC ends the sockets by the queue.
void mesh_server_destroy(mesh_server *server);

// Says whether a service ("" the server as a whole) can do its work, to whoever checks or watches
// its health. Every service is SERVING from the start and NOT_SERVING from mesh_server_stop() on.
void mesh_server_set_serving(mesh_server *server, const char *service, bool serving);

#endif
