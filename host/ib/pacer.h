// ib_pacer: spaces outgoing TWS messages so that the gateway never throttles us. A token bucket: a
// burst of up to a tenth of a second's messages, then the rate. Plain data; belongs to the loop
// that owns the session.
#ifndef MILLRACE_HOST_IB_PACER_H
#define MILLRACE_HOST_IB_PACER_H

#include <stdint.h>

typedef struct ib_pacer {
  int rate_per_s;      // 0: no limit
  int64_t credit_ns;   // time that is saved up: a message costs 1 s / rate
  int64_t updated_ns;  // monotonic
} ib_pacer;

// Prepares the caller's storage: `rate_per_s` messages a second from `now_ns` (monotonic) on; 0: no
// limit.
void ib_pacer_init(ib_pacer *pacer, int rate_per_s, int64_t now_ns);

// Takes a message's credit and returns 0, or returns the wait before asking again, in nanoseconds.
int64_t ib_pacer_take(ib_pacer *pacer, int64_t now_ns);

#endif
