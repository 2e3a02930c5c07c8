#include "tools/papergate/contracts.h"

#include <stdio.h>
#include <string.h>

#include "market/currency.h"
#include "tools/papergate/messages.h"
#include "tools/papergate/times.h"

typedef struct index_name {
  const char *symbol, *exchange, *currency, *name;
} index_name;

static const index_name indexes[] = {
    {"SPX", "CBOE", "USD", "S&P 500 Stock Index"},
    {"VIX", "CBOE", "USD", "CBOE Volatility Index"},
    {"XSP", "CBOE", "USD", "S&P 500 Mini Stock Index"},
    {"DJI", "CME", "USD", "Dow Jones Industrial Average"},
    {"INDU", "CME", "USD", "Dow Jones Industrial Average"},
    {"NDX", "NASDAQ", "USD", "NASDAQ 100 Stock Index"},
    {"COMP", "NASDAQ", "USD", "NASDAQ Composite Index"},
    {"RUT", "RUSSELL", "USD", "Russell 2000 Stock Index"},
    {"DAX", "EUREX", "EUR", "DAX 40 Index"},
    {"ESTX50", "EUREX", "EUR", "Dow Jones Euro STOXX 50"},
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

// A positive 31-bit number that depends on the symbol alone (FNV-1a).
static int64_t con_id_of(const char *symbol) {
  uint32_t hash = 2166136261u;
  for (const char *at = symbol; *at != '\0'; at++) {
    hash = (hash ^ (unsigned char)*at) * 16777619u;
  }
  return (hash & 0x3FFFFFFF) + 1;
}

static bool describe_forex(const char *symbol, pg_contract *out) {
  if (!currency_is_pair(symbol)) return false;
  snprintf(out->symbol, sizeof out->symbol, "%.3s", symbol);
  memcpy(out->currency, symbol + 3, sizeof out->currency);
  snprintf(out->local_symbol, sizeof out->local_symbol, "%.3s.%s", symbol, symbol + 3);
  snprintf(out->long_name, sizeof out->long_name, "%s.%s", currency_name(symbol),
           currency_name(symbol + 3));
  out->sec_type = "CASH";
  out->exchange = "IDEALPRO";
  out->primary_exchange = "";
  out->min_tick = strcmp(out->currency, "JPY") == 0 ? "0.005" : "0.00005";
  return true;
}

static bool describe_index(const char *symbol, pg_contract *out) {
  for (size_t i = 0; i < COUNT_OF(indexes); i++) {
    if (strcmp(indexes[i].symbol, symbol) != 0) continue;
    snprintf(out->currency, sizeof out->currency, "%s", indexes[i].currency);
    snprintf(out->long_name, sizeof out->long_name, "%s", indexes[i].name);
    out->sec_type = "IND";
    out->exchange = indexes[i].exchange;
    out->primary_exchange = "";
    return true;
  }
  return false;
}

static void describe_stock(const char *symbol, pg_contract *out) {
  snprintf(out->currency, sizeof out->currency, "USD");
  snprintf(out->long_name, sizeof out->long_name, "%s of papergate", symbol);
  out->sec_type = "STK";
  out->exchange = "SMART";
  out->primary_exchange = "NASDAQ";
  out->trading_class = "NMS";
}

void pg_contract_of(const char *series_symbol, pg_contract *out) {
  *out = (pg_contract){.con_id = con_id_of(series_symbol), .min_tick = "0.01"};
  snprintf(out->symbol, sizeof out->symbol, "%s", series_symbol);
  snprintf(out->local_symbol, sizeof out->local_symbol, "%s", series_symbol);
  if (describe_forex(series_symbol, out) || describe_index(series_symbol, out)) return;
  describe_stock(series_symbol, out);
}

bool pg_contract_is_forex(const pg_contract *contract) {
  return strcmp(contract->sec_type, "CASH") == 0;
}

bool pg_contract_is_stock(const pg_contract *contract) {
  return strcmp(contract->sec_type, "STK") == 0;
}

pg_contract_query pg_contract_query_read(ib_fields *fields) {
  pg_contract_query query;
  query.con_id = ib_take_int(fields, 0);
  query.symbol = ib_take_text(fields);
  query.sec_type = ib_take_text(fields);
  ib_skip(fields, 4);  // last trade date, strike, right, multiplier: none of ours has them
  query.exchange = ib_take_text(fields);
  query.primary_exchange = ib_take_text(fields);
  query.currency = ib_take_text(fields);
  query.local_symbol = ib_take_text(fields);
  ib_skip(fields, 1);  // trading class
  return query;
}

// An empty field of a request asks for nothing.
static bool agrees(const char *asked, const char *actual) {
  return *asked == '\0' || strcmp(asked, actual) == 0;
}

static bool matches(const pg_contract_query *query, const pg_contract *contract) {
  bool named = query->con_id != 0 ? query->con_id == contract->con_id
                                  : *query->symbol != '\0' || *query->local_symbol != '\0';
  return named && agrees(query->symbol, contract->symbol) &&
         agrees(query->local_symbol, contract->local_symbol) &&
         agrees(query->sec_type, contract->sec_type) &&
         agrees(query->currency, contract->currency) &&
         (agrees(query->exchange, contract->exchange) ||
          strcmp(query->exchange, contract->primary_exchange) == 0) &&
         agrees(query->primary_exchange, contract->primary_exchange);
}

const pg_series *pg_contract_find(pg_catalog *catalog, const pg_contract_query *query,
                                  pg_contract *out) {
  pg_catalog_find(catalog, query->symbol);  // a made-up symbol begins to exist
  for (size_t i = 0; i < pg_catalog_count(catalog); i++) {
    const pg_series *series = pg_catalog_at(catalog, i);
    pg_contract_of(series->symbol, out);
    if (matches(query, out)) return series;
  }
  return NULL;
}

bool pg_contract_resembles(const pg_contract *contract, const char *pattern) {
  return strcasestr(contract->symbol, pattern) != NULL ||
         strcasestr(contract->local_symbol, pattern) != NULL ||
         strcasestr(contract->long_name, pattern) != NULL;
}

// "20250324:0000-20250325:0000;..." for today and four days more: everything trades all day.
static void put_trading_hours(ib_outbox *out, int64_t now) {
  char hours[256];
  size_t used = 0;
  for (int day = 0; day < 5; day++) {
    char from[PG_TIME_TEXT_MAX], to[PG_TIME_TEXT_MAX];
    pg_format_day(now + day * CIVIL_DAY, from);
    pg_format_day(now + (day + 1) * CIVIL_DAY, to);
    used += (size_t)snprintf(hours + used, sizeof hours - used, "%s%s:0000-%s:0000",
                             day == 0 ? "" : ";", from, to);
  }
  ib_put_text(out, hours);
}

static void put_unset(ib_outbox *out, int count) {
  for (int i = 0; i < count; i++) {
    ib_put_unset(out);
  }
}

static void put_contract(ib_outbox *out, const pg_contract *contract) {
  ib_put_text(out, contract->symbol);
  ib_put_text(out, contract->sec_type);
  put_unset(out, 1);   // last trade date
  ib_put_int(out, 0);  // strike
  put_unset(out, 1);   // right
  ib_put_text(out, contract->exchange);
  ib_put_text(out, contract->currency);
  ib_put_text(out, contract->local_symbol);
}

bool pg_contract_put_details(ib_outbox *out, int64_t req_id, const pg_contract *contract,
                             int64_t now) {
  const char *trading_class =
      contract->trading_class == NULL ? contract->local_symbol : contract->trading_class;
  ib_begin(out);
  ib_put_int(out, PG_CONTRACT_DATA);
  ib_put_int(out, req_id);
  put_contract(out, contract);
  ib_put_text(out, trading_class);  // market name
  ib_put_text(out, trading_class);
  ib_put_int(out, contract->con_id);
  ib_put_text(out, contract->min_tick);
  put_unset(out, 1);                     // multiplier
  ib_put_text(out, "LMT,MKT");           // order types
  ib_put_text(out, contract->exchange);  // valid exchanges
  ib_put_int(out, 1);                    // price magnifier
  ib_put_int(out, 0);                    // conId of the underlying
  ib_put_text(out, contract->long_name);
  ib_put_text(out, contract->primary_exchange);
  put_unset(out, 4);  // contract month, industry, category, subcategory
  ib_put_text(out, "UTC");
  put_trading_hours(out, now);
  put_trading_hours(out, now);  // liquid hours
  put_unset(out, 2);            // EV rule and multiplier
  ib_put_int(out, 0);           // security ids
  ib_put_int(out, 1);           // aggregate group
  put_unset(out, 4);            // underlying symbol and type, market rules, real expiration
  ib_put_text(out, pg_contract_is_stock(contract) ? "COMMON" : "");
  for (int i = 0; i < 3; i++) {
    ib_put_int(out, 1);  // smallest size, its increment, the suggested increment
  }
  return ib_end(out);
}

void pg_contract_put_sample(ib_outbox *out, const pg_contract *contract) {
  ib_put_int(out, contract->con_id);
  ib_put_text(out, contract->symbol);
  ib_put_text(out, contract->sec_type);
  ib_put_text(
      out, *contract->primary_exchange == '\0' ? contract->exchange : contract->primary_exchange);
  ib_put_text(out, contract->currency);
  ib_put_int(out, 0);  // derivatives
  ib_put_text(out, contract->long_name);
  put_unset(out, 1);  // issuer
}
