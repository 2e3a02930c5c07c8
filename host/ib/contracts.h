// contracts: from an instrument to the contract that the gateway wants, and back. Pure functions;
// any thread.
#ifndef MILLRACE_HOST_IB_CONTRACTS_H
#define MILLRACE_HOST_IB_CONTRACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "mesh/runtime/status.h"

typedef struct ib_contract {
  int64_t con_id;  // 0: unset
  char symbol[64], sec_type[16], exchange[24], primary_exchange[24], currency[8];
  char expiry[16];  // YYYYMMDD or YYYYMM; ""
  char local_symbol[64], trading_class[32], long_name[128], time_zone[48];
  double min_tick;
} ib_contract;

// The contract of what a person writes (instrument.h). INVALID_ARGUMENT where that is none.
MESH_NODISCARD mesh_code ib_contract_of(const char *symbol, ib_contract *out, mesh_error *err);

// What a request for bars names.
typedef struct ib_series {
  ib_contract contract;
  const char *prices;  // static: whatToShow
  bool regular_hours;
  bool ends_now;  // the gateway refuses an end date: it answers with what is there up to now
} ib_series;

// `con_id` 0, `prices` "" and `session` "": not said; the last two become what is right for the
// kind. INVALID_ARGUMENT names what is wrong.
MESH_NODISCARD mesh_code ib_series_of(const char *symbol, int64_t con_id, const char *prices,
                                      const char *session, ib_series *out, mesh_error *err);

// A hash of the contract, its exchange and what its bars are made of.
uint64_t ib_series_hash(const ib_series *series);

#endif
