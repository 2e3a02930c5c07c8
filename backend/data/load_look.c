// Loads that fetch no bars: one that only tells what it would ask for, and one of what is stored
// alone.
#include <string.h>

#include "backend/data/load_internal.h"
#include "mesh/runtime/text.h"

// ---- what is stored ----

typedef struct choose_job {
  load *own;
  mesh_code code;
  mesh_error err;
} choose_job;

static void do_choose(void *arg) {
  choose_job *job = arg;
  load *own = job->own;
  const Millrace__V1__LoadRequest *request = own->request;
  series_key asked = {own->symbol, own->timeframe->text, request->source, request->prices,
                      request->session};
  job->code = series_choose(own->manager->store, &asked, &own->manager->options.defaults,
                            &own->series, &job->err);
}

mesh_code load_local(load *own, mesh_error *err) {
  choose_job job = {.own = own};
  mesh_pool_run(own->manager->pool, own->manager->loop, do_choose, &job);
  if (job.code != GRPC_STATUS_OK) {
    *err = job.err;
    return job.code;
  }
  mesh_text_copy(own->source, sizeof own->source, own->series.source);
  own->is_guess = true;  // nobody is asked
  mesh_code code = load_plan(own, err);
  if (code != GRPC_STATUS_OK) return code;
  if (!own->had_bars) {
    return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no stored series %s %s", own->symbol,
                     own->timeframe->text);
  }
  for (size_t i = 0; i < own->segments.count; i++)
    intervals_add(&own->missing, own->segments.items[i]);
  intervals_clear(&own->segments);
  mesh_text_copy(own->missing_reason, sizeof own->missing_reason,
                 "not known, and --mode local asks nobody");
  return GRPC_STATUS_OK;
}

// ---- what would be asked for ----

// A probe's few bars are one request.
static void add_probe(load *own) {
  if (!load_probe_is_due(own)) return;
  own->plan_message.again++;
  own->plan_message.requests++;
}

static void add_segments(load *own, const intervals *segments) {
  own->plan_message.requests += (int32_t)segments->count;
  for (size_t i = 0; i < segments->count; i++) {
    const interval *one = &segments->items[i];
    own->plan_message.bars_at_most += (one->to_s - one->from_s) / own->timeframe->seconds;
  }
}

mesh_code load_dry_run(load *own, mesh_error *err) {
  fetch_pace pace;
  intervals again = {0};
  int probes = 0;
  mesh_code code =
      fetch_pace_of(mesh_operation_scope(own->operation), own->manager->adapter, &pace, err);
  if (code == GRPC_STATUS_OK) code = load_plan_refresh(own, &again, &probes, err);
  if (code != GRPC_STATUS_OK) return code;
  own->plan_message.again = (int32_t)again.count + probes;
  own->plan_message.requests += probes;
  add_probe(own);
  add_segments(own, &again);
  add_segments(own, &own->segments);
  size_t requests = (size_t)own->plan_message.requests;
  bool paced = pace.requests > 0 && own->timeframe->seconds <= pace.bar_s && requests > 0;
  if (paced) {
    own->plan_message.at_least_s =
        (double)((requests - 1) / (size_t)pace.requests * (size_t)pace.in_s);
  }
  intervals_clear(&again);
  intervals_clear(&own->segments);
  return GRPC_STATUS_OK;
}
