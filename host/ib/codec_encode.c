// Requests.
#include <stdio.h>
#include <string.h>

#include "host/ib/codec.h"

enum {
  CONTRACT_DETAILS = 9,
  BARS = 20,
  CANCEL_BARS = 25,
  CURRENT_TIME = 49,
  START_API = 71,
  SYMBOLS = 81,
  HEAD = 87,
  CANCEL_HEAD = 90,
  EPOCH_SECONDS = 2,        // formatDate: bars of a day or more are YYYYMMDD all the same
  VERSION_ISSUER_ID = 176,  // contract details ask for an issuer id from here on
};

void ib_encode_handshake(ib_outbox *out) {
  char versions[32];
  int size = snprintf(versions, sizeof versions, "v%d..%d", IB_OLDEST_VERSION, IB_NEWEST_VERSION);
  const char head[8] = {'A', 'P', 'I', 0, 0, 0, 0, (char)size};
  ib_put_raw(out, head, sizeof head);
  ib_put_raw(out, versions, (size_t)size);
}

void ib_encode_start_api(ib_outbox *out, int client_id) {
  ib_begin(out);
  ib_put_int(out, START_API);
  ib_put_int(out, 2);
  ib_put_int(out, client_id);
  ib_put_unset(out);  // optional capabilities
  ib_end(out);
}

void ib_encode_current_time(ib_outbox *out) {
  ib_begin(out);
  ib_put_int(out, CURRENT_TIME);
  ib_put_int(out, 1);
  ib_end(out);
}

// The 12 fields of a contract, then includeExpired.
static void put_contract(ib_outbox *out, const ib_contract *contract) {
  ib_put_int(out, contract->con_id);
  ib_put_text(out, contract->symbol);
  ib_put_text(out, contract->sec_type);
  ib_put_text(out, contract->expiry);
  ib_put_unset(out);  // strike
  ib_put_unset(out);  // right
  ib_put_unset(out);  // multiplier
  ib_put_text(out, contract->exchange);
  ib_put_text(out, contract->primary_exchange);
  ib_put_text(out, contract->currency);
  ib_put_text(out, contract->local_symbol);
  ib_put_text(out, contract->trading_class);
  ib_put_bool(out, strcmp(contract->sec_type, "FUT") == 0);
}

void ib_encode_contract_details(ib_outbox *out, int request, const ib_contract *contract,
                                int server_version) {
  ib_begin(out);
  ib_put_int(out, CONTRACT_DETAILS);
  ib_put_int(out, 8);
  ib_put_int(out, request);
  put_contract(out, contract);
  ib_put_unset(out);  // secIdType
  ib_put_unset(out);  // secId
  if (server_version >= VERSION_ISSUER_ID) ib_put_unset(out);
  ib_end(out);
}

void ib_encode_head(ib_outbox *out, int request, const ib_series *series) {
  ib_begin(out);
  ib_put_int(out, HEAD);
  ib_put_int(out, request);
  put_contract(out, &series->contract);
  ib_put_bool(out, series->regular_hours);
  ib_put_text(out, series->prices);
  ib_put_int(out, EPOCH_SECONDS);
  ib_end(out);
}

static void put_cancel(ib_outbox *out, int message, int request) {
  ib_begin(out);
  ib_put_int(out, message);
  if (message == CANCEL_BARS) ib_put_int(out, 1);
  ib_put_int(out, request);
  ib_end(out);
}

void ib_encode_cancel_head(ib_outbox *out, int request) {
  put_cancel(out, CANCEL_HEAD, request);
}

void ib_encode_cancel_bars(ib_outbox *out, int request) {
  put_cancel(out, CANCEL_BARS, request);
}

void ib_encode_bars(ib_outbox *out, int request, const ib_series *series,
                    const ib_bar_window *window, bool keep_up_to_date) {
  ib_begin(out);
  ib_put_int(out, BARS);
  ib_put_int(out, request);
  bool to_now = keep_up_to_date || series->ends_now;
  put_contract(out, &series->contract);
  ib_put_text(out, to_now ? "" : window->end);
  ib_put_text(out, window->bar_size);
  ib_put_text(out, window->duration);
  ib_put_bool(out, series->regular_hours);
  ib_put_text(out, series->prices);
  ib_put_int(out, EPOCH_SECONDS);
  ib_put_bool(out, keep_up_to_date);
  ib_put_unset(out);  // chart options
  ib_end(out);
}

void ib_encode_symbols(ib_outbox *out, int request, const char *pattern) {
  ib_begin(out);
  ib_put_int(out, SYMBOLS);
  ib_put_int(out, request);
  ib_put_text(out, pattern);
  ib_end(out);
}
