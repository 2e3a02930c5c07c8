// pg_gateway: what all connections share. One thread, one owner: main().
#ifndef MILLRACE_TOOLS_PAPERGATE_GATEWAY_H
#define MILLRACE_TOOLS_PAPERGATE_GATEWAY_H

#include "host/ib/wire.h"
#include "tools/papergate/catalog.h"
#include "tools/papergate/clock.h"
#include "tools/papergate/faults.h"
#include "tools/papergate/log.h"
#include "tools/papergate/options.h"
#include "tools/papergate/pacing.h"
#include "tools/papergate/timers.h"

typedef struct pg_session pg_session;

typedef struct pg_gateway {
  pg_options options;
  pg_catalog *catalog;  // owned
  pg_clock clock;
  pg_log log;
  pg_pacing pacing;
  pg_timers timers;
  pg_session *sessions;  // owned; see session.h
  int64_t requests;      // for bars, since the start: what the fault flags count
  int64_t disconnects;   // made by --disconnect-after
  pg_outage outages[PG_OUTAGES_MAX];
  int outage_count;
  bool lost;       // between 1100 and the code that ends it: nothing historical is answered
  ib_outbox rows;  // scratch: the bars of a reply, before their number is known
} pg_gateway;

// Reads the market and opens the log. On GRPC_STATUS_OK release it with pg_gateway_close(); the
// struct must not move until then.
MESH_NODISCARD mesh_code pg_gateway_open(pg_gateway *gateway, const pg_options *options,
                                         mesh_error *err);

// All sessions must be closed.
void pg_gateway_close(pg_gateway *gateway);

// Counts a request for bars, and starts the outages that come with it. Returns its fault.
pg_fault pg_gateway_count_request(pg_gateway *gateway);

#endif
