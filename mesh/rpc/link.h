// mesh_link: a named, reused connection to a peer: in this process, on a unix socket or on TCP.
// Reconnects by itself with jittered back-off and keeps idle paths alive. Belongs to the loop that
// opened it.
#ifndef MILLRACE_MESH_RPC_LINK_H
#define MILLRACE_MESH_RPC_LINK_H

#include "mesh/rpc/retry_budget.h"
#include "mesh/runtime/loop.h"
#include "mesh/runtime/status.h"

typedef struct mesh_link mesh_link;
typedef struct mesh_server mesh_server;

typedef enum mesh_link_state {
  MESH_LINK_IDLE,        // no connection yet; the next call makes one
  MESH_LINK_CONNECTING,  // the first attempt runs
  MESH_LINK_READY,
  MESH_LINK_BACKOFF,  // the last attempt failed; calls fail at once with UNAVAILABLE
  MESH_LINK_CLOSED,
} mesh_link_state;

// Opens a link called `name` to `address`: "unix:/path", "unix:path", "127.0.0.1:4711",
// "dns:host:port". Connects at the first call. INVALID_ARGUMENT names an address that cannot be
// one. On OK the caller owns *out; release it with mesh_link_close().
MESH_NODISCARD mesh_code mesh_link_open(mesh_loop *loop, const char *name, const char *address,
                                        mesh_link **out, mesh_error *err);

// The same, but it shares its connection with no other link to `address`: what is asked over it
// also says whether the server still takes new connections.
MESH_NODISCARD mesh_code mesh_link_open_apart(mesh_loop *loop, const char *name,
                                              const char *address, mesh_link **out,
                                              mesh_error *err);

// Opens a link to a server of this process, over a socketpair: no port, no file.
MESH_NODISCARD mesh_code mesh_link_open_local(mesh_loop *loop, const char *name,
                                              mesh_server *server, mesh_link **out,
                                              mesh_error *err);

// Lets it pass on at most `calls` calls at a time for those who call this program, and a quarter of
// them for one of them: what it does by itself is not kept out by what they ask for. 0: any number.
void mesh_link_bound(mesh_link *link, int64_t calls);

// Closes the link; calls that still run on it fail. NULL is fine.
void mesh_link_close(mesh_link *link);

// What it was opened as; the link's own texts.
const char *mesh_link_name(const mesh_link *link);
const char *mesh_link_address(const mesh_link *link);  // "in-process" for a local one

// The state now, without connecting. A local link is READY while its server lives.
mesh_link_state mesh_link_check(mesh_link *link);

// The retries that the link bears.
mesh_retry_budget *mesh_link_budget(mesh_link *link);

// "IDLE", "READY", ...
const char *mesh_link_state_name(mesh_link_state state);

// What is said of a peer that has answered a new connection with something else than HTTP/2's
// SETTINGS: a server of ours says GOAWAY so.
#define MESH_LINK_TURNED_AWAY \
  "turned away: it has as many connections as it may, or speaks no HTTP/2"

// Fails with a message that names the link and its address: "link ib-host (unix:/...): <text>".
mesh_code mesh_link_fail(const mesh_link *link, mesh_code code, const char *text, mesh_error *err);

#endif
