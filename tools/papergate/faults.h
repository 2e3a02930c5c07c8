// pg_faults: which misfortune befalls the Nth request for bars. Decided by the flags alone.
#ifndef MILLRACE_TOOLS_PAPERGATE_FAULTS_H
#define MILLRACE_TOOLS_PAPERGATE_FAULTS_H

#include "mesh/runtime/status.h"
#include "tools/papergate/options.h"
#include "tools/papergate/timers.h"

typedef enum pg_fault {
  PG_FAULT_NONE,
  PG_FAULT_DROP,            // never answered
  PG_FAULT_PACING,          // answered with a pacing violation
  PG_FAULT_GARBAGE_FRAME,   // answered with a frame of random bytes
  PG_FAULT_GARBAGE_LENGTH,  // answered with the header of a frame that is too long
} pg_fault;

// The fault of request number `request` (1 is the first).
pg_fault pg_fault_of(const pg_options *options, int64_t request);

// One item of --connectivity: a code for every client, some time after a request.
typedef struct pg_outage {
  int64_t code;  // 1100, 1101 or 1102
  int64_t request;
  int64_t delay_ms;
  pg_timer timer;
  void *owner;  // for the timer's function
} pg_outage;

enum { PG_OUTAGES_MAX = 16 };

// Reads "1100@3,1102@3+500" into `out`; NULL is the empty list. INVALID_ARGUMENT shows the item.
MESH_NODISCARD mesh_code pg_outages_parse(const char *list, pg_outage out[PG_OUTAGES_MAX],
                                          int *count, mesh_error *err);

#endif
