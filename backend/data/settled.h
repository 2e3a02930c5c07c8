// settled: whether an answer that could not be believed to its end can be by now.
#ifndef MILLRACE_BACKEND_DATA_SETTLED_H
#define MILLRACE_BACKEND_DATA_SETTLED_H

#include "backend/store/store.h"
#include "market/interval.h"
#include "market/timeframe.h"

// An interval that was answered, and of which the ledger says OPEN.
typedef struct open_interval {
  interval at;
  int64_t asked_s;  // by the source's clock; 0: unknown
} open_interval;

// True if the series has a bar behind the interval that the source must have had when it was asked:
// one that was old enough then (judge.h). So the end of one segment is settled by the next one. A
// series that cannot be read settles nothing. Blocks: on a pool thread.
bool settled_by_later_bar(store *store, const series_key *key, const timeframe *frame,
                          const open_interval *open);

#endif
