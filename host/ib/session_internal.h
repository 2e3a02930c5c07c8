// The inside of a session, for its four files; not for others. Calls go one way:
//
//   session.c (its life) -> session_requests.c (what is open) -> session_stops.c (what was
//   cancelled)
//
// and all of them call session_state.c (what it is at the moment), which calls none. On the loop.
#ifndef MILLRACE_HOST_IB_SESSION_INTERNAL_H
#define MILLRACE_HOST_IB_SESSION_INTERNAL_H

#include "host/ib/pacer.h"
#include "host/ib/session.h"
#include "host/ib/transport.h"

// A request that waits until the pacing rules allow it; in its fiber.
typedef struct ib_queuer {
  struct ib_queuer *next;
} ib_queuer;

enum { STOP_RECORDS = 256, FARMS_MAX = 16 };

// A place of Interactive Brokers' where data come from, that the gateway has lost: "ushmds".
typedef struct lost_farm {
  char name[32];
} lost_farm;

// What became of a request that was cancelled.
typedef struct stop_record {
  char operation[128];
  int request;
  ib_stop stops[IB_STOPS_MAX];
  int count;
  bool confirmed;        // the gateway said so, or can no longer
  int64_t cancelled_ns;  // monotonic
} stop_record;

struct ib_session {
  mesh_loop *loop;
  mesh_scope *scope;
  ib_session_options options;
  ib_session_state state;
  char detail[200], accounts[256];
  mesh_signal changed;

  ib_transport *transport;
  bool connected, closed, has_version, has_order_id, has_accounts;
  char closed_why[200];
  int server_version, client_id;
  const char *source;  // of the bars of the last gateway that greeted; static; "": none has
  bool id_taken;
  int failures;  // attempts in a row that did not become READY
  int64_t reconnects, requests_sent, round_trip_us;
  int64_t clock_s;        // the gateway's, when it last told; 0: never
  int64_t told_time_ns;   // monotonic: when that was
  int64_t asked_time_ns;  // monotonic: when it was last asked for it; 0: never
  bool awaits_time;       // and has not told

  lost_farm lost[FARMS_MAX];
  int lost_count;
  int64_t doubt_ns;  // monotonic: the last moment at which it was cut off from its data
  char doubt[200];   // by what

  ib_pacer pacer;
  ib_governor governor;
  struct ib_queuer *queue;  // who waits for the governor, the first first
  mesh_signal moved;        // it is another one's turn, or all wait until
  int64_t paced_until_ns;   // monotonic
  ib_outbox outbox;
  ib_request *requests;
  int open_requests, open_live, next_id;  // open_live: of them
  mesh_signal room;                       // a request was closed

  stop_record stops[STOP_RECORDS];  // a ring
  int stop_next;
  mesh_signal stopped;
};

// Says what the session does, and tells the watchers.
void ib_session_enter(ib_session *session, ib_session_state state, const char *detail);

// The gateway lost a farm (2103, 2105), or has it back (2104, 2106, 2107, 2108); the text names it
// at its end. False: the code is about something else.
bool ib_session_note_farm(ib_session *session, const ib_error_reply *error);

// It is cut off from its data at this moment, by `why`.
void ib_session_doubt(ib_session *session, const char *why);

// Asks for the gateway's time, once a second at most.
void ib_session_ask_time(ib_session *session);

// Sends what the outbox holds, and empties it; without a connection it is dropped.
void ib_session_flush(ib_session *session);

// UNAVAILABLE, with reason and retry: there is no gateway to ask, for `why`. Returns the code.
mesh_code ib_session_down(const ib_session *session, const char *why, mesh_error *err);

// A reply to request `id` came; to one that is not open any more it is passed over.
void ib_requests_reply(ib_session *session, ib_reply reply, int id, ib_fields *fields);
// Likewise an error, which names its request.
void ib_requests_error(ib_session *session, const ib_error_reply *error);

// Every open request fails: the connection is gone.
void ib_requests_fail_all(ib_session *session, const char *why);

// Live requests are asked again after 1101: the gateway has lost them. They fail, and their callers
// come back.
void ib_requests_fail_live(ib_session *session, const char *why);

// Notes that request `id` of `operation` was cancelled on the wire.
void ib_stops_note_cancel(ib_session *session, const char *operation, int id, const char *detail);
// The gateway confirmed it; `detail` is how.
void ib_stops_note_confirm(ib_session *session, int id, const char *detail);

// The connection is gone, and all that was cancelled with it.
void ib_stops_connection_gone(ib_session *session);

#endif
