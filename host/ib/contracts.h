// contracts: from a symbol that a person types to the contract that the gateway wants. Pure
// functions; any thread.
#ifndef MILLRACE_HOST_IB_CONTRACTS_H
#define MILLRACE_HOST_IB_CONTRACTS_H

#include <stdint.h>

#include "mesh/runtime/status.h"

typedef struct ib_contract {
  int64_t con_id;  // 0: unset
  char symbol[64], sec_type[16], exchange[24], primary_exchange[24], currency[8];
  char local_symbol[64], trading_class[32], long_name[128], time_zone[48];
  double min_tick;
} ib_contract;

// "EURUSD": CASH on IDEALPRO. A well-known index such as "SPX": IND. Anything else: STK on SMART,
// in USD. "SYMBOL:SECTYPE:EXCHANGE:CURRENCY" says it all. INVALID_ARGUMENT where that form is
// wrong.
MESH_NODISCARD mesh_code ib_contract_of(const char *symbol, ib_contract *out, mesh_error *err);

// What a bar of the contract is made of: "MIDPOINT" for CASH, else "TRADES".
const char *ib_contract_prices(const ib_contract *contract);

// A hash of the contract, its exchange and what its bars are made of.
uint64_t ib_contract_hash(const ib_contract *contract);

// Whether bars are of regular hours only: not for CASH, which has none.
bool ib_contract_regular_hours(const ib_contract *contract);

#endif
