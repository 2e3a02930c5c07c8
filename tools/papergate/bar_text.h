// pg_bar_text: how bars look on the wire. Pure, but for the outbox that it writes to.
#ifndef MILLRACE_TOOLS_PAPERGATE_BAR_TEXT_H
#define MILLRACE_TOOLS_PAPERGATE_BAR_TEXT_H

#include "host/ib/wire.h"
#include "tools/papergate/bar_request.h"
#include "tools/papergate/bars.h"

typedef struct pg_bar_style {
  bool daily;           // dates are days
  int64_t format_date;  // of the request
  bool volume;          // false: volume, average price and count are -1
} pg_bar_style;

// The style of a request's bars. Volume is sent for trades, and for currency pairs when
// `forex_volume` says so.
pg_bar_style pg_bar_style_of(const pg_bar_request *request, const pg_contract *contract,
                             bool forex_volume);

// The eight fields of a bar in a historicalData message (17).
void pg_put_bar(ib_outbox *out, const pg_bar *bar, const pg_bar_style *style);

// A whole historicalDataUpdate message (90).
bool pg_put_update(ib_outbox *out, int64_t req_id, const pg_bar *bar, const pg_bar_style *style);

#endif
