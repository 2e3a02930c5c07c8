#include "backend/data/manager_gaps.h"

#include <math.h>
#include <stdlib.h>

#include "backend/data/gaps.h"
#include "backend/data/manager.h"
#include "backend/data/settled.h"
#include "market/timeframe.h"
#include "mesh/rpc/message.h"
#include "mesh/runtime/pool.h"
#include "mesh/runtime/text.h"
#include "millrace/v1/data.pb-c.h"
#include "requests/data.h"

#define CAUSE(name) MILLRACE__V1__GAP__CAUSE__##name

// What the ledger says of an interval that is not settled.
typedef struct note {
  interval at;
  Millrace__V1__Gap__Cause cause;
  char reason[256];
  int64_t asked_s, again_s;
} note;

typedef struct gaps_job {
  data_manager *self;
  const Millrace__V1__GapsRequest *request;
  const timeframe *frame;
  interval window;
  bool has_window;
  intervals known;    // not to be shown
  intervals changed;  // bars that the source has changed, to be shown
  bool refreshing;    // the series is to be refreshed
  note *notes;        // owned, oldest first
  size_t count, room;
  mesh_error *err;
  mesh_code code;
  bool heard;  // something is known of the series
} gaps_job;

static void add_note(gaps_job *job, const store_coverage *coverage,
                     Millrace__V1__Gap__Cause cause) {
  if (job->count == job->room) {
    job->room = 2 * job->room + 4;
    job->notes = realloc(job->notes, job->room * sizeof *job->notes);
    if (job->notes == NULL) abort();
  }
  note *added = &job->notes[job->count++];
  *added = (note){.at = {coverage->from_s, coverage->to_s},
                  .cause = cause,
                  .asked_s = coverage->asked_s,
                  .again_s = coverage->again_s};
  mesh_text_copy(added->reason, sizeof added->reason, coverage->reason);
}

static void take_coverage(void *arg, const store_coverage *coverage) {
  static const Millrace__V1__Gap__Cause causes[] = {
      [STORE_STORED] = CAUSE(CAUSE_UNSPECIFIED),
      [STORE_EMPTY] = CAUSE(EMPTY),
      [STORE_FAILED] = CAUSE(FAILED),
      [STORE_OPEN] = CAUSE(UNSETTLED),
      [STORE_REFUSED] = CAUSE(REFUSED),
  };
  gaps_job *job = arg;
  job->heard = true;
  // What lies before the source's first bar was not asked for by anybody.
  bool before = coverage->state == STORE_EMPTY && coverage->again_s == STORE_NEVER;
  if (!job->has_window && (!before || job->request->all) && coverage->from_s < job->window.from_s) {
    job->window.from_s = coverage->from_s;
  }
  if (!job->has_window && coverage->to_s > job->window.to_s) job->window.to_s = coverage->to_s;
  bool shown =
      coverage->state != STORE_STORED && (job->request->all || coverage->state != STORE_EMPTY);
  if (shown) {
    add_note(job, coverage, causes[coverage->state]);
  } else {
    intervals_add(&job->known, (interval){coverage->from_s, coverage->to_s});
  }
}

static void take_change(void *arg, const store_change *change) {
  gaps_job *job = arg;
  char reason[128];
  interval at = {change->time_s, timeframe_end(job->frame, change->time_s)};
  if (isnan(change->is)) {
    mesh_text_format(reason, sizeof reason, "close %.10g was stored; the source has no such bar",
                     change->was);
  } else {
    mesh_text_format(reason, sizeof reason, "close %.10g was stored; the source says %.10g",
                     change->was, change->is);
  }
  store_coverage shown = {.from_s = at.from_s, .to_s = at.to_s, .reason = reason};
  intervals_add(&job->changed, at);
  add_note(job, &shown, CAUSE(CHANGED));
}

static void take_shadow(void *arg, const store_coverage *coverage) {
  (void)coverage;
  ((gaps_job *)arg)->refreshing = true;
}

static int compare_notes(const void *a, const void *b) {
  const note *one = a, *other = b;
  return one->at.from_s < other->at.from_s ? -1 : one->at.from_s > other->at.from_s;
}

// Bars that were changed are stored, and shown all the same.
static mesh_code read_changes(gaps_job *job, const series_choice *series, const series_key *key) {
  series_choice shadow = series_shadow(series);
  series_key shadow_key = series_choice_key(&shadow, key->timeframe);
  store *store = job->self->store;
  mesh_code code =
      store_read_coverage(store, &shadow_key, INT64_MIN, INT64_MAX, take_shadow, job, job->err);
  if (code != GRPC_STATUS_OK || (!job->refreshing && !job->request->all)) return code;
  code = store_read_changes(store, key, INT64_MIN, INT64_MAX, take_change, job, job->err);
  if (code != GRPC_STATUS_OK || job->changed.count == 0) return code;
  intervals shown = {0};
  intervals_normalize(&job->known);
  intervals_normalize(&job->changed);
  for (size_t i = 0; i < job->known.count; i++)
    intervals_subtract(job->known.items[i], &job->changed, &shown);
  intervals_clear(&job->known);
  job->known = shown;
  qsort(job->notes, job->count, sizeof *job->notes, compare_notes);
  return code;
}

static void do_read_gaps(void *arg) {
  gaps_job *job = arg;
  const Millrace__V1__GapsRequest *request = job->request;
  series_key asked = {request->symbol, request->timeframe, request->source, request->prices,
                      request->session};
  series_choice found;
  job->code =
      series_choose(job->self->store, &asked, &job->self->options.defaults, &found, job->err);
  if (job->code != GRPC_STATUS_OK) return;
  series_key key = series_choice_key(&found, request->timeframe);
  job->code = store_read_coverage(job->self->store, &key, INT64_MIN, INT64_MAX, take_coverage, job,
                                  job->err);
  for (size_t i = 0; i < job->count && job->code == GRPC_STATUS_OK; i++) {
    open_interval open = {job->notes[i].at, job->notes[i].asked_s};
    if (job->notes[i].cause == CAUSE(UNSETTLED) &&
        settled_by_later_bar(job->self->store, &key, job->frame, &open)) {
      intervals_add(&job->known, open.at);
    }
  }
  if (job->code == GRPC_STATUS_OK) job->code = read_changes(job, &found, &key);
}

static mesh_code send_gap(mesh_call *call, interval at, Millrace__V1__Gap__Cause cause,
                          const note *why, mesh_error *err) {
  Google__Protobuf__Timestamp from = GOOGLE__PROTOBUF__TIMESTAMP__INIT, to = from, again = from;
  Millrace__V1__Interval where = MILLRACE__V1__INTERVAL__INIT;
  Millrace__V1__Gap gap = MILLRACE__V1__GAP__INIT;
  from.seconds = at.from_s;
  to.seconds = at.to_s;
  where.from = &from;
  where.to = &to;
  gap.interval = &where;
  gap.cause = cause;
  if (why != NULL) gap.reason = (char *)why->reason;
  if (why != NULL && why->again_s > 0 && why->again_s != STORE_NEVER) {
    again.seconds = why->again_s;
    gap.again = &again;
  }
  return mesh_message_send(call, &gap.base, err);
}

static bool is_closed(const gaps_job *job, interval at) {
  intervals one = {0};
  intervals_add(&one, at);
  gaps_drop_closed(calendar_of(job->request->symbol), job->frame, &one);
  bool closed = one.count == 0;
  intervals_clear(&one);
  return closed;
}

static mesh_code send_unasked(const gaps_job *job, mesh_call *call, interval at, mesh_error *err) {
  bool closed = job->request->all && is_closed(job, at);
  return send_gap(call, at, closed ? CAUSE(CLOSED) : CAUSE(NEVER_ASKED), NULL, err);
}

// A gap, in pieces by their cause.
static mesh_code send_pieces(const gaps_job *job, mesh_call *call, interval gap, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  int64_t at_s = gap.from_s;
  for (size_t i = 0; i < job->count && code == GRPC_STATUS_OK; i++) {
    const note *why = &job->notes[i];
    interval piece = why->at;
    if (piece.from_s < at_s) piece.from_s = at_s;
    if (piece.to_s > gap.to_s) piece.to_s = gap.to_s;
    if (piece.from_s >= piece.to_s) continue;
    if (at_s < piece.from_s) {
      code = send_unasked(job, call, (interval){at_s, piece.from_s}, err);
    }
    if (code == GRPC_STATUS_OK) code = send_gap(call, piece, why->cause, why, err);
    at_s = piece.to_s;
  }
  if (code != GRPC_STATUS_OK || at_s >= gap.to_s) return code;
  return send_unasked(job, call, (interval){at_s, gap.to_s}, err);
}

static int64_t seconds_or(const Google__Protobuf__Timestamp *time, int64_t unset) {
  return time == NULL ? unset : time->seconds;
}

static mesh_code send_window(gaps_job *job, mesh_call *call, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  intervals gaps = {0};
  intervals_normalize(&job->known);
  gaps_find(job->window, &job->known, &gaps);
  if (!job->request->all) gaps_drop_closed(calendar_of(job->request->symbol), job->frame, &gaps);
  for (size_t i = 0; i < gaps.count && code == GRPC_STATUS_OK; i++)
    code = send_pieces(job, call, gaps.items[i], err);
  intervals_clear(&gaps);
  return code;
}

static mesh_code send_gaps(gaps_job *job, mesh_call *call, mesh_error *err) {
  mesh_code code = timeframe_parse(job->request->timeframe, &job->frame, err);
  if (code != GRPC_STATUS_OK) return code;
  job->has_window = job->request->from != NULL && job->request->to != NULL;
  job->window = (interval){seconds_or(job->request->from, INT64_MAX),
                           seconds_or(job->request->to, INT64_MIN)};
  code = mesh_pool_ask(job->self->pool, mesh_call_scope(call), do_read_gaps, job, err);
  if (code != GRPC_STATUS_OK) return code;
  if (job->code != GRPC_STATUS_OK) return job->code;
  if (!job->heard) {
    return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no bars of %s %s were asked for yet",
                     job->request->symbol, job->request->timeframe);
  }
  if (job->request->from != NULL) job->window.from_s = job->request->from->seconds;
  if (job->request->to != NULL) job->window.to_s = job->request->to->seconds;
  if (job->window.from_s >= job->window.to_s)
    return GRPC_STATUS_OK;  // nothing is known, nothing asked
  return send_window(job, call, err);
}

mesh_code data_manager_gaps(mesh_call *call, mesh_frame frame, void *arg, mesh_error *err) {
  Millrace__V1__GapsRequest *request =
      data_request_take(&millrace__v1__gaps_request__descriptor, frame, err);
  if (request == NULL) return GRPC_STATUS_INVALID_ARGUMENT;
  gaps_job job = {.self = arg, .request = request, .err = err};
  mesh_code code = send_gaps(&job, call, err);
  intervals_clear(&job.known);
  intervals_clear(&job.changed);
  free(job.notes);
  millrace__v1__gaps_request__free_unpacked(request, NULL);
  return code;
}
