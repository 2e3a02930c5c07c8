// pg_session: one client's connection, from its greeting to its end. Knows bytes, not sockets: the
// server puts bytes into `in`, calls pg_session_receive() and sends what is in `out`. session.c
// calls the handlers, which call session_reply.c.
#ifndef MILLRACE_TOOLS_PAPERGATE_SESSION_H
#define MILLRACE_TOOLS_PAPERGATE_SESSION_H

#include "tools/papergate/gateway.h"

// GREETING -> VERSION -> START -> READY      any of them -> CLOSING
typedef enum pg_phase {
  PG_PHASE_GREETING,  // waits for "API\0"
  PG_PHASE_VERSION,   // waits for "v157..178"
  PG_PHASE_START,     // waits for startApi
  PG_PHASE_READY,
  PG_PHASE_CLOSING,  // nothing more is read; what waits is still sent
} pg_phase;

typedef struct pg_query pg_query;

struct pg_session {
  pg_gateway *gateway;
  pg_session *next;
  pg_phase phase;
  int64_t client_id;  // -1 until startApi
  ib_inbox in;
  ib_outbox out;
  pg_rate rate;
  int64_t messages;   // received, the greeting not counted
  pg_query *queries;  // owned; see query.h
};

// A new session in gateway->sessions; NULL when memory is out.
pg_session *pg_session_open(pg_gateway *gateway);

// Drops the queries, leaves the list, frees.
void pg_session_close(pg_session *session);

// Handles every whole message in `in`.
void pg_session_receive(pg_session *session);

// Ends the conversation once what waits is sent; `reason` is for the log.
void pg_session_end(pg_session *session, const char *reason);

// Adds an error message to `out`. An id of -1 speaks of the connection.
void pg_put_error(ib_outbox *out, int64_t id, int code, const char *format, ...) MESH_PRINTF(4, 5);

// The same to this client, and to the log.
void pg_session_error(pg_session *session, int64_t id, int code, const char *format, ...)
    MESH_PRINTF(4, 5);

// How a message is answered: `fields` stands behind the message number. The dispatcher has begun a
// log line with the message's name; the handler adds fields and ends the line before it answers.
typedef void pg_handler(pg_session *session, ib_fields *fields);

// True, with an error 320 sent otherwise, when all fields so far were there and well-formed.
bool pg_session_readable(pg_session *session, int64_t req_id, const ib_fields *fields);

#endif
