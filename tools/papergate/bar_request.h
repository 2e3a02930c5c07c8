// pg_bar_request: a request for historical bars (message 20), read and judged in a gateway's order.
#ifndef MILLRACE_TOOLS_PAPERGATE_BAR_REQUEST_H
#define MILLRACE_TOOLS_PAPERGATE_BAR_REQUEST_H

#include "market/timeframe.h"
#include "tools/papergate/contracts.h"
#include "tools/papergate/duration.h"
#include "tools/papergate/pacing.h"
#include "tools/papergate/times.h"

// What kind of price the bars show.
typedef enum pg_show {
  PG_SHOW_UNKNOWN,
  PG_SHOW_TRADES,
  PG_SHOW_MIDPOINT,
  PG_SHOW_BID,
  PG_SHOW_ASK,
  PG_SHOW_BID_ASK,
  PG_SHOW_ADJUSTED_LAST,
  PG_SHOW_SCHEDULE,
  PG_SHOW_OTHER,  // legal, and never served: volatilities, yields, fees
} pg_show;

pg_show pg_show_named(const char *name);

// In the gateway's error texts: "Trades", "Midpoint".
const char *pg_show_label(pg_show show);

// True where such bars exist of such a contract: no trades of currencies, no quotes of an index.
bool pg_show_is_served(pg_show show, const pg_contract *contract);

// Texts are borrowed from the message.
typedef struct pg_bar_request {
  int64_t req_id;
  pg_contract_query contract;
  const char *end_text, *bar_size_text, *duration_text, *show_text;
  bool use_rth;
  int64_t format_date;  // 1 text, 2 epoch seconds, 3 text without a year
  bool keep_up_to_date;
  // What pg_bar_request_check() makes of the texts:
  pg_end_time end_kind;
  int64_t end;  // seconds since 1970; of PG_END_NOW, the moment of the request
  pg_duration duration;
  const timeframe *size;
  pg_show show;
} pg_bar_request;

// Reads the fields behind the message number; look at fields->bad_field afterwards.
pg_bar_request pg_bar_request_read(ib_fields *fields);

// What is wrong with a request: an error code and its text. Code 0: nothing.
typedef struct pg_refusal {
  int code;
  const char *cause;  // for code 321 the words after "cause - "
} pg_refusal;

// Judges the request at gateway time `now` and fills the rest of it.
pg_refusal pg_bar_request_check(pg_bar_request *request, int64_t now);

// Checks that are the same for all requests with a contract.
pg_refusal pg_contract_query_check(const pg_contract_query *query);

// What the pacing rules compare; they apply to bars of 30 seconds or less.
pg_pacing_key pg_bar_request_pacing_key(const pg_bar_request *request);

#endif
