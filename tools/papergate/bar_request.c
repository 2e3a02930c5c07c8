#include "tools/papergate/bar_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "host/ib/bar_size.h"
#include "tools/papergate/messages.h"

typedef struct show_name {
  const char *name;
  pg_show show;
  const char *label;
} show_name;

static const show_name shows[] = {
    {"TRADES", PG_SHOW_TRADES, "Trades"},
    {"MIDPOINT", PG_SHOW_MIDPOINT, "Midpoint"},
    {"BID", PG_SHOW_BID, "Bid"},
    {"ASK", PG_SHOW_ASK, "Ask"},
    {"BID_ASK", PG_SHOW_BID_ASK, "BidAsk"},
    {"ADJUSTED_LAST", PG_SHOW_ADJUSTED_LAST, "Adj Last"},
    {"SCHEDULE", PG_SHOW_SCHEDULE, "Schedule"},
    {"HISTORICAL_VOLATILITY", PG_SHOW_OTHER, "Other"},
    {"OPTION_IMPLIED_VOLATILITY", PG_SHOW_OTHER, "Other"},
    {"FEE_RATE", PG_SHOW_OTHER, "Other"},
    {"YIELD_BID", PG_SHOW_OTHER, "Other"},
    {"YIELD_ASK", PG_SHOW_OTHER, "Other"},
    {"YIELD_BID_ASK", PG_SHOW_OTHER, "Other"},
    {"YIELD_LAST", PG_SHOW_OTHER, "Other"},
    {"AGGTRADES", PG_SHOW_OTHER, "Other"},
};

enum { SHOWS = sizeof shows / sizeof shows[0] };

pg_show pg_show_named(const char *name) {
  for (size_t i = 0; i < SHOWS; i++) {
    if (strcmp(shows[i].name, name) == 0) return shows[i].show;
  }
  return PG_SHOW_UNKNOWN;
}

const char *pg_show_label(pg_show show) {
  size_t i = 0;
  while (i < SHOWS - 1 && shows[i].show != show) {
    i++;
  }
  return shows[i].label;
}

bool pg_show_is_served(pg_show show, const pg_contract *contract) {
  switch (show) {
    case PG_SHOW_TRADES:
      return !pg_contract_is_forex(contract);
    case PG_SHOW_ADJUSTED_LAST:
      return pg_contract_is_stock(contract);
    case PG_SHOW_MIDPOINT:
    case PG_SHOW_BID:
    case PG_SHOW_ASK:
    case PG_SHOW_BID_ASK:
      return pg_contract_is_forex(contract) || pg_contract_is_stock(contract);
    case PG_SHOW_SCHEDULE:
      return true;
    default:
      return false;
  }
}

pg_bar_request pg_bar_request_read(ib_fields *fields) {
  pg_bar_request request = {0};
  request.req_id = ib_take_int(fields, 0);
  request.contract = pg_contract_query_read(fields);
  ib_skip(fields, 1);  // includes expired contracts
  request.end_text = ib_take_text(fields);
  request.bar_size_text = ib_take_text(fields);
  request.duration_text = ib_take_text(fields);
  request.use_rth = ib_take_bool(fields);
  request.show_text = ib_take_text(fields);
  request.format_date = ib_take_int(fields, 1);
  if (strcmp(request.contract.sec_type, "BAG") == 0) {
    int64_t legs = ib_take_int(fields, 0);
    for (int64_t i = 0; i < legs && fields->bad_field == 0; i++) {
      ib_skip(fields, 4);
    }
  }
  request.keep_up_to_date = ib_take_bool(fields);
  ib_skip(fields, 1);  // chart options
  return request;
}

pg_refusal pg_contract_query_check(const pg_contract_query *query) {
  if (query->con_id == 0 && *query->sec_type == '\0') {
    return (pg_refusal){PG_CODE_INVALID, "Please enter a valid security type"};
  }
  if (*query->exchange == '\0') return (pg_refusal){PG_CODE_INVALID, "Please enter exchange"};
  return (pg_refusal){0};
}

static const char *live_refusal(const pg_bar_request *request) {
  if (!request->keep_up_to_date) return NULL;
  if (request->end_kind != PG_END_NOW) {
    return "Historical data queries that are kept up to date must have no end date";
  }
  if (request->size->seconds < 5) {
    return "Historical data queries that are kept up to date need bars of 5 secs or more";
  }
  if (request->show == PG_SHOW_BID_ASK || request->show == PG_SHOW_ADJUSTED_LAST ||
      request->show == PG_SHOW_SCHEDULE || request->show == PG_SHOW_OTHER) {
    return "Historical data queries that are kept up to date show TRADES, MIDPOINT, BID or ASK";
  }
  return NULL;
}

// The rules that answer with 321, in the order in which a gateway looks at them.
static const char *find_cause(pg_bar_request *request) {
  const char *cause = pg_duration_parse(request->duration_text, &request->duration);
  if (cause != NULL) return cause;
  request->show = pg_show_named(request->show_text);
  if (request->show == PG_SHOW_ADJUSTED_LAST && request->end_kind != PG_END_NOW) {
    return "End Date/Time must be empty for ADJUSTED_LAST";
  }
  request->size = ib_timeframe_of(request->bar_size_text);
  if (request->size == NULL) {
    return "Historical data bar size setting is invalid. Legal ones are: 1 secs, 5 secs, 10 secs, "
           "15 secs, 30 secs, 1 min, 2 mins, 3 mins, 5 mins, 10 mins, 15 mins, 20 mins, 30 mins, "
           "1 hour, 2 hours, 3 hours, 4 hours, 8 hours, 1 day, 1W, 1M";
  }
  if (request->show == PG_SHOW_UNKNOWN) return "Historical data kind of price is invalid";
  if (request->format_date < 1 || request->format_date > 3) {
    return "Historical data date format must be 1, 2 or 3";
  }
  cause = live_refusal(request);
  if (cause != NULL) return cause;
  if (request->show == PG_SHOW_SCHEDULE && request->size->seconds != CIVIL_DAY) {
    return "Historical schedule queries need a bar size of 1 day";
  }
  return NULL;
}

pg_refusal pg_bar_request_check(pg_bar_request *request, int64_t now) {
  request->end_kind = pg_parse_end_time(request->end_text, now, &request->end);
  if (request->end_kind == PG_END_BAD) {
    return (pg_refusal){PG_CODE_BAD_END_TIME,
                        "End Date/Time: The date, time, or time-zone entered is invalid. The "
                        "correct format is yyyymmdd hh:mm:ss xx/xxxx where yyyymmdd and xx/xxxx "
                        "are optional. E.g.: 20031126 15:59:00 US/Eastern  Note that there is a "
                        "space between the date and time, and between the time and time-zone."};
  }
  const char *cause = find_cause(request);
  if (cause != NULL) return (pg_refusal){PG_CODE_INVALID, cause};
  return pg_contract_query_check(&request->contract);
}

static uint64_t hash_contract(const pg_contract_query *contract, const char *show) {
  char con_id[24];
  snprintf(con_id, sizeof con_id, "%" PRId64, contract->con_id);
  uint64_t hash = pg_hash(0, con_id);
  hash = pg_hash(hash, contract->symbol);
  hash = pg_hash(hash, contract->local_symbol);
  hash = pg_hash(hash, contract->sec_type);
  hash = pg_hash(hash, contract->currency);
  hash = pg_hash(hash, contract->exchange);
  return pg_hash(hash, show);
}

pg_pacing_key pg_bar_request_pacing_key(const pg_bar_request *request) {
  pg_pacing_key key = {.contract = hash_contract(&request->contract, request->show_text)};
  key.request = pg_hash(key.contract, request->end_text);
  key.request = pg_hash(key.request, request->bar_size_text);
  key.request = pg_hash(key.request, request->duration_text);
  key.request = pg_hash(key.request, request->use_rth ? "rth" : "all");
  key.weight = request->show == PG_SHOW_BID_ASK ? 2 : 1;
  return key;
}
