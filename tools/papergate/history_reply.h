// pg_history_reply: builds the answer to a request for bars that has been found valid.
#ifndef MILLRACE_TOOLS_PAPERGATE_HISTORY_REPLY_H
#define MILLRACE_TOOLS_PAPERGATE_HISTORY_REPLY_H

#include "tools/papergate/bar_request.h"
#include "tools/papergate/gateway.h"

// What stands before the details in the text of an error 162.
#define PG_SERVICE_ERROR "Historical Market Data Service error message:"

typedef struct pg_history_answer {
  int64_t bars;       // how many the reply holds
  double last_close;  // of the last of them
  bool is_error;      // the reply is an error 162
} pg_history_answer;

// Writes to `out` one historicalData message (17), one historicalSchedule message (106), or an
// error 162 that says why there is no data.
pg_history_answer pg_put_history(pg_gateway *gateway, const pg_bar_request *request,
                                 const pg_series *series, const pg_contract *contract, int64_t now,
                                 ib_outbox *out);

#endif
