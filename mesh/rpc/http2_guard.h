// mesh_http2_guard: reads the HTTP/2 frames that pass between a peer and gRPC, changes none, and
// says when the peer asks for more than a peer may. gRPC 1.51 holds its limit of headers against
// each frame alone, and remembers every call and every frame that wants an answer until its thread
// comes round: what it has not seen cannot cost it anything
// (docs/decisions/2026-11-26-a-doorman.md). Frames are RFC 9113's as gRPC reads them (it knows no
// padding of headers: such are refused), HPACK is nghttp2's. One thread at a time.
#ifndef MILLRACE_MESH_RPC_HTTP2_GUARD_H
#define MILLRACE_MESH_RPC_HTTP2_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "mesh/runtime/view.h"

typedef struct mesh_http2_limits {
  int64_t header_bytes;  // names and values of one header list, and its block as it is sent
  int64_t streams;       // open on one connection
  int64_t peer_streams;  // open on all connections of a peer
  int64_t resets;        // of streams, in a burst; a tenth of it a second; but for those that were
                         // open when gRPC said GOAWAY
} mesh_http2_limits;

// What one peer has taken, over all of its connections. Zeroed: nothing yet.
typedef struct mesh_http2_account {
  int64_t streams;            // open
  int64_t resets, resets_ns;  // a bucket that leaks, and when it last did
  bool speaks_for_many;       // it passes on what others ask, and give up: its bucket is larger
} mesh_http2_account;

typedef enum mesh_http2_verdict {
  MESH_HTTP2_PASS,
  MESH_HTTP2_END,    // the connection is to end
  MESH_HTTP2_EXPEL,  // all of the peer's are: it would do the same on the next one
} mesh_http2_verdict;

typedef struct mesh_http2_guard mesh_http2_guard;

// Of a connection on which the peer is the client. `limits` and `account` are borrowed, and outlive
// it. Never fails (out of memory aborts).
mesh_http2_guard *mesh_http2_guard_create(const mesh_http2_limits *limits,
                                          mesh_http2_account *account);

// The connection has ended: the account gets back what was open. Nothing more is looked at.
void mesh_http2_guard_close(mesh_http2_guard *guard);

// Releases a guard on which nothing was looked at, or that was closed; any thread. NULL is fine.
void mesh_http2_guard_destroy(mesh_http2_guard *guard);

// Looks at the bytes that come next from the peer, or from gRPC, before they go on; cut anywhere.
// After another verdict than PASS nothing more is looked at.
mesh_http2_verdict mesh_http2_guard_from_peer(mesh_http2_guard *guard, mesh_view bytes,
                                              int64_t now_ns);
mesh_http2_verdict mesh_http2_guard_from_grpc(mesh_http2_guard *guard, mesh_view bytes,
                                              int64_t now_ns);

// Ends the connection for a reason that is not its peer's doing: the verdict, which is END from now
// on. `why` is cut where it is long.
mesh_http2_verdict mesh_http2_guard_dismiss(mesh_http2_guard *guard, const char *why);

// How many calls are open on it.
size_t mesh_http2_guard_streams(const mesh_http2_guard *guard);

// Why the verdict was what it is: "a header list of more than 32768 bytes".
const char *mesh_http2_guard_why(const mesh_http2_guard *guard);

// How it has read the newest header list of the peer: how many fields, and their names and values.
// For tests: gRPC must have read the same.
int64_t mesh_http2_guard_list(const mesh_http2_guard *guard, int *fields);

enum { MESH_HTTP2_GOODBYE_MAX = 160 };

// Writes what tells the peer so, to be sent behind what gRPC has sent: GOAWAY, ENHANCE_YOUR_CALM.
// Returns its size; 0: gRPC is in the middle of a frame.
size_t mesh_http2_guard_say_goodbye(const mesh_http2_guard *guard,
                                    uint8_t bytes[MESH_HTTP2_GOODBYE_MAX]);

// The same to somebody who was not let in: nothing has been sent.
size_t mesh_http2_turn_away(const char *why, uint8_t bytes[MESH_HTTP2_GOODBYE_MAX]);

#endif
