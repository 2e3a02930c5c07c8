#include "tools/papergate/pacing.h"

#include <stdlib.h>
#include <string.h>

static const int64_t second_ns = 1000000000;

pg_rate_verdict pg_rate_admit(pg_rate *rate, int64_t limit, int64_t now_ns) {
  if (limit == 0) return PG_RATE_OK;
  if (limit > PG_RATE_MAX) limit = PG_RATE_MAX;
  // The message `limit` places back must be at least a second old.
  bool full = rate->count >= limit;
  int64_t oldest_ns = full ? rate->times_ns[(rate->count - limit) % PG_RATE_MAX] : 0;
  if (!full || now_ns - oldest_ns >= second_ns) {
    rate->times_ns[rate->count++ % PG_RATE_MAX] = now_ns;
    return PG_RATE_OK;
  }
  if (rate->breaches == 0 || now_ns - rate->breach_ns >= second_ns) {
    rate->breaches++;
    rate->breach_ns = now_ns;
  }
  return rate->breaches >= PG_BREACHES_MAX ? PG_RATE_CLOSE : PG_RATE_REFUSED;
}

static void forget_before(pg_pacing *pacing, int64_t time_ns) {
  size_t old = 0;
  while (old < pacing->count && pacing->entries[old].time_ns <= time_ns) {
    old++;
  }
  if (old == 0) return;
  pacing->count -= old;
  memmove(pacing->entries, pacing->entries + old, pacing->count * sizeof *pacing->entries);
}

static bool breaks_a_rule(const pg_pacing *pacing, const pg_pacing_limits *limits,
                          pg_pacing_key key, int64_t now_ns) {
  int64_t total = key.weight, same_contract = key.weight;
  for (size_t i = 0; i < pacing->count; i++) {
    const pg_pacing_entry *entry = &pacing->entries[i];
    int64_t age_ns = now_ns - entry->time_ns;
    total += entry->key.weight;
    if (age_ns < 2 * second_ns && entry->key.contract == key.contract) {
      same_contract += entry->key.weight;
    }
    if (age_ns < limits->identical_seconds * second_ns && entry->key.request == key.request) {
      return true;
    }
  }
  return (limits->per_10_minutes > 0 && total > limits->per_10_minutes) ||
         (limits->same_contract_per_2_seconds > 0 &&
          same_contract > limits->same_contract_per_2_seconds);
}

static void remember(pg_pacing *pacing, pg_pacing_key key, int64_t now_ns) {
  if (pacing->count == pacing->capacity) {
    size_t larger = pacing->capacity == 0 ? 64 : pacing->capacity * 2;
    pg_pacing_entry *moved = realloc(pacing->entries, larger * sizeof *moved);
    if (moved == NULL) return;  // a rule is then too lenient, which harms nobody
    pacing->entries = moved;
    pacing->capacity = larger;
  }
  pacing->entries[pacing->count++] = (pg_pacing_entry){.key = key, .time_ns = now_ns};
}

bool pg_pacing_admit(pg_pacing *pacing, const pg_pacing_limits *limits, pg_pacing_key key,
                     int64_t now_ns) {
  if (limits->per_10_minutes == 0 && limits->identical_seconds == 0 &&
      limits->same_contract_per_2_seconds == 0) {
    return true;
  }
  forget_before(pacing, now_ns - 600 * second_ns);
  if (breaks_a_rule(pacing, limits, key, now_ns)) return false;
  remember(pacing, key, now_ns);
  return true;
}

void pg_pacing_fini(pg_pacing *pacing) {
  free(pacing->entries);
  *pacing = (pg_pacing){0};
}

uint64_t pg_hash(uint64_t hash, const char *text) {
  if (hash == 0) hash = 14695981039346656037u;
  do {  // the NUL too: it separates one field from the next
    hash = (hash ^ (unsigned char)*text) * 1099511628211u;
  } while (*text++ != '\0');
  return hash;
}
