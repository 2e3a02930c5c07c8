// pg_pacing: the limits of a real gateway on messages and on requests for small bars.
// Times are parameters. One owner each.
#ifndef MILLRACE_TOOLS_PAPERGATE_PACING_H
#define MILLRACE_TOOLS_PAPERGATE_PACING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PG_RATE_MAX = 1000, PG_BREACHES_MAX = 3 };

// Messages of one client within any second. Start with {0}.
typedef struct pg_rate {
  int64_t times_ns[PG_RATE_MAX];  // of the last messages that were let through, as a ring
  int64_t count;                  // messages let through
  int breaches;                   // seconds in which there were too many
  int64_t breach_ns;              // when the last of them began
} pg_rate;

typedef enum pg_rate_verdict {
  PG_RATE_OK,
  PG_RATE_REFUSED,  // too many: the message is not looked at
  PG_RATE_CLOSE,    // for the third time: the connection ends
} pg_rate_verdict;

// Judges one message at `now_ns`; `limit` a second, 0 for none, PG_RATE_MAX at most.
pg_rate_verdict pg_rate_admit(pg_rate *rate, int64_t limit, int64_t now_ns);

typedef struct pg_pacing_limits {
  int64_t per_10_minutes, identical_seconds, same_contract_per_2_seconds;  // 0: none
} pg_pacing_limits;

// What the rules compare of a request for small bars or a head timestamp.
typedef struct pg_pacing_key {
  uint64_t request;   // everything but its id, hashed
  uint64_t contract;  // contract, exchange and kind of price, hashed
  int weight;         // 2 for BID_ASK
} pg_pacing_key;

typedef struct pg_pacing_entry {
  pg_pacing_key key;
  int64_t time_ns;
} pg_pacing_entry;

// Start with {0}; release with pg_pacing_fini().
typedef struct pg_pacing {
  pg_pacing_entry *entries;  // owned; the requests of the last ten minutes, oldest first
  size_t count, capacity;
} pg_pacing;

// True, and remembered, when the request breaks no rule at `now_ns`.
bool pg_pacing_admit(pg_pacing *pacing, const pg_pacing_limits *limits, pg_pacing_key key,
                     int64_t now_ns);

void pg_pacing_fini(pg_pacing *pacing);

// Adds `text` to a hash that starts as 0.
uint64_t pg_hash(uint64_t hash, const char *text);

#endif
