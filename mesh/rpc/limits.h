// mesh_limits: what a server gives to one peer, and to all peers together. docs/limits.md says what
// happens above each. A peer is a process on a unix socket, an address on TCP. What the layers of
// one process ask of each other is not limited here: it is bounded by what came in.
#ifndef MILLRACE_MESH_RPC_LIMITS_H
#define MILLRACE_MESH_RPC_LIMITS_H

#include <stdint.h>

#include "mesh/runtime/status.h"

typedef struct mesh_limits {
  int64_t connections;       // at a time, in all
  int64_t peer_connections;  // of one peer
  int64_t streams;           // calls at a time on one connection; the peer is told
  int64_t calls;             // at a time, in all; one peer gets half of them
  int64_t message_kib;       // of one message
  int64_t header_kib;        // of the headers of one call
  int64_t connection_mib;    // that one connection may make gRPC hold
  int64_t memory_mib;        // that all connections together may, shared equally by peers
  int64_t answers_mib;       // of messages that all peers together have yet to take
  int64_t resets;            // calls that one peer may give up in a burst; a tenth of it a second
  int64_t passed;  // calls at a time that are passed on to a host; one caller gets a quarter
  int64_t idle_s;  // a connection without a call is closed after that; 0: never
  int64_t age_s;   // a connection takes no new calls after that; 0: for ever
} mesh_limits;

// One of them, as people name it.
typedef struct mesh_limit_info {
  const char *name;  // "peer_connections"
  size_t offset;     // in mesh_limits
  int64_t unset, least, most;
} mesh_limit_info;

// Each of them, in the order of the struct; NULL after the last. Static.
const mesh_limit_info *mesh_limits_info(size_t index);

// What holds unless somebody says otherwise.
mesh_limits mesh_limits_default(void);

// A mesh_flag_take for --limit: "streams=100" into a mesh_limits. INVALID_ARGUMENT names the limit,
// or those that there are.
MESH_NODISCARD mesh_code mesh_limits_take(void *to, const char *value, mesh_error *err);

#endif
