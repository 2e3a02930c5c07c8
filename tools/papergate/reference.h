// pg_reference: what can be asked about contracts and about the gateway itself, and the small
// answers that clients wait for when they start.
#ifndef MILLRACE_TOOLS_PAPERGATE_REFERENCE_H
#define MILLRACE_TOOLS_PAPERGATE_REFERENCE_H

#include "tools/papergate/session.h"

pg_handler pg_handle_contract_data;          // 9
pg_handler pg_handle_matching_symbols;       // 81
pg_handler pg_handle_current_time;           // 49
pg_handler pg_handle_ids;                    // 8
pg_handler pg_handle_managed_accounts;       // 17
pg_handler pg_handle_open_orders;            // 5 and 16
pg_handler pg_handle_positions;              // 61
pg_handler pg_handle_account_updates;        // 6
pg_handler pg_handle_account_updates_multi;  // 76
pg_handler pg_handle_executions;             // 7
pg_handler pg_handle_completed_orders;       // 99
pg_handler pg_handle_market_data;            // 1: not served
pg_handler pg_handle_real_time_bars;         // 50: not served
pg_handler pg_handle_historical_ticks;       // 96: not served

// A message that needs no answer.
pg_handler pg_handle_silently;

// What a gateway sends unasked after startApi: accounts, the first order id, the farms.
void pg_put_welcome(pg_session *session);

#endif
