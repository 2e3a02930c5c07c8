// live: the bars of one symbol as they come from the gateway, for every timeframe of a strategy,
// added to series that were read from the store before. One loop's thread.
#ifndef MILLRACE_HOST_TRAINING_SERVICE_LIVE_H
#define MILLRACE_HOST_TRAINING_SERVICE_LIVE_H

#include "host/training/service/series.h"
#include "host/training/strategy/strategy.h"
#include "mesh/runtime/fiber.h"

typedef struct live live;

// A series, and what came for it since it was last taken.
typedef struct live_timeframe {
  live *owner;
  const char *name;
  bar_columns *into;  // borrowed
  bar_columns news;
  int64_t newest_s;  // the time of the newest bar that is known
} live_timeframe;

struct live {
  mesh_scope scope;  // of the calls
  mesh_link *backend;
  mesh_pool *pool;
  const char *symbol, *whose;
  live_timeframe timeframes[STRATEGY_TIMEFRAMES_MAX];
  int count;
  mesh_signal changed;
  mesh_code code;  // of the first stream that has failed for good
  mesh_error err;
};

// Subscribes to DataService for `symbol`, below `scope`, until live_close(). `into`: the series by
// timeframe, of at least one bar each. Everything is borrowed.
void live_open(live *own, mesh_scope *scope, const series_source *source, const char *symbol,
               const char *whose, const strategy *strategy, bar_columns *into);

// Ends the calls, waits for them, and frees what came and was not taken. In a fiber.
void live_close(live *own);

// Waits for news and moves them into the series: bars that have ended, and the one that forms,
// which is always the last. FAILED_PRECONDITION: there are bars between the stored and the live
// ones; names them, and how to load them. NOT_FOUND: the gateway has no such series. A stream that
// breaks is opened again.
MESH_NODISCARD mesh_code live_take(live *own, mesh_error *err);

#endif
