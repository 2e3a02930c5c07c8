#include "host/ib/contracts.h"

#include <string.h>

#include "host/ib/governor.h"
#include "market/instrument.h"
#include "market/prices.h"
#include "mesh/runtime/text.h"

mesh_code ib_contract_of(const char *symbol, ib_contract *out, mesh_error *err) {
  instrument one;
  *out = (ib_contract){0};
  mesh_code code = instrument_parse(symbol, &one, err);
  if (code != GRPC_STATUS_OK) return code;
  out->con_id = one.con_id;
  mesh_text_copy(out->symbol, sizeof out->symbol, one.symbol);
  mesh_text_copy(out->sec_type, sizeof out->sec_type, one.kind);
  mesh_text_copy(out->exchange, sizeof out->exchange, one.exchange);
  mesh_text_copy(out->primary_exchange, sizeof out->primary_exchange, one.primary_exchange);
  mesh_text_copy(out->currency, sizeof out->currency, one.currency);
  mesh_text_copy(out->expiry, sizeof out->expiry, one.expiry);
  return GRPC_STATUS_OK;
}

mesh_code ib_series_of(const char *symbol, int64_t con_id, const char *prices, const char *session,
                       ib_series *out, mesh_error *err) {
  const char *hours = instrument_session(symbol);
  *out = (ib_series){.prices = instrument_prices(symbol)};
  mesh_code code = ib_contract_of(symbol, &out->contract, err);
  if (code == GRPC_STATUS_OK && prices[0] != '\0') code = prices_parse(prices, &out->prices, err);
  if (code == GRPC_STATUS_OK && session[0] != '\0') code = session_parse(session, &hours, err);
  if (code != GRPC_STATUS_OK) return code;
  bool continuous = strcmp(out->contract.sec_type, "CONTFUT") == 0;
  // The number of a continuous future is that of the month that it stands for today.
  if (con_id != 0 && !continuous) out->contract.con_id = con_id;
  out->regular_hours = strcmp(hours, SESSION_REGULAR) == 0;
  out->ends_now = continuous || prices_end_now(out->prices);
  return GRPC_STATUS_OK;
}

uint64_t ib_series_hash(const ib_series *series) {
  const ib_contract *contract = &series->contract;
  uint64_t hash = ib_governed_hash(0, contract->symbol);
  hash = ib_governed_hash(hash, contract->sec_type);
  hash = ib_governed_hash(hash, contract->expiry);
  hash = ib_governed_hash(hash, contract->exchange);
  hash = ib_governed_hash(hash, contract->currency);
  return ib_governed_hash(hash, series->prices);
}
