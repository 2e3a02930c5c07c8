// pg_history: historical bars, schedules and head timestamps: from the request to its reply.
#ifndef MILLRACE_TOOLS_PAPERGATE_HISTORY_H
#define MILLRACE_TOOLS_PAPERGATE_HISTORY_H

#include "tools/papergate/session.h"

pg_handler pg_handle_historical_data;    // 20
pg_handler pg_handle_cancel_historical;  // 25
pg_handler pg_handle_head_timestamp;     // 87
pg_handler pg_handle_cancel_head;        // 90

#endif
