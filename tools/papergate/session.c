#include "tools/papergate/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/papergate/history.h"
#include "tools/papergate/messages.h"
#include "tools/papergate/query.h"
#include "tools/papergate/reference.h"
#include "tools/papergate/times.h"

typedef struct route {
  int number;
  const char *name;  // in the log
  pg_handler *handler;
} route;

static const route routes[] = {
    {PG_REQ_MARKET_DATA, "reqMktData", pg_handle_market_data},
    {2, "cancelMktData", pg_handle_silently},
    {PG_REQ_OPEN_ORDERS, "reqOpenOrders", pg_handle_open_orders},
    {PG_REQ_ACCOUNT_UPDATES, "reqAccountUpdates", pg_handle_account_updates},
    {PG_REQ_EXECUTIONS, "reqExecutions", pg_handle_executions},
    {PG_REQ_IDS, "reqIds", pg_handle_ids},
    {PG_REQ_CONTRACT_DATA, "reqContractDetails", pg_handle_contract_data},
    {15, "reqAutoOpenOrders", pg_handle_silently},
    {PG_REQ_ALL_OPEN_ORDERS, "reqAllOpenOrders", pg_handle_open_orders},
    {PG_REQ_MANAGED_ACCOUNTS, "reqManagedAccts", pg_handle_managed_accounts},
    {PG_REQ_HISTORICAL_DATA, "reqHistoricalData", pg_handle_historical_data},
    {PG_CANCEL_HISTORICAL_DATA, "cancelHistoricalData", pg_handle_cancel_historical},
    {PG_REQ_CURRENT_TIME, "reqCurrentTime", pg_handle_current_time},
    {PG_REQ_REAL_TIME_BARS, "reqRealTimeBars", pg_handle_real_time_bars},
    {51, "cancelRealTimeBars", pg_handle_silently},
    {59, "reqMarketDataType", pg_handle_silently},
    {PG_REQ_POSITIONS, "reqPositions", pg_handle_positions},
    {64, "cancelPositions", pg_handle_silently},
    {PG_REQ_ACCOUNT_UPDATES_MULTI, "reqAccountUpdatesMulti", pg_handle_account_updates_multi},
    {77, "cancelAccountUpdatesMulti", pg_handle_silently},
    {PG_REQ_MATCHING_SYMBOLS, "reqMatchingSymbols", pg_handle_matching_symbols},
    {PG_REQ_HEAD_TIMESTAMP, "reqHeadTimestamp", pg_handle_head_timestamp},
    {PG_CANCEL_HEAD_TIMESTAMP, "cancelHeadTimestamp", pg_handle_cancel_head},
    {PG_REQ_HISTORICAL_TICKS, "reqHistoricalTicks", pg_handle_historical_ticks},
    {PG_REQ_COMPLETED_ORDERS, "reqCompletedOrders", pg_handle_completed_orders},
};

pg_session *pg_session_open(pg_gateway *gateway) {
  pg_session *session = calloc(1, sizeof *session);
  if (session == NULL) return NULL;
  session->gateway = gateway;
  session->client_id = -1;
  session->next = gateway->sessions;
  gateway->sessions = session;
  pg_log_begin(&gateway->log, -1, "connect");
  pg_log_end(&gateway->log);
  return session;
}

void pg_session_close(pg_session *session) {
  pg_gateway *gateway = session->gateway;
  pg_log_begin(&gateway->log, session->client_id, "disconnect");
  pg_log_int(&gateway->log, "messages", session->messages);
  pg_log_end(&gateway->log);
  pg_queries_drop(session);
  pg_session **link = &gateway->sessions;
  while (*link != session) {
    link = &(*link)->next;
  }
  *link = session->next;
  ib_inbox_fini(&session->in);
  ib_outbox_fini(&session->out);
  free(session);
}

// Answers "v157..178": the highest version that both know, if its layouts are ours.
static void handle_version(pg_session *session, ib_message message) {
  char text[64];
  size_t length = message.size_bytes < sizeof text - 1 ? message.size_bytes : sizeof text - 1;
  memcpy(text, message.payload, length);
  text[length] = '\0';
  int lowest = 0, highest = 0;
  int found = sscanf(text, "v%9d..%9d", &lowest, &highest);
  if (found == 1) highest = lowest;
  if (found < 1 || highest < PG_SERVER_VERSION_MIN) {
    pg_session_end(session, "a client version that is not served");
    return;
  }
  char zoned[PG_TIME_TEXT_MAX], greeting[PG_TIME_TEXT_MAX + 16];
  pg_format_zoned(pg_clock_now(&session->gateway->clock), zoned);
  snprintf(greeting, sizeof greeting, "%s papergate", zoned);  // no clock of a real one is in there
  ib_begin(&session->out);
  ib_put_int(&session->out, highest < PG_SERVER_VERSION ? highest : PG_SERVER_VERSION);
  ib_put_text(&session->out, greeting);
  ib_end(&session->out);
  session->phase = PG_PHASE_START;
}

static bool id_is_in_use(const pg_session *session, int64_t client_id) {
  const pg_session *other = session->gateway->sessions;
  while (other != NULL && (other == session || other->client_id != client_id)) {
    other = other->next;
  }
  return other != NULL;
}

static void handle_start(pg_session *session, ib_fields *fields) {
  pg_log *log = &session->gateway->log;
  ib_skip(fields, 1);  // version
  int64_t client_id = ib_take_int(fields, 0);
  pg_log_begin(log, client_id, "startApi");
  pg_log_end(log);
  if (fields->bad_field != 0 || client_id < 0) {
    pg_session_end(session, "an unreadable startApi");
    return;
  }
  if (id_is_in_use(session, client_id)) {
    pg_session_error(session, -1, PG_CODE_CLIENT_ID_IN_USE,
                     "Unable to connect as the client id is already in use. Retry with a unique "
                     "client id.");
    pg_session_end(session, "client id in use");
    return;
  }
  session->client_id = client_id;
  session->phase = PG_PHASE_READY;
  pg_put_welcome(session);
}

static void handle_request(pg_session *session, int64_t number, ib_fields *fields) {
  pg_log *log = &session->gateway->log;
  for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
    if (routes[i].number != number) continue;
    pg_log_begin(log, session->client_id, routes[i].name);
    routes[i].handler(session, fields);
    return;
  }
  pg_log_begin(log, session->client_id, "unknown");
  pg_log_int(log, "message", number);
  pg_log_end(log);
}

// Counts a message against the rate limit; false when it is not to be looked at.
static bool admit(pg_session *session) {
  int64_t limit = session->gateway->options.messages_per_second;
  pg_rate_verdict verdict = pg_rate_admit(&session->rate, limit, pg_monotonic_ns());
  if (verdict == PG_RATE_OK) return true;
  pg_session_error(session, -1, PG_CODE_TOO_MANY_MESSAGES,
                   "Max rate of messages per second has been exceeded:max=%" PRId64 " rec=%" PRId64
                   " (%d)",
                   limit, limit + 1, session->rate.breaches);
  if (verdict == PG_RATE_CLOSE) pg_session_end(session, "too many messages");
  return false;
}

static bool is_time_to_disconnect(pg_session *session) {
  pg_gateway *gateway = session->gateway;
  const pg_options *options = &gateway->options;
  if (options->disconnect_after == 0 || session->messages != options->disconnect_after) {
    return false;
  }
  if (options->disconnect_times > 0 && gateway->disconnects >= options->disconnect_times) {
    return false;
  }
  gateway->disconnects++;
  return true;
}

static void handle_message(pg_session *session, ib_message message) {
  if (session->phase == PG_PHASE_VERSION) {
    handle_version(session, message);
    return;
  }
  session->messages++;
  if (admit(session)) {
    ib_fields fields = ib_fields_of(message);
    int64_t number = ib_take_int(&fields, 0);
    if (session->phase == PG_PHASE_READY) {
      handle_request(session, number, &fields);
    } else if (number == PG_START_API) {
      handle_start(session, &fields);
    }  // others come too early: a gateway drops them
  }
  if (is_time_to_disconnect(session)) pg_session_end(session, "--disconnect-after");
}

void pg_session_receive(pg_session *session) {
  if (session->gateway->options.hang) {  // read, so that the client can send, and forgotten
    session->in.head = session->in.tail;
    return;
  }
  ib_take taken = IB_TAKE_DONE;
  if (session->phase == PG_PHASE_GREETING) {
    taken = ib_inbox_take_raw(&session->in, "API\0", 4);
    if (taken == IB_TAKE_DONE) session->phase = PG_PHASE_VERSION;
  }
  ib_message message;
  while (taken == IB_TAKE_DONE && session->phase != PG_PHASE_CLOSING &&
         (taken = ib_inbox_take(&session->in, &message)) == IB_TAKE_DONE) {
    handle_message(session, message);
  }
  if (taken == IB_TAKE_BROKEN) pg_session_end(session, "not a TWS stream");
}
