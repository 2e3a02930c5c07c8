#include "tools/papergate/query.h"

#include <stdlib.h>

#include "tools/papergate/messages.h"

static const int64_t millisecond_ns = 1000000;

enum { UPDATES_MAX_BYTES = 1 << 20 };  // a client that does not read gets no more updates

static pg_query *owner_of(pg_timer *timer) {
  return (pg_query *)((char *)timer - offsetof(pg_query, timer));
}

static bool too_many_open(const pg_session *session) {
  int64_t open = 0;
  for (const pg_query *query = session->queries; query != NULL; query = query->next) {
    open++;
  }
  int64_t limit = session->gateway->options.open_requests;
  return limit > 0 && open >= limit;
}

pg_query *pg_query_open(pg_session *session, int64_t req_id) {
  if (pg_query_find(session, req_id) != NULL) {
    pg_session_error(session, req_id, PG_CODE_FAILED,
                     "Error processing request.-'bU' : cause - Duplicate ticker ID for API "
                     "historical data query");
    return NULL;
  }
  if (too_many_open(session)) {
    pg_session_error(session, req_id, PG_CODE_FAILED,
                     "Error processing request.-'bU' : cause - Only %d simultaneous API "
                     "historical data requests allowed.",
                     (int)session->gateway->options.open_requests);
    return NULL;
  }
  pg_query *query = calloc(1, sizeof *query);
  if (query == NULL) {
    pg_session_error(session, req_id, PG_CODE_FAILED,
                     "Error processing request.-'bU' : cause - out of memory");
    return NULL;
  }
  query->session = session;
  query->req_id = req_id;
  query->next = session->queries;
  session->queries = query;
  return query;
}

pg_query *pg_query_find(pg_session *session, int64_t req_id) {
  pg_query *query = session->queries;
  while (query != NULL && query->req_id != req_id) {
    query = query->next;
  }
  return query;
}

void pg_query_close(pg_query *query) {
  pg_query **link = &query->session->queries;
  while (*link != query) {
    link = &(*link)->next;
  }
  *link = query->next;
  pg_timer_stop(&query->timer);
  pg_live_destroy(query->live);
  ib_outbox_fini(&query->reply);
  free(query);
}

static void send_update(pg_query *query) {
  pg_gateway *gateway = query->session->gateway;
  size_t waiting;
  ib_outbox_pending(&query->session->out, &waiting);
  if (!gateway->lost && waiting < UPDATES_MAX_BYTES) {
    pg_live_put_updates(query->live, query->req_id, pg_clock_now(&gateway->clock),
                        &query->session->out);
  }
  // From the time that was due: the updates keep their beat, unless the gateway itself was late.
  int64_t interval_ns = gateway->options.live_interval_ms * millisecond_ns;
  int64_t now_ns = pg_monotonic_ns();
  int64_t next_ns = query->timer.due_ns + interval_ns;
  pg_timer_start(&gateway->timers, &query->timer,
                 next_ns < now_ns ? now_ns + interval_ns : next_ns);
}

static void log_reply(const pg_query *query) {
  pg_log *log = &query->session->gateway->log;
  pg_log_begin(log, query->session->client_id, "reply");
  pg_log_int(log, "reqId", query->req_id);
  pg_log_int(log, "bars", query->bars);
  pg_log_end(log);
}

// Sends the reply, or the next update, or keeps it until the connection is back.
static void deliver(pg_query *query) {
  if (query->answered) {
    send_update(query);
    return;
  }
  query->held = query->session->gateway->lost;
  if (query->held) return;
  log_reply(query);
  size_t size;
  const char *reply = ib_outbox_pending(&query->reply, &size);
  if (size > 0 && !ib_put_raw(&query->session->out, reply, size)) {
    pg_session_end(query->session, "out of memory");
  }
  if (query->live == NULL) {
    pg_query_close(query);
    return;
  }
  query->answered = true;
  query->timer.due_ns = pg_monotonic_ns();
  ib_outbox_fini(&query->reply);
  send_update(query);
}

static void on_due(pg_timer *timer) {
  deliver(owner_of(timer));
}

void pg_query_answer(pg_query *query, int64_t bars) {
  pg_gateway *gateway = query->session->gateway;
  const pg_options *options = &gateway->options;
  query->bars = bars;
  int64_t delay_ns = options->latency_ms * millisecond_ns;
  if (options->bars_per_second > 0) {
    delay_ns += bars * 1000 / options->bars_per_second * millisecond_ns;
  }
  query->timer.fire = on_due;
  if (delay_ns == 0) {
    deliver(query);
  } else {
    pg_timer_start(&gateway->timers, &query->timer, pg_monotonic_ns() + delay_ns);
  }
}

void pg_queries_drop(pg_session *session) {
  while (session->queries != NULL) {
    pg_query_close(session->queries);
  }
}

void pg_queries_release(pg_session *session) {
  for (pg_query *query = session->queries, *next; query != NULL; query = next) {
    next = query->next;
    if (query->held) deliver(query);
  }
}
