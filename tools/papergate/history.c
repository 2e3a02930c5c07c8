#include "tools/papergate/history.h"

#include <inttypes.h>
#include <stdlib.h>

#include "tools/papergate/history_reply.h"
#include "tools/papergate/messages.h"
#include "tools/papergate/query.h"

enum { SMALL_BAR_SECONDS = 30 };  // the pacing rules speak of bars up to this size

static bool admit_small(pg_session *session, int64_t req_id, pg_pacing_key key) {
  pg_gateway *gateway = session->gateway;
  pg_pacing_limits limits = {
      .per_10_minutes = gateway->options.requests_per_10_minutes,
      .identical_seconds = gateway->options.identical_seconds,
      .same_contract_per_2_seconds = gateway->options.same_contract_per_2_seconds,
  };
  if (pg_pacing_admit(&gateway->pacing, &limits, key, pg_clock_elapsed_ns(&gateway->clock))) {
    return true;
  }
  pg_session_error(session, req_id, PG_CODE_HISTORICAL,
                   PG_SERVICE_ERROR "Historical data request pacing violation");
  return false;
}

static void refuse(pg_session *session, int64_t req_id, pg_refusal refusal) {
  if (refusal.code == PG_CODE_INVALID) {
    pg_session_error(session, req_id, (int)session->gateway->options.validation_code,
                     "Error validating request.-'bI' : cause - %s", refusal.cause);
  } else {
    pg_session_error(session, req_id, refusal.code, "%s", refusal.cause);
  }
}

static const pg_series *find_series(pg_session *session, int64_t req_id,
                                    const pg_contract_query *query, pg_contract *contract) {
  const pg_series *series = pg_contract_find(session->gateway->catalog, query, contract);
  if (series == NULL) {
    pg_session_error(session, req_id, PG_CODE_NO_DEFINITION,
                     "No security definition has been found for the request");
  }
  return series;
}

static void log_request(pg_log *log, const pg_bar_request *request) {
  pg_log_int(log, "reqId", request->req_id);
  pg_log_text(log, "symbol", request->contract.symbol);
  pg_log_text(log, "secType", request->contract.sec_type);
  pg_log_text(log, "currency", request->contract.currency);
  pg_log_int(log, "conId", request->contract.con_id);
  pg_log_text(log, "end", request->end_text);
  pg_log_text(log, "duration", request->duration_text);
  pg_log_text(log, "barSize", request->bar_size_text);
  pg_log_text(log, "whatToShow", request->show_text);
  pg_log_int(log, "useRTH", request->use_rth);
  pg_log_int(log, "formatDate", request->format_date);
  pg_log_int(log, "keepUpToDate", request->keep_up_to_date);
  pg_log_end(log);
}

// Makes garbage that depends on the seed alone, and that no decoder can make sense of.
static void put_garbage(ib_outbox *out, pg_fault fault, uint64_t seed) {
  if (fault == PG_FAULT_GARBAGE_LENGTH) {
    ib_put_raw(out, "\xff\xff\xff\xff garbage", 12);
    return;
  }
  ib_begin(out);
  for (int i = 0; i < 64; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    char byte = (char)(0x80 | seed >> 33);
    ib_put_fields(out, &byte, 1);
  }
  ib_end(out);
}

static void start_live(pg_query *query, const pg_bar_request *request, const pg_series *series,
                       const pg_contract *contract, double last_close) {
  const pg_gateway *gateway = query->session->gateway;
  pg_live_settings settings = {
      .series = series,
      .size = request->size,
      .style = pg_bar_style_of(request, contract, gateway->options.forex_volume),
      .last_close = last_close,
      .tick = pg_contract_is_forex(contract) ? 0.00001 : 0.01,
      .seed = (uint64_t)gateway->options.seed,
      .now = pg_clock_now(&gateway->clock),
  };
  query->live = pg_live_create(&settings);
}

// Builds the answer of a request that is in order, and lets it go when its time has come.
static void answer(pg_query *query, const pg_bar_request *request, const pg_series *series,
                   const pg_contract *contract, pg_fault fault) {
  pg_gateway *gateway = query->session->gateway;
  if (fault == PG_FAULT_DROP) return;  // open until it is cancelled
  if (fault == PG_FAULT_GARBAGE_FRAME || fault == PG_FAULT_GARBAGE_LENGTH) {
    put_garbage(&query->reply, fault, (uint64_t)gateway->options.seed);
    pg_query_answer(query, 0);
    return;
  }
  int64_t now = pg_clock_now(&gateway->clock);
  pg_history_answer made = pg_put_history(gateway, request, series, contract, now, &query->reply);
  if (request->keep_up_to_date && !made.is_error) {
    start_live(query, request, series, contract, made.last_close);
  }
  pg_query_answer(query, made.bars);
}

void pg_handle_historical_data(pg_session *session, ib_fields *fields) {
  pg_gateway *gateway = session->gateway;
  pg_bar_request request = pg_bar_request_read(fields);
  log_request(&gateway->log, &request);
  if (!pg_session_readable(session, request.req_id, fields)) return;
  pg_fault fault = pg_gateway_count_request(gateway);

  pg_refusal refusal = pg_bar_request_check(&request, pg_clock_now(&gateway->clock));
  if (refusal.code != 0) {
    refuse(session, request.req_id, refusal);
    return;
  }
  pg_contract contract;
  const pg_series *series = find_series(session, request.req_id, &request.contract, &contract);
  if (series == NULL) return;
  if (fault == PG_FAULT_PACING) {
    pg_session_error(session, request.req_id, PG_CODE_HISTORICAL,
                     PG_SERVICE_ERROR "Historical data request pacing violation");
    return;
  }
  bool small = request.size->seconds <= SMALL_BAR_SECONDS;
  if (small && !admit_small(session, request.req_id, pg_bar_request_pacing_key(&request))) return;
  pg_query *query = pg_query_open(session, request.req_id);
  if (query == NULL) return;
  if (request.end_kind == PG_END_NO_ZONE) {
    pg_session_error(session, request.req_id, PG_CODE_NO_ZONE,
                     "Warning: You submitted request with date-time attributes without explicit "
                     "time zone. Please switch to use yyyymmdd-hh:mm:ss in UTC or use instrument "
                     "time zone, like US/Eastern. Implied time zone functionality will be removed "
                     "in the next API release");
  }
  answer(query, &request, series, &contract, fault);
}

void pg_handle_cancel_historical(pg_session *session, ib_fields *fields) {
  ib_skip(fields, 1);  // version
  int64_t req_id = ib_take_int(fields, 0);
  pg_log_int(&session->gateway->log, "reqId", req_id);
  pg_log_end(&session->gateway->log);
  if (!pg_session_readable(session, req_id, fields)) return;
  pg_query *query = pg_query_find(session, req_id);
  if (query == NULL || query->head) {
    pg_session_error(session, req_id, PG_CODE_NO_SUCH_QUERY,
                     "No historical data query found for ticker id:%" PRId64, req_id);
    return;
  }
  pg_query_close(query);
  pg_session_error(session, req_id, PG_CODE_HISTORICAL,
                   PG_SERVICE_ERROR "API historical data query cancelled: %" PRId64, req_id);
}

static void put_head(pg_query *query, int64_t head, int64_t format_date) {
  char text[PG_TIME_TEXT_MAX];
  ib_begin(&query->reply);
  ib_put_int(&query->reply, PG_HEAD_TIMESTAMP);
  ib_put_int(&query->reply, query->req_id);
  if (format_date == 2) {
    ib_put_int(&query->reply, head);
  } else {
    ib_put_text(&query->reply, pg_format_dashed(head, text));
  }
  ib_end(&query->reply);
}

static void answer_head(pg_query *query, const pg_bar_request *request, const pg_series *series,
                        const pg_contract *contract) {
  int64_t head;
  query->head = true;
  if (pg_show_is_served(request->show, contract) && pg_series_head(series, &head)) {
    put_head(query, head, request->format_date);
  } else {
    pg_put_error(&query->reply, request->req_id, PG_CODE_HISTORICAL,
                 PG_SERVICE_ERROR "HMDS query returned no data: %s@%s %s", contract->local_symbol,
                 contract->exchange, pg_show_label(request->show));
  }
  pg_query_answer(query, 0);
}

void pg_handle_head_timestamp(pg_session *session, ib_fields *fields) {
  pg_bar_request request = {.req_id = ib_take_int(fields, 0)};
  request.contract = pg_contract_query_read(fields);
  ib_skip(fields, 1);  // includes expired contracts
  request.use_rth = ib_take_bool(fields);
  request.show_text = ib_take_text(fields);
  request.format_date = ib_take_int(fields, 1);
  request.end_text = request.bar_size_text = request.duration_text = "head";
  log_request(&session->gateway->log, &request);
  if (!pg_session_readable(session, request.req_id, fields)) return;

  pg_refusal refusal = pg_contract_query_check(&request.contract);
  request.show = pg_show_named(request.show_text);
  if (refusal.code == 0 && request.show == PG_SHOW_UNKNOWN) {
    refusal = (pg_refusal){PG_CODE_INVALID, "Historical data kind of price is invalid"};
  }
  if (refusal.code != 0) {
    refuse(session, request.req_id, refusal);
    return;
  }
  pg_contract contract;
  const pg_series *series = find_series(session, request.req_id, &request.contract, &contract);
  if (series == NULL) return;
  if (!admit_small(session, request.req_id, pg_bar_request_pacing_key(&request))) return;
  pg_query *query = pg_query_open(session, request.req_id);
  if (query != NULL) answer_head(query, &request, series, &contract);
}

// Clients send this after an answer, too: an id that is unknown is none of their faults.
void pg_handle_cancel_head(pg_session *session, ib_fields *fields) {
  int64_t req_id = ib_take_int(fields, 0);
  pg_log_int(&session->gateway->log, "reqId", req_id);
  pg_log_end(&session->gateway->log);
  if (!pg_session_readable(session, req_id, fields)) return;
  pg_query *query = pg_query_find(session, req_id);
  if (query != NULL && query->head) pg_query_close(query);
}
