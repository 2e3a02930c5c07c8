// pg_contract: the contract that a series trades as, and how a request's contract block finds it.
// EURUSD is the currency pair EUR.USD on IDEALPRO, SPX an index on CBOE, anything else a stock.
#ifndef MILLRACE_TOOLS_PAPERGATE_CONTRACTS_H
#define MILLRACE_TOOLS_PAPERGATE_CONTRACTS_H

#include "host/ib/wire.h"
#include "tools/papergate/catalog.h"

typedef struct pg_contract {
  int64_t con_id;              // the same in every run: made from the symbol
  char symbol[PG_SYMBOL_MAX];  // as TWS writes it: "EUR" for EURUSD
  const char *sec_type;        // "CASH", "IND" or "STK"
  char currency[4];
  const char *exchange;
  const char *primary_exchange;  // "" where there is none
  char local_symbol[PG_SYMBOL_MAX];
  const char *trading_class;  // NULL: the local symbol
  char long_name[96];         // ASCII
  const char *min_tick;
} pg_contract;

void pg_contract_of(const char *series_symbol, pg_contract *out);

bool pg_contract_is_forex(const pg_contract *contract);
bool pg_contract_is_stock(const pg_contract *contract);

// The contract block of a request: 12 fields. Texts are borrowed from the message.
typedef struct pg_contract_query {
  int64_t con_id;  // 0: not given
  const char *symbol, *sec_type, *exchange, *primary_exchange, *currency, *local_symbol;
} pg_contract_query;

pg_contract_query pg_contract_query_read(ib_fields *fields);

// The one series that the block describes, and its contract; NULL if there is none.
const pg_series *pg_contract_find(pg_catalog *catalog, const pg_contract_query *query,
                                  pg_contract *out);

// True where the symbol or the name holds `pattern`, capitals or not.
bool pg_contract_resembles(const pg_contract *contract, const char *pattern);

// Writes the contractData message (10) of server versions 164 to 181.
bool pg_contract_put_details(ib_outbox *out, int64_t req_id, const pg_contract *contract,
                             int64_t now);

// Writes one row of a symbolSamples message (79).
void pg_contract_put_sample(ib_outbox *out, const pg_contract *contract);

#endif
