#include "host/ib/pacer.h"

#define SECOND_NS INT64_C(1000000000)

enum { BURSTS_PER_S = 10 };

static int64_t burst_ns(const ib_pacer *pacer) {
  int64_t cost = SECOND_NS / pacer->rate_per_s;
  int64_t burst = SECOND_NS / BURSTS_PER_S;
  return burst > cost ? burst : cost;
}

void ib_pacer_init(ib_pacer *pacer, int rate_per_s, int64_t now_ns) {
  *pacer = (ib_pacer){.rate_per_s = rate_per_s, .updated_ns = now_ns};
  if (rate_per_s > 0) pacer->credit_ns = burst_ns(pacer);
}

int64_t ib_pacer_take(ib_pacer *pacer, int64_t now_ns) {
  if (pacer->rate_per_s <= 0) return 0;
  pacer->credit_ns += now_ns - pacer->updated_ns;
  pacer->updated_ns = now_ns;
  if (pacer->credit_ns > burst_ns(pacer)) pacer->credit_ns = burst_ns(pacer);
  int64_t cost = SECOND_NS / pacer->rate_per_s;
  if (pacer->credit_ns < cost) return cost - pacer->credit_ns;
  pacer->credit_ns -= cost;
  return 0;
}
