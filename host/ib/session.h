// ib_session: the conversation with one gateway: connects, says hello, stays connected, carries
// requests.
//
//             +-------------------- closed, refused, silent --------------------+
//             v                                                                 |
//   +--> CONNECTING --> HELLO --> STARTING --> READY <--> STALLED (1100, 2110)  |
//   |         |           |           |          |            |                 |
//   |         +-----------+-----------+----------+------------+--> BACKOFF -----+
//
// HELLO waits for the version, STARTING for nextValidId and managedAccounts. On the loop, in
// fibers.
#ifndef MILLRACE_HOST_IB_SESSION_H
#define MILLRACE_HOST_IB_SESSION_H

#include "host/ib/codec.h"
#include "host/ib/error_table.h"
#include "host/ib/governor.h"
#include "market/series_key.h"
#include "mesh/runtime/fiber.h"

typedef struct ib_session ib_session;

typedef enum ib_session_state {
  IB_CONNECTING,
  IB_HELLO,
  IB_STARTING,
  IB_READY,
  IB_STALLED,
  IB_BACKOFF,
} ib_session_state;

typedef struct ib_session_options {
  char host[128];
  int port;
  int client_id;           // the first one to try; the next ones if it is taken
  int messages_per_s;      // 0: no limit
  int max_open;            // requests at a time, without
  int max_live;            // live streams, which have an end only where somebody leaves
  int connect_timeout_ms;  // of a connect, and of each step of the greeting
  int request_timeout_ms;  // from the send to the answer
  int backoff_base_ms, backoff_cap_ms;
  int64_t pacing_wait_ms;  // after a pacing violation
  int pacing_speed;        // how fast the gateway's clock runs, by which it counts requests
} ib_session_options;

// What the flags say where they are not given: a paper gateway on this machine, IB's own pace.
ib_session_options ib_session_defaults(void);

// Starts a session in a fiber of `scope`; it connects, and connects again, until the scope is
// cancelled. Options are copied. The caller owns it; ib_session_destroy(), once the scope is
// joined.
ib_session *ib_session_create(mesh_scope *scope, const ib_session_options *options);

// Frees a session whose scope has been joined, and which has no open request (asserted). NULL is
// fine.
void ib_session_destroy(ib_session *session);

typedef struct ib_session_status {
  ib_session_state state;
  char address[160], detail[200], accounts[256];
  const char *source;  // static: as ib_session_source(), but "" while no gateway is there
  int server_version, client_id, open_requests;
  int64_t requests_sent, reconnects;
  int pacing_speed;       // as in ib_session_options
  int64_t round_trip_us;  // of the last question for the gateway's time; 0: none was answered
} ib_session_status;

// What it is now; copied.
void ib_session_describe(const ib_session *session, ib_session_status *out);

// Notified when what ib_session_describe() says has changed. The session's own.
mesh_signal *ib_session_changed(ib_session *session);

// ---- requests ----

typedef enum ib_request_kind {
  IB_ASK_BARS,
  IB_ASK_LIVE,
  IB_ASK_HEAD,
  IB_ASK_CONTRACT,
  IB_ASK_SYMBOLS
} ib_request_kind;

// A request that is open at the gateway. Its owner fills it and keeps it until ib_request_close().
typedef struct ib_request {
  ib_request_kind kind;
  char operation[128];   // for ib_session_await_stopped(); "" if nobody will ask
  ib_governed governed;  // what the pacing rules see of it; zero: nothing
  // Called for each reply message of the request; true when it was the last one. An error goes to
  // `err`.
  bool (*on_reply)(struct ib_request *request, ib_reply reply, ib_fields *fields);
  // May be NULL. Called, in the fiber of ib_request_open(), before the pacing rules make it wait
  // for over a second.
  void (*on_wait)(struct ib_request *request, int64_t wait_ns);
  void *arg;

  mesh_code code;  // OK, or why it failed
  mesh_error err;
  char no_data[256];     // set: the gateway has nothing here
  mesh_signal progress;  // notified at each reply, and at the end
  bool done;

  // The session's.
  ib_session *session;
  int id;
  bool sent;
  int64_t sent_ns;
  mesh_cancel_hook hook;
  struct ib_request *next;
} ib_request;

// Writes the request as one message; `what` is the one of ib_request_open().
typedef void (*ib_request_encode)(ib_outbox *out, int id, int server_version, const void *what);

// Waits for the gateway, for a free place and for the pace, then has `encode` write the request and
// sends it. UNAVAILABLE, with the gateway's address and RetryInfo, when the gateway is away for
// 2 s. RESOURCE_EXHAUSTED (TOO_MANY_LIVE) with RetryInfo where as many live streams run as may:
// those do not wait for each other's end. Cancelling `scope` cancels it on the wire at once. On OK
// `request` must stay where it is until ib_request_close(). In a fiber, as is all that waits.
MESH_NODISCARD mesh_code ib_request_open(ib_session *session, mesh_scope *scope,
                                         ib_request *request, ib_request_encode encode,
                                         const void *what, mesh_error *err);

// Waits until the request is done (a live one never is), for at most the request timeout after the
// last reply. OK where it was answered, with no_data too; its error; DEADLINE_EXCEEDED, with
// RetryInfo, when the gateway was silent; the scope's code.
MESH_NODISCARD mesh_code ib_request_wait(ib_request *request, mesh_scope *scope, mesh_error *err);

// OK if the answer that there is nothing can be believed. UNAVAILABLE, with RetryInfo and what was
// wrong, if the gateway was cut off from its data (1100, 2103, 2105, 2110, a new connection) while
// the request ran or shortly before: then it says so of what it has, too.
MESH_NODISCARD mesh_code ib_request_believe(const ib_request *request, mesh_error *err);

// Whose bars they are that the gateway answers with: SERIES_SOURCE_IB, SERIES_SOURCE_PAPERGATE; "":
// no gateway has said hello yet. Static.
const char *ib_session_source(const ib_session *session);

// The gateway's clock in seconds since 1970: what it told last (a second before an answer to a
// request for bars at the most), and what has passed since; never later than it says itself. 0: it
// has not told.
int64_t ib_session_clock_s(const ib_session *session);

// Takes the request off the table; cancels it on the wire if it still runs. Must follow every
// ib_request_open() that returned OK.
void ib_request_close(ib_request *request);

// ---- stops ----

typedef struct ib_stop {
  const char *layer;  // "ib-host" or "gateway"; static
  int64_t time_ns;    // since 1970
  char detail[96];
} ib_stop;

enum { IB_STOPS_MAX = 4 };

// Waits until nothing is left of the named operation: its request was cancelled on the wire, and
// the gateway confirmed it or was silent for 250 ms. Returns how many stops there were (0: it is
// unknown, or had nothing to stop).
int ib_session_await_stopped(ib_session *session, mesh_scope *scope, const char *operation,
                             ib_stop out[IB_STOPS_MAX]);

#endif
