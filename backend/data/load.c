// A load from its request to its outcome.
#include "backend/data/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/data/load_internal.h"
#include "market/times.h"
#include "mesh/operation/orchestrate.h"
#include "mesh/runtime/text.h"
#include "requests/data.h"

enum { ROUNDS = 3 };  // after which a source that contradicts itself is taken as it comes

#define MODE(name) MILLRACE__V1__LOAD_REQUEST__MODE__##name

// ---- plan ----

// Without a gateway the only source that is stored may have all that is asked for. Where it has
// not, the load is of the gateway that comes.
static mesh_code plan_of_source(load *own, mesh_error *err) {
  mesh_code code = load_find_source(own, err);
  if (code == GRPC_STATUS_OK) code = load_find_instrument(own, err);
  if (code == GRPC_STATUS_OK) code = load_plan(own, err);
  bool lacks = code == GRPC_STATUS_UNAVAILABLE || own->segments.count > 0;
  if (!own->is_guess || !lacks) return code;
  intervals_clear(&own->segments);
  own->vain_count = 0;
  code = load_await_source(own, err);
  if (code == GRPC_STATUS_OK) code = load_find_instrument(own, err);
  return code == GRPC_STATUS_OK ? load_plan(own, err) : code;
}

// ---- run ----

typedef struct count_job {
  load *own;
  mesh_code code;
  mesh_error err;
} count_job;

static void do_count(void *arg) {
  count_job *job = arg;
  load *own = job->own;
  int64_t first_s;
  series_key key = load_key(own);
  job->code = store_count_bars(own->manager->store, &key, own->window.from_s, own->window.to_s, 0,
                               &own->bars_in_window, &first_s, &job->err);
  if (job->code != GRPC_STATUS_NOT_FOUND) return;
  job->code = GRPC_STATUS_OK;  // nothing is stored yet
  own->bars_in_window = 0;
}

// What a load that ran to its end comes to.
static mesh_code conclude(load *own, mesh_error *err) {
  count_job job = {.own = own};
  mesh_pool_run(own->manager->pool, own->manager->loop, do_count, &job);
  if (job.code != GRPC_STATUS_OK) {
    *err = job.err;
    return job.code;
  }
  load_fill_result(own);
  if (own->looks_only) return GRPC_STATUS_OK;
  if (own->missing.count > 0 && own->stored + own->empty == 0) {
    *err = own->last_failure;
    return err->code;
  }
  if (own->bars_in_window == 0 && own->missing.count == 0 && own->mode != MODE(TAIL)) {
    char from[TIMES_TEXT_MAX], to[TIMES_TEXT_MAX];
    times_format(own->window.from_s, from);
    times_format(own->window.to_s, to);
    return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "%s %s: the source has no bars from %s to %s",
                     own->symbol, own->timeframe->text, from, to);
  }
  return GRPC_STATUS_OK;
}

static void on_outage(void *owner, const char *note) {
  load_progress(owner, note);
}

static void set_patience(load *own) {
  int64_t asked_ms = own->request->patience_ms;
  own->patience =
      (patience){.operation = own->operation,
                 .adapter = own->manager->adapter,
                 .limit_ms = asked_ms > 0 ? asked_ms : own->manager->options.patience_ms,
                 .on_change = on_outage,
                 .owner = own};
}

// Segments whose answer is not believed are asked for again after all others, one at a time.
mesh_code load_fetch_all(load *own, mesh_error *err) {
  mesh_scope *scope = mesh_operation_scope(own->operation);
  free(own->doubted);
  own->doubted_count = 0;
  own->doubted = calloc(own->segments.count + 1, sizeof *own->doubted);
  if (own->doubted == NULL) abort();
  mesh_code code = mesh_orchestrate(scope, own->segments.count, own->manager->options.parallel,
                                    load_segment, own, err);
  if (code != GRPC_STATUS_OK || own->doubted_count == 0) return code;
  return mesh_orchestrate(scope, own->doubted_count, 1, load_doubted, own, err);
}

// Bars that a source has changed since are asked for again first: nothing new is put beside them.
static mesh_code load_all(load *own, mesh_error *err) {
  if (own->mode == MODE(LOCAL)) return load_local(own, err);
  mesh_code code = plan_of_source(own, err);
  if (code == GRPC_STATUS_OK && own->looks_only) return load_dry_run(own, err);
  if (code == GRPC_STATUS_OK) code = load_look_again(own, err);
  if (code == GRPC_STATUS_OK) code = load_keep_window(own, err);
  for (int round = 1; code == GRPC_STATUS_OK && !own->give_up; round++) {
    load_progress(own, NULL);
    code = load_fetch_all(own, err);
    if (!own->disagrees) break;
    own->ignores_overlap = round == ROUNDS;
    code = load_settle_dispute(own, err);
  }
  return code;
}

static mesh_code run(mesh_operation *operation, void *arg, Millrace__V1__Succeeded *succeeded,
                     Millrace__V1__Cancelled *cancelled, mesh_error *err) {
  load *own = arg;
  own->operation = operation;
  own->started_ns = mesh_now_ns();
  set_patience(own);
  mesh_code code = load_recall(own, err);
  if (code == GRPC_STATUS_OK) code = load_all(own, err);
  if (code == GRPC_STATUS_OK) code = conclude(own, err);
  if (code == GRPC_STATUS_OK) {
    succeeded->summary = own->summary;
    succeeded->result_case = MILLRACE__V1__SUCCEEDED__RESULT_LOAD;
    succeeded->load = &own->result;
  }
  if (code == GRPC_STATUS_CANCELLED) {
    load_await_stopped(own);
    load_fill_result(own);
    cancelled->summary = own->summary;
    cancelled->load = &own->result;
    cancelled->n_stops = own->stop_count;
    cancelled->stops = own->stops;
  }
  return code;
}

static void free_load(void *arg) {
  load *own = arg;
  intervals_clear(&own->segments);
  intervals_clear(&own->answered);
  free(own->vain);
  free(own->doubted);
  intervals_clear(&own->missing);
  free(own->missing_messages);
  free(own->missing_pointers);
  free(own->missing_times);
  for (size_t i = 0; i < own->stop_message_count; i++) {
    millrace__v1__stopped__free_unpacked(own->stop_messages[i], NULL);
  }
  free(own->stop_messages);
  free(own->stops);
  millrace__v1__load_request__free_unpacked(own->request, NULL);
  free(own);
}

// ---- prepare ----

static void fill_texts(load *own) {
  char from[TIMES_TEXT_MAX] = "first bar", to[TIMES_TEXT_MAX] = "now";
  const char *again = own->request->drop_missing ? "-dropping" : own->refresh ? "-again" : "";
  if (own->has_from) times_format(own->from_s, from);
  if (own->has_to) times_format(own->to_s, to);
  mesh_text_format(own->title, sizeof own->title, "%s %s %s..%s", own->symbol, own->timeframe->text,
                   from, to);
  mesh_text_format(own->work_key, sizeof own->work_key, "load%s%s/%s/%s/%s/%s/%s/%d/%s/%s",
                   own->request->dry_run ? "-dry" : "", again, own->request->source, own->symbol,
                   own->timeframe->text, own->request->prices, own->request->session,
                   (int)own->mode, from, to);
}

static mesh_code take_request(load *own, mesh_error *err) {
  const Millrace__V1__LoadRequest *request = own->request;
  mesh_code code = timeframe_parse(request->timeframe, &own->timeframe, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_text_copy(own->symbol, sizeof own->symbol, request->symbol);
  own->has_from = request->from != NULL;
  own->has_to = request->to != NULL;
  if (own->has_from) own->from_s = request->from->seconds;
  if (own->has_to) own->to_s = request->to->seconds;
  own->refresh = request->refresh;
  own->mode = request->mode;
  own->looks_only = request->dry_run || own->mode == MODE(LOCAL);
  millrace__v1__load_plan__init(&own->plan_message);  // also of a dry run that is cut before it
  if (own->mode == MODE(MODE_UNSPECIFIED)) {
    own->mode = own->has_from ? MODE(BACKFILL) : MODE(FULL);
  }
  fill_texts(own);
  return GRPC_STATUS_OK;
}

mesh_code load_prepare(void *data_manager, mesh_view request, mesh_start *start, mesh_work *work,
                       mesh_error *err) {
  load *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  own->manager = data_manager;
  own->request = data_request_take(&millrace__v1__load_request__descriptor,
                                   (mesh_frame){request.data, request.size_bytes, false}, err);
  mesh_code code = own->request != NULL ? take_request(own, err) : GRPC_STATUS_INVALID_ARGUMENT;
  if (code != GRPC_STATUS_OK) {
    free_load(own);
    return code;
  }
  *start = (mesh_start){.kind = "load",
                        .title = own->title,
                        .work_key = own->work_key,
                        .request = request,
                        .request_type = &millrace__v1__load_request__descriptor,
                        .options = own->request->start};
  *work = (mesh_work){.run = run, .on_end = free_load, .arg = own};
  return GRPC_STATUS_OK;
}
