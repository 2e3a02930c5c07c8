#include "tools/papergate/history_reply.h"

#include <inttypes.h>

#include "tools/papergate/bar_text.h"
#include "tools/papergate/messages.h"
#include "tools/papergate/session.h"

// Everything that the functions below need to know of one request.
typedef struct reply {
  pg_gateway *gateway;
  const pg_bar_request *request;
  const pg_contract *contract;
  int64_t from, to;  // the window asked for
  ib_outbox *out;
} reply;

static pg_history_answer refuse_no_data(const reply *r) {
  pg_put_error(r->out, r->request->req_id, PG_CODE_HISTORICAL,
               PG_SERVICE_ERROR "HMDS query returned no data: %s@%s %s", r->contract->local_symbol,
               r->contract->exchange, pg_show_label(r->request->show));
  return (pg_history_answer){.is_error = true};
}

static pg_history_answer refuse_kind(const reply *r) {
  pg_put_error(r->out, r->request->req_id, PG_CODE_HISTORICAL,
               PG_SERVICE_ERROR "No historical market data for %s/%s@%s %s %" PRId64,
               r->contract->symbol, r->contract->sec_type, r->contract->exchange,
               r->request->show == PG_SHOW_TRADES ? "Last" : pg_show_label(r->request->show),
               r->request->size->seconds);
  return (pg_history_answer){.is_error = true};
}

static pg_history_answer refuse_step(const reply *r) {
  pg_put_error(r->out, r->request->req_id, PG_CODE_HISTORICAL,
               PG_SERVICE_ERROR "invalid step: %" PRId64, r->request->size->seconds);
  return (pg_history_answer){.is_error = true};
}

// Puts the rows that were collected behind the head of the message.
static pg_history_answer end_with_rows(const reply *r, pg_history_answer answer) {
  size_t size;
  const char *rows = ib_outbox_pending(&r->gateway->rows, &size);
  ib_put_int(r->out, answer.bars);
  ib_put_fields(r->out, rows, size);
  bool whole = ib_end(r->out) && !r->gateway->rows.failed;
  return whole ? answer : refuse_step(r);
}

static pg_history_answer put_bars(const reply *r, pg_cursor *cursor) {
  const pg_options *options = &r->gateway->options;
  pg_bar_style style = pg_bar_style_of(r->request, r->contract, options->forex_volume);
  pg_history_answer answer = {0};
  ib_outbox *rows = &r->gateway->rows;
  for (pg_bar bar; pg_cursor_next(cursor, &bar); answer.bars++) {
    bool full = options->max_bars > 0 && answer.bars == options->max_bars;
    if (full || rows->size_bytes > IB_FRAME_MAX_BYTES) return refuse_step(r);
    pg_put_bar(rows, &bar, &style);
    answer.last_close = bar.close;
  }
  if (answer.bars == 0) return refuse_no_data(r);
  char text[PG_TIME_TEXT_MAX];
  ib_begin(r->out);
  ib_put_int(r->out, PG_HISTORICAL_DATA);
  ib_put_int(r->out, r->request->req_id);
  ib_put_text(r->out, pg_format_zoned(r->from, text));
  ib_put_text(r->out, pg_format_zoned(r->to, text));
  return end_with_rows(r, answer);
}

static void put_session(const reply *r, int64_t day) {
  pg_hours hours = r->gateway->options.rth;
  bool limited = pg_contract_is_stock(r->contract) && hours.from < hours.to;
  char text[PG_TIME_TEXT_MAX];
  ib_outbox *rows = &r->gateway->rows;
  ib_put_text(rows, pg_format_dashed(day + (limited ? hours.from : 0), text));
  ib_put_text(rows, pg_format_dashed(day + (limited ? hours.to : CIVIL_DAY), text));
  ib_put_text(rows, pg_format_day(day, text));
}

// The days that have a bar were the days of trading.
static pg_history_answer put_schedule(const reply *r, pg_cursor *cursor) {
  pg_history_answer answer = {0};
  for (pg_bar bar; pg_cursor_next(cursor, &bar); answer.bars++) {
    put_session(r, bar.time);
  }
  if (answer.bars == 0) return refuse_no_data(r);
  char text[PG_TIME_TEXT_MAX];
  ib_begin(r->out);
  ib_put_int(r->out, PG_HISTORICAL_SCHEDULE);
  ib_put_int(r->out, r->request->req_id);
  ib_put_text(r->out, pg_format_dashed(r->from, text));
  ib_put_text(r->out, pg_format_dashed(r->to, text));
  ib_put_text(r->out, "UTC");
  return end_with_rows(r, answer);
}

pg_history_answer pg_put_history(pg_gateway *gateway, const pg_bar_request *request,
                                 const pg_series *series, const pg_contract *contract, int64_t now,
                                 ib_outbox *out) {
  int64_t to = request->end_kind == PG_END_NOW ? pg_series_end(series, now) : request->end;
  reply r = {.gateway = gateway,
             .request = request,
             .contract = contract,
             .from = pg_duration_before(request->duration, to),
             .to = to,
             .out = out};
  if (!pg_show_is_served(request->show, contract)) return refuse_kind(&r);
  bool limited = gateway->options.max_bars > 0;
  if (limited && request->size->seconds < pg_duration_finest_bar(request->duration)) {
    return refuse_step(&r);
  }
  ib_outbox_clear(&gateway->rows);
  pg_cursor cursor;
  if (!pg_cursor_open(&cursor, series, request->size, r.from, r.to, now)) return refuse_no_data(&r);
  if (request->use_rth && pg_contract_is_stock(contract)) cursor.hours = gateway->options.rth;
  return request->show == PG_SHOW_SCHEDULE ? put_schedule(&r, &cursor) : put_bars(&r, &cursor);
}
