// ib_governor: when a request may be sent that Interactive Brokers' pacing rules speak of: bars of
// 30 seconds or less, and first bars. At most 60 in any 10 minutes, fewer than 6 for the same
// contract and prices in 2 seconds, the same one not again within 15 seconds; one for BID_ASK
// counts twice. Plain data; belongs to the loop that owns the session.
#ifndef MILLRACE_HOST_IB_GOVERNOR_H
#define MILLRACE_HOST_IB_GOVERNOR_H

#include <stdbool.h>
#include <stdint.h>

enum {
  IB_GOVERNOR_MOST = 58,  // of 60: some are kept back for other programs of the same user
  IB_GOVERNOR_CONTRACT_MOST = 5,
  IB_GOVERNOR_SPAN_S = 600,  // in which there are IB_GOVERNOR_MOST
  IB_GOVERNOR_BAR_S = 30,    // of longer bars the rules do not speak
};

// What the rules see of a request. Zero: they do not speak of it.
typedef struct ib_governed {
  uint64_t contract;  // hash of contract, exchange and kind of prices
  uint64_t request;   // and of all else
  bool twice;         // it counts as two: BID_ASK
} ib_governed;

// Zero it, and set the speed.
typedef struct ib_governor {
  int64_t speed;  // how fast the gateway's clock runs: of a simulated one maybe more than 1
  struct {
    ib_governed what;
    int64_t at_ns;           // monotonic
  } sent[IB_GOVERNOR_MOST];  // a ring, the oldest at `next`
  int count, next;
  int64_t not_before_ns;  // after a violation
  int violations;         // in a row
} ib_governor;

// Notes that `what` is sent now and returns 0, or returns the wait before asking again, in
// nanoseconds.
int64_t ib_governor_take(ib_governor *governor, ib_governed what, int64_t now_ns);

// The gateway said that the pace was too fast: nothing more for 15 seconds, for a minute the next
// time, then for 10 minutes. ib_governor_answered() is the end of that.
void ib_governor_violated(ib_governor *governor, int64_t now_ns);
void ib_governor_answered(ib_governor *governor);

// A hash of `text` behind those before it; 0 begins.
uint64_t ib_governed_hash(uint64_t before, const char *text);

#endif
