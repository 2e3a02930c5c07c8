// pg_query: one historical request that is open: its answer waits for its time, or it is kept up to
// date until it is cancelled. Belongs to its session.
#ifndef MILLRACE_TOOLS_PAPERGATE_QUERY_H
#define MILLRACE_TOOLS_PAPERGATE_QUERY_H

#include "tools/papergate/live.h"
#include "tools/papergate/session.h"

struct pg_query {
  pg_session *session;
  pg_query *next;
  int64_t req_id;
  bool head;        // a head timestamp, which has a cancel message of its own
  bool held;        // its time came while the connection was lost
  bool answered;    // only updates follow
  int64_t bars;     // in the reply
  ib_outbox reply;  // owned; whole messages (or garbage), built and not yet due
  pg_timer timer;
  pg_live *live;  // owned; NULL unless the request is kept up to date
};

// Opens a query; NULL, with the error 322 sent, when the id is in use or too many are open.
pg_query *pg_query_open(pg_session *session, int64_t req_id);

pg_query *pg_query_find(pg_session *session, int64_t req_id);

// Forgets the query.
void pg_query_close(pg_query *query);

// Lets the reply go after the latency that the flags ask for, plus the time that `bars` bars take.
void pg_query_answer(pg_query *query, int64_t bars);

// What an outage does: 1101 loses every query without a word, 1102 lets held replies go.
void pg_queries_drop(pg_session *session);
void pg_queries_release(pg_session *session);

#endif
