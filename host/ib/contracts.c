#include "host/ib/contracts.h"

#include <stdio.h>
#include <string.h>

#include "host/ib/governor.h"
#include "market/currency.h"
#include "mesh/runtime/text.h"

typedef struct index_contract {
  const char *symbol, *exchange, *currency;
} index_contract;

static const index_contract indexes[] = {
    {"SPX", "CBOE", "USD"},     {"VIX", "CBOE", "USD"},    {"XSP", "CBOE", "USD"},
    {"DJI", "CME", "USD"},      {"INDU", "CME", "USD"},    {"NDX", "NASDAQ", "USD"},
    {"COMP", "NASDAQ", "USD"},  {"RUT", "RUSSELL", "USD"}, {"DAX", "EUREX", "EUR"},
    {"ESTX50", "EUREX", "EUR"},
};

static void fill(ib_contract *out, const char *symbol, const char *sec_type, const char *exchange,
                 const char *currency) {
  mesh_text_copy(out->symbol, sizeof out->symbol, symbol);
  mesh_text_copy(out->sec_type, sizeof out->sec_type, sec_type);
  mesh_text_copy(out->exchange, sizeof out->exchange, exchange);
  mesh_text_copy(out->currency, sizeof out->currency, currency);
}

static mesh_code parse_explicit(const char *text, ib_contract *out, mesh_error *err) {
  char symbol[64], sec_type[16], exchange[24], currency[8];
  int used = 0;
  int count =
      sscanf(text, "%63[^:]:%15[^:]:%23[^:]:%7[^:]%n", symbol, sec_type, exchange, currency, &used);
  if (count != 4 || text[used] != '\0') {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT,
                     "contract '%.*s': use SYMBOL:SECTYPE:EXCHANGE:CURRENCY, such as "
                     "SPX:IND:CBOE:USD",
                     MESH_TEXT_SHOWN(text, 64));
  }
  fill(out, symbol, sec_type, exchange, currency);
  return GRPC_STATUS_OK;
}

mesh_code ib_contract_of(const char *symbol, ib_contract *out, mesh_error *err) {
  *out = (ib_contract){0};
  if (symbol[0] == '\0' || strlen(symbol) >= 128) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "a symbol has 1 to 127 bytes, not %zu",
                     strlen(symbol));
  }
  if (strchr(symbol, ':') != NULL) return parse_explicit(symbol, out, err);
  if (currency_is_pair(symbol)) {
    char base[4];
    mesh_text_format(base, sizeof base, "%.*s", MESH_TEXT_SHOWN(symbol, 3));
    fill(out, base, "CASH", "IDEALPRO", symbol + 3);
    return GRPC_STATUS_OK;
  }
  for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
    if (strcmp(indexes[i].symbol, symbol) != 0) continue;
    fill(out, symbol, "IND", indexes[i].exchange, indexes[i].currency);
    return GRPC_STATUS_OK;
  }
  fill(out, symbol, "STK", "SMART", "USD");
  return GRPC_STATUS_OK;
}

const char *ib_contract_prices(const ib_contract *contract) {
  return strcmp(contract->sec_type, "CASH") == 0 ? "MIDPOINT" : "TRADES";
}

bool ib_contract_regular_hours(const ib_contract *contract) {
  return strcmp(contract->sec_type, "CASH") != 0;
}

uint64_t ib_contract_hash(const ib_contract *contract) {
  uint64_t hash = ib_governed_hash(0, contract->symbol);
  hash = ib_governed_hash(hash, contract->sec_type);
  hash = ib_governed_hash(hash, contract->exchange);
  hash = ib_governed_hash(hash, contract->currency);
  return ib_governed_hash(hash, ib_contract_prices(contract));
}
