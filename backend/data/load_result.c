// The end of a load: what it did, and the proof that what was cancelled has stopped.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/data/load_internal.h"
#include "mesh/rpc/call.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/ib_host.pb-c.h"

// ---- the result ----

static void set_interval(Millrace__V1__Interval *out, Google__Protobuf__Timestamp times[2],
                         interval from) {
  millrace__v1__interval__init(out);
  google__protobuf__timestamp__init(&times[0]);
  google__protobuf__timestamp__init(&times[1]);
  times[0].seconds = from.from_s;
  times[1].seconds = from.to_s;
  out->from = &times[0];
  out->to = &times[1];
}

static void fill_missing(load *own) {
  intervals_normalize(&own->missing);
  size_t count = own->missing.count;
  own->missing_messages = calloc(count + 1, sizeof *own->missing_messages);
  own->missing_pointers = calloc(count + 1, sizeof *own->missing_pointers);
  own->missing_times = calloc(2 * count + 1, sizeof *own->missing_times);
  if (own->missing_messages == NULL || own->missing_pointers == NULL ||
      own->missing_times == NULL) {
    abort();
  }
  for (size_t i = 0; i < count; i++) {
    set_interval(&own->missing_messages[i], &own->missing_times[2 * i], own->missing.items[i]);
    own->missing_pointers[i] = &own->missing_messages[i];
  }
  own->result.n_missing = count;
  own->result.missing = own->missing_pointers;
  own->result.missing_reason = own->missing_reason;
}

static void fill_summary(load *own, double elapsed_s) {
  char *out = own->summary;
  if (own->request->dry_run) {
    mesh_text_format(
        out, sizeof own->summary,
        "would ask %d times for up to %lld bars, at least %.0f s by the source's pace; "
        "%lld bars are stored",
        own->plan_message.requests, (long long)own->plan_message.bars_at_most,
        own->plan_message.at_least_s, (long long)own->bars_in_window);
  } else if (own->looks_only) {
    mesh_text_format(out, sizeof own->summary, "%lld bars are stored",
                     (long long)own->bars_in_window);
  } else if (own->requests == 0) {
    mesh_text_format(out, sizeof own->summary, "up to date: %lld bars, nothing had to be fetched",
                     (long long)own->bars_in_window);
  } else {
    mesh_text_format(out, sizeof own->summary, "%lld bars stored in %.2f s (%d requests)",
                     (long long)own->bars_stored, elapsed_s, own->requests);
  }
  if (own->bars_refused > 0) {
    mesh_text_append(out, sizeof own->summary, "; %lld refused (%.*s)",
                     (long long)own->bars_refused, MESH_TEXT_SHOWN(own->first_refused, 80));
  }
  if (own->bars_changed > 0) {
    mesh_text_append(out, sizeof own->summary, "; %lld were others before (%.*s)%s",
                     (long long)own->bars_changed, MESH_TEXT_SHOWN(own->first_changed, 80),
                     own->has_refreshed ? ", so all were asked for again" : "");
  }
  if (own->bars_kept > 0) {
    mesh_text_append(out, sizeof own->summary, "; %lld that the source has no more are kept",
                     (long long)own->bars_kept);
  }
  if (own->missing.count > 0) {
    mesh_text_append(out, sizeof own->summary, "; %zu intervals are missing", own->missing.count);
  }
}

void load_fill_result(load *own) {
  double elapsed_s = (double)(mesh_now_ns() - own->started_ns) / 1e9;
  millrace__v1__load_result__init(&own->result);
  set_interval(&own->window_message, own->window_times, own->window);
  fill_missing(own);
  own->result.symbol = own->series.symbol[0] != '\0' ? own->series.symbol : own->symbol;
  own->result.source = own->source;
  own->result.prices = own->series.prices;
  own->result.session = own->series.session;
  millrace__v1__changed_bars__init(&own->changed_message);
  own->changed_message.bars = own->bars_changed;
  own->changed_message.first = own->first_changed;
  own->changed_message.refreshed = own->has_refreshed;
  own->changed_message.kept = own->bars_kept;
  if (own->bars_changed > 0 || own->has_refreshed) own->result.changed = &own->changed_message;
  if (own->request->dry_run) own->result.plan = &own->plan_message;
  own->result.timeframe = (char *)own->timeframe->text;
  own->result.window = &own->window_message;
  own->result.bars_stored = own->bars_stored;
  own->result.bars_refused = own->bars_refused;
  own->result.first_refused = own->first_refused;
  own->result.segments_planned = own->before + (int32_t)own->segments.count;
  own->result.segments_stored = own->stored;
  own->result.segments_empty = own->empty;
  own->result.requests = own->requests;
  own->result.bars_in_window = own->bars_in_window;
  own->result.elapsed_s = elapsed_s;
  fill_summary(own, elapsed_s);
}

// ---- the stop ----

// Asks the layers below about one fetch. NULL if they could not be asked.
static Millrace__V1__Stopped *ask_stopped(load *own, mesh_scope *scope, const char *name,
                                          mesh_error *err) {
  Millrace__V1__AwaitStoppedRequest request = MILLRACE__V1__AWAIT_STOPPED_REQUEST__INIT;
  request.operation = (char *)name;
  mesh_frame frame;
  mesh_call *call;
  mesh_code code =
      mesh_message_open(scope, own->manager->adapter, "/millrace.v1.DataAdapter/AwaitStopped",
                        &request.base, NULL, &call, err);
  if (code != GRPC_STATUS_OK) return NULL;
  Millrace__V1__Stopped *stopped = NULL;
  if (mesh_call_receive(call, &frame, err) == GRPC_STATUS_OK && !frame.end) {
    stopped = mesh_message_unpack(&millrace__v1__stopped__descriptor, frame.data, frame.size_bytes);
  }
  mesh_call_close(call);
  return stopped;
}

static int64_t time_of(const Millrace__V1__LayerStop *stop) {
  return stop->time == NULL ? 0 : mesh_time_join(stop->time->seconds, stop->time->nanos);
}

static int by_time(const void *left, const void *right) {
  int64_t a = time_of(*(Millrace__V1__LayerStop *const *)left);
  int64_t b = time_of(*(Millrace__V1__LayerStop *const *)right);
  return a < b ? -1 : a > b;
}

static void gather_stops(load *own) {
  size_t count = 0;
  for (size_t i = 0; i < own->stop_message_count; i++)
    count += own->stop_messages[i]->n_stops;
  own->stops = calloc(count + 1, sizeof *own->stops);
  if (own->stops == NULL) abort();
  for (size_t i = 0; i < own->stop_message_count; i++) {
    for (size_t j = 0; j < own->stop_messages[i]->n_stops; j++) {
      own->stops[own->stop_count++] = own->stop_messages[i]->stops[j];
    }
  }
  qsort(own->stops, own->stop_count, sizeof *own->stops, by_time);
}

void load_await_stopped(load *own) {
  own->stop_messages = calloc((size_t)own->stopped_count + 1, sizeof *own->stop_messages);
  if (own->stop_messages == NULL) abort();
  mesh_scope *scope = mesh_operation_stop_scope(own->operation);
  for (int i = 0; i < own->stopped_count; i++) {
    mesh_error err;
    Millrace__V1__Stopped *stopped = ask_stopped(own, scope, own->stopped[i], &err);
    if (stopped != NULL) own->stop_messages[own->stop_message_count++] = stopped;
  }
  gather_stops(own);
}
