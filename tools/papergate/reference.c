#include "tools/papergate/reference.h"

#include <inttypes.h>

#include "tools/papergate/contracts.h"
#include "tools/papergate/messages.h"

enum { MATCHES_MAX = 16, MESSAGE_VERSION = 1, FIRST_ORDER_ID = 1 };

static void log_id(pg_session *session, int64_t req_id) {
  pg_log_int(&session->gateway->log, "reqId", req_id);
  pg_log_end(&session->gateway->log);
}

// Sends a message of a number, a version and, unless it is below 0, an id.
static void put_short(pg_session *session, int number, int64_t id) {
  ib_begin(&session->out);
  ib_put_int(&session->out, number);
  ib_put_int(&session->out, MESSAGE_VERSION);
  if (id >= 0) ib_put_int(&session->out, id);
  ib_end(&session->out);
}

void pg_handle_contract_data(pg_session *session, ib_fields *fields) {
  ib_skip(fields, 1);  // version
  int64_t req_id = ib_take_int(fields, 0);
  pg_contract_query query = pg_contract_query_read(fields);
  ib_skip(fields, 4);  // includes expired contracts, security id and its type, issuer
  pg_log_text(&session->gateway->log, "symbol", query.symbol);
  pg_log_text(&session->gateway->log, "secType", query.sec_type);
  pg_log_int(&session->gateway->log, "conId", query.con_id);
  log_id(session, req_id);
  if (!pg_session_readable(session, req_id, fields)) return;
  if (query.con_id == 0 && *query.sec_type == '\0') {
    pg_session_error(session, req_id, PG_CODE_INVALID,
                     "Error validating request.-'bW' : cause - Please enter a valid security type");
    return;
  }
  pg_contract contract;
  if (pg_contract_find(session->gateway->catalog, &query, &contract) == NULL) {
    pg_session_error(session, req_id, PG_CODE_NO_DEFINITION,
                     "No security definition has been found for the request");
    return;
  }
  pg_contract_put_details(&session->out, req_id, &contract, pg_clock_now(&session->gateway->clock));
  put_short(session, PG_CONTRACT_DATA_END, req_id);
}

void pg_handle_matching_symbols(pg_session *session, ib_fields *fields) {
  int64_t req_id = ib_take_int(fields, 0);
  const char *pattern = ib_take_text(fields);
  pg_log_text(&session->gateway->log, "pattern", pattern);
  log_id(session, req_id);
  if (!pg_session_readable(session, req_id, fields)) return;

  pg_catalog *catalog = session->gateway->catalog;
  pg_catalog_find(catalog, pattern);  // a made-up symbol is found by its whole name
  pg_contract matches[MATCHES_MAX];
  int count = 0;
  for (size_t i = 0; i < pg_catalog_count(catalog) && count < MATCHES_MAX; i++) {
    pg_contract_of(pg_catalog_at(catalog, i)->symbol, &matches[count]);
    if (*pattern != '\0' && pg_contract_resembles(&matches[count], pattern)) count++;
  }
  ib_begin(&session->out);
  ib_put_int(&session->out, PG_SYMBOL_SAMPLES);
  ib_put_int(&session->out, req_id);
  ib_put_int(&session->out, count);
  for (int i = 0; i < count; i++) {
    pg_contract_put_sample(&session->out, &matches[i]);
  }
  ib_end(&session->out);
}

void pg_handle_current_time(pg_session *session, ib_fields *fields) {
  (void)fields;
  pg_log_end(&session->gateway->log);
  put_short(session, PG_CURRENT_TIME, pg_clock_now(&session->gateway->clock));
}

void pg_handle_ids(pg_session *session, ib_fields *fields) {
  (void)fields;
  pg_log_end(&session->gateway->log);
  put_short(session, PG_NEXT_VALID_ID, FIRST_ORDER_ID);
}

static void put_text(pg_session *session, int number, const char *text) {
  ib_begin(&session->out);
  ib_put_int(&session->out, number);
  ib_put_int(&session->out, MESSAGE_VERSION);
  ib_put_text(&session->out, text);
  ib_end(&session->out);
}

void pg_handle_managed_accounts(pg_session *session, ib_fields *fields) {
  (void)fields;
  pg_log_end(&session->gateway->log);
  put_text(session, PG_MANAGED_ACCOUNTS, session->gateway->options.accounts);
}

void pg_handle_open_orders(pg_session *session, ib_fields *fields) {
  (void)fields;
  pg_log_end(&session->gateway->log);
  put_short(session, PG_OPEN_ORDER_END, -1);
}

void pg_handle_positions(pg_session *session, ib_fields *fields) {
  (void)fields;
  pg_log_end(&session->gateway->log);
  put_short(session, PG_POSITION_END, -1);
}

void pg_handle_account_updates(pg_session *session, ib_fields *fields) {
  ib_skip(fields, 1);  // version
  bool subscribe = ib_take_bool(fields);
  const char *account = ib_take_text(fields);
  pg_log_text(&session->gateway->log, "account", account);
  pg_log_end(&session->gateway->log);
  if (subscribe) put_text(session, PG_ACCOUNT_DOWNLOAD_END, account);
}

void pg_handle_account_updates_multi(pg_session *session, ib_fields *fields) {
  ib_skip(fields, 1);  // version
  int64_t req_id = ib_take_int(fields, 0);
  log_id(session, req_id);
  put_short(session, PG_ACCOUNT_UPDATE_MULTI_END, req_id);
}

void pg_handle_executions(pg_session *session, ib_fields *fields) {
  ib_skip(fields, 1);  // version
  int64_t req_id = ib_take_int(fields, 0);
  log_id(session, req_id);
  put_short(session, PG_EXECUTION_DATA_END, req_id);
}

void pg_handle_completed_orders(pg_session *session, ib_fields *fields) {
  (void)fields;
  pg_log_end(&session->gateway->log);
  ib_begin(&session->out);
  ib_put_int(&session->out, PG_COMPLETED_ORDERS_END);
  ib_end(&session->out);
}

void pg_handle_market_data(pg_session *session, ib_fields *fields) {
  ib_skip(fields, 1);  // version
  int64_t req_id = ib_take_int(fields, 0);
  log_id(session, req_id);
  pg_session_error(session, req_id, PG_CODE_NOT_SUBSCRIBED,
                   "Requested market data is not subscribed.");
}

void pg_handle_real_time_bars(pg_session *session, ib_fields *fields) {
  ib_skip(fields, 1);  // version
  int64_t req_id = ib_take_int(fields, 0);
  log_id(session, req_id);
  pg_session_error(session, req_id, PG_CODE_REAL_TIME_QUERY,
                   "Invalid Real-time Query:No market data permissions");
}

void pg_handle_historical_ticks(pg_session *session, ib_fields *fields) {
  int64_t req_id = ib_take_int(fields, 0);
  log_id(session, req_id);
  pg_session_error(session, req_id, PG_CODE_NO_TICKS,
                   "Failed to request historical ticks:No market data permissions");
}

void pg_handle_silently(pg_session *session, ib_fields *fields) {
  (void)fields;
  pg_log_end(&session->gateway->log);
}

void pg_put_welcome(pg_session *session) {
  put_text(session, PG_MANAGED_ACCOUNTS, session->gateway->options.accounts);
  put_short(session, PG_NEXT_VALID_ID, FIRST_ORDER_ID);
  pg_put_error(&session->out, -1, 2104, "Market data farm connection is OK:usfarm");
  pg_put_error(&session->out, -1, 2106, "HMDS data farm connection is OK:ushmds");
  pg_put_error(&session->out, -1, 2158, "Sec-def data farm connection is OK:secdefil");
}
