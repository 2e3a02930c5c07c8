#include "host/ib/governor.h"

#include "mesh/runtime/time.h"

// MARGIN_MS: two messages may arrive by so much closer together than they were sent.
enum { SPAN_MS = 600000, CONTRACT_MS = 2000, IDENTICAL_MS = 15000, MARGIN_MS = 250 };

_Static_assert(SPAN_MS / 1000 == IB_GOVERNOR_SPAN_S, "one span, in two units");

static int64_t scaled(const ib_governor *governor, int64_t ms) {
  return mesh_ms_ns(ms) / (governor->speed > 0 ? governor->speed : 1);
}

// So long after `sent_ns`, as the gateway sees it.
static int64_t after(const ib_governor *governor, int64_t sent_ns, int64_t ms) {
  return mesh_time_add(sent_ns, scaled(governor, ms) + mesh_ms_ns(MARGIN_MS));
}

static int64_t later(int64_t a, int64_t b) {
  return a > b ? a : b;
}

// The entry that was sent `back` ago: 0 is the last.
static int place(const ib_governor *governor, int back) {
  return (governor->next - 1 - back + 2 * IB_GOVERNOR_MOST) % IB_GOVERNOR_MOST;
}

static int count_of(ib_governed what) {
  return what.twice ? 2 : 1;
}

// When it may be sent at the earliest.
static int64_t find_moment(const ib_governor *governor, ib_governed what) {
  int64_t at_ns = governor->not_before_ns;
  int same_contract = 0;
  for (int i = 0; i < governor->count; i++) {
    int k = place(governor, i);
    int64_t sent_ns = governor->sent[k].at_ns;
    if (governor->sent[k].what.request == what.request) {
      at_ns = later(at_ns, after(governor, sent_ns, IDENTICAL_MS));
    }
    if (governor->sent[k].what.contract != what.contract) continue;
    if (++same_contract == IB_GOVERNOR_CONTRACT_MOST + 1 - count_of(what)) {
      at_ns = later(at_ns, after(governor, sent_ns, CONTRACT_MS));
    }
  }
  int too_many = governor->count + count_of(what) - IB_GOVERNOR_MOST;
  if (too_many <= 0) return at_ns;
  // So many of the oldest have to be out of the span.
  int64_t last_ns = governor->sent[place(governor, governor->count - too_many)].at_ns;
  return later(at_ns, after(governor, last_ns, SPAN_MS));
}

int64_t ib_governor_take(ib_governor *governor, ib_governed what, int64_t now_ns) {
  int64_t at_ns = find_moment(governor, what);
  if (now_ns < at_ns) return at_ns - now_ns;
  for (int i = 0; i < count_of(what); i++) {
    governor->sent[governor->next].what = what;
    governor->sent[governor->next].at_ns = now_ns;
    governor->next = (governor->next + 1) % IB_GOVERNOR_MOST;
    if (governor->count < IB_GOVERNOR_MOST) governor->count++;
  }
  return 0;
}

void ib_governor_violated(ib_governor *governor, int64_t now_ns) {
  static const int64_t waits_ms[] = {15000, 60000, 600000};
  enum { WAITS = sizeof waits_ms / sizeof *waits_ms };
  int which = governor->violations < WAITS ? governor->violations : WAITS - 1;
  governor->not_before_ns = mesh_time_add(now_ns, scaled(governor, waits_ms[which]));
  governor->violations++;
}

void ib_governor_answered(ib_governor *governor) {
  governor->violations = 0;
}

uint64_t ib_governed_hash(uint64_t before, const char *text) {
  uint64_t hash = before == 0 ? UINT64_C(14695981039346656037) : before;  // FNV-1a
  do {  // the NUL too: it separates one text from the next
    hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
  } while (*text++ != '\0');
  return hash;
}
