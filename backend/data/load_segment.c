// One segment of a load: fetch, validate, store, report.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/data/fetch.h"
#include "backend/data/judge.h"
#include "backend/data/load_internal.h"
#include "mesh/rpc/pack.h"
#include "mesh/runtime/text.h"

#define SEGMENT_STATE(name) MILLRACE__V1__SEGMENT_REPORT__STATE__##name

// ---- progress ----

void load_progress(load *own, const char *note) {
  Millrace__V1__Progress progress = MILLRACE__V1__PROGRESS__INIT;
  double elapsed_s = (double)(mesh_now_ns() - own->started_ns) / 1e9;
  int left = (int)own->segments.count - own->done;
  progress.done = own->before + own->done;
  progress.total = own->before + (int64_t)own->segments.count;
  progress.unit = "segments";
  progress.bars = own->bars_stored;
  progress.rate = elapsed_s > 0 ? (double)own->bars_stored / elapsed_s : 0;
  progress.eta_s = own->done > 0 ? elapsed_s / own->done * left : -1;
  if (note != NULL) progress.note = (char *)note;
  mesh_operation_progress(own->operation, &progress);
}

// ---- commit ----

static mesh_code commit_with(load *own, const store_ledger *ledger, const bar_columns *from,
                             const mesh_entry *entry, mesh_error *err) {
  store_bars bars = {0};
  if (from != NULL) {
    bars = (store_bars){from->count, from->times, from->open,  from->high,
                        from->low,   from->close, from->volume};
  }
  series_key key = load_key(own);
  return store_journal_put_segment(own->manager->journal, &key, ledger, &bars, entry, err);
}

// The event and what it tells of, in one transaction.
static mesh_code commit_with_event(load *own, const store_ledger *ledger, const bar_columns *bars,
                                   mesh_view event, mesh_error *err) {
  mesh_entry entry;
  mesh_code code = mesh_operation_begin(
      own->operation, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_SEGMENT, event, &entry, err);
  if (code != GRPC_STATUS_OK) return code;
  code = commit_with(own, ledger, bars, &entry, err);
  if (code == GRPC_STATUS_OK) {
    mesh_operation_publish(own->operation, &entry);
  } else {
    mesh_operation_abandon(own->operation, &entry);
  }
  return code;
}

mesh_code load_commit(load *own, const store_ledger *ledger, const bar_columns *bars,
                      const Millrace__V1__SegmentReport *report, mesh_error *err) {
  mesh_bytes event = {0};
  mesh_code code;
  if (report != NULL) event = mesh_message_pack(&report->base);
  do {  // a store that is full or locked makes no load fail
    code = report == NULL ? commit_with(own, ledger, bars, NULL, err)
                          : commit_with_event(own, ledger, bars, mesh_bytes_view(event), err);
  } while (code != GRPC_STATUS_OK &&
           mesh_operation_await_journal(own->operation, err) == GRPC_STATUS_OK);
  free(event.data);
  return code == GRPC_STATUS_OK ? code : err->code;
}

// ---- the report ----

typedef struct segment_message {
  Millrace__V1__SegmentReport report;
  Millrace__V1__Interval interval;
  Google__Protobuf__Timestamp from, to;
} segment_message;

static void fill_message(segment_message *out, interval asked,
                         Millrace__V1__SegmentReport__State state, int attempts) {
  millrace__v1__segment_report__init(&out->report);
  millrace__v1__interval__init(&out->interval);
  google__protobuf__timestamp__init(&out->from);
  google__protobuf__timestamp__init(&out->to);
  out->from.seconds = asked.from_s;
  out->to.seconds = asked.to_s;
  out->interval.from = &out->from;
  out->interval.to = &out->to;
  out->report.interval = &out->interval;
  out->report.state = state;
  out->report.attempts = attempts;
}

// ---- what came of a fetch ----

static void count_segment(load *own, const judgement *found, size_t bars) {
  own->bars_stored += (int64_t)bars;
  own->bars_refused += (int64_t)found->refused;
  if (found->refused > 0 && own->first_refused[0] == '\0') {
    memcpy(own->first_refused, found->first_refused, sizeof found->first_refused);
  }
  if (found->empty) {
    own->empty++;
  } else {
    own->stored++;
  }
}

// How often a part of the interval was answered in vain before.
static int count_tries(const load *own, interval asked) {
  int tries = 0;
  for (size_t i = 0; i < own->vain_count; i++) {
    const load_vain *one = &own->vain[i];
    bool meets = one->at.from_s < asked.to_s && one->at.to_s > asked.from_s;
    if (meets && one->tries > tries) tries = one->tries;
  }
  return tries;
}

// An answer without the bar before it, which it was asked for too, may have been cut to its newest
// bars. Of a refresh every one may.
static store_coverage_state what_is_before(const load *own, const load_overlap *overlap) {
  if (own->is_refreshing) return STORE_OPEN;
  return overlap->there && !overlap->told ? STORE_EMPTY : STORE_STORED;
}

// Stores what came: bars, or the fact that there are none.
static mesh_code keep(load *own, interval asked, const load_overlap *overlap, fetch_result *fetched,
                      mesh_error *err) {
  bar_columns *bars = &fetched->bars;
  int64_t now_s = mesh_time_seconds(mesh_wall_ns());
  judge_answer answer = {.frame = own->timeframe,
                         .asked = asked,
                         .clock_s = fetched->clock_s != 0 ? fetched->clock_s : now_s,
                         .now_s = now_s,
                         .empty_reason = fetched->empty_reason,
                         .tries = count_tries(own, asked),
                         .before = what_is_before(own, overlap)};
  judgement *found = malloc(sizeof *found);
  if (found == NULL) abort();
  judge(&answer, bars, found);

  segment_message message;
  fill_message(&message, asked, found->empty ? SEGMENT_STATE(EMPTY) : SEGMENT_STATE(STORED),
               fetched->attempts);
  message.report.source = own->source;
  message.report.refresh = own->is_refreshing;
  message.report.bars = (int64_t)bars->count;
  message.report.refused = (int64_t)found->refused;
  message.report.reason = found->empty ? found->empty_reason : found->first_refused;
  store_ledger ledger = {found->parts, found->part_count};
  mesh_code code = load_commit(own, &ledger, bars, &message.report, err);
  if (code == GRPC_STATUS_OK) count_segment(own, found, bars->count);
  free(found);
  return code;
}

// Leaves a gap and says so.
static mesh_code leave_gap(load *own, interval asked, int attempts, const mesh_error *why,
                           mesh_error *err) {
  segment_message message;
  fill_message(&message, asked, SEGMENT_STATE(FAILED), attempts);
  char reason[LOAD_TEXT_MAX];
  mesh_text_format(reason, sizeof reason, "%.*s", MESH_TEXT_SHOWN(why->message, 250));
  message.report.reason = reason;
  message.report.refresh = own->is_refreshing;
  own->last_failure = *why;
  intervals_add(&own->missing, asked);
  mesh_text_copy(own->missing_reason, sizeof own->missing_reason, reason);
  store_coverage failed = {
      .from_s = asked.from_s, .to_s = asked.to_s, .state = STORE_FAILED, .reason = reason};
  store_ledger ledger = {&failed, 1};
  return load_commit(own, &ledger, NULL, &message.report, err);
}

// Errors that every further segment would meet too.
static bool ends_load(const mesh_error *why) {
  mesh_code code = why->code;
  if (mesh_error_is_retryable(why)) return false;
  return code == GRPC_STATUS_NOT_FOUND || code == GRPC_STATUS_INVALID_ARGUMENT ||
         code == GRPC_STATUS_PERMISSION_DENIED || code == GRPC_STATUS_UNAUTHENTICATED ||
         code == GRPC_STATUS_FAILED_PRECONDITION || code == GRPC_STATUS_UNIMPLEMENTED ||
         code == GRPC_STATUS_CANCELLED;
}

// The layers below answer a little before our own deadline strikes, and know what took so long.
static bool is_out_of_time(const mesh_scope *scope, mesh_code code) {
  const int64_t near_ns = 50000000;
  return code == GRPC_STATUS_DEADLINE_EXCEEDED && scope->deadline_ns - mesh_now_ns() < near_ns;
}

static void note_stopped(load *own, const char *name) {
  if (own->stopped_count == LOAD_NAMES_MAX) return;
  mesh_text_copy(own->stopped[own->stopped_count++], sizeof own->stopped[0], name);
}

// The source is not there for anybody: the patience is used up, or nothing ever came.
static bool is_away(const load *own, const mesh_error *why) {
  if (own->patience.until_ns != 0) return true;
  return why->code == GRPC_STATUS_UNAVAILABLE && own->stored + own->empty == 0;
}

// What a host says is cut to what a note has room for.
static void on_note(void *arg, const char *note) {
  char text[LOAD_TEXT_MAX];
  mesh_text_format(text, sizeof text, "%.*s", MESH_TEXT_SHOWN(note, 200));
  load_progress(arg, text);
}

static mesh_code fetch_and_keep(load *own, mesh_scope *scope, size_t index, bool may_be_put_off,
                                mesh_error *err) {
  interval asked = own->segments.items[index];
  load_overlap overlap;
  load_find_overlap(own, asked, &overlap);
  char name[PATIENCE_PIECE_MAX];
  mesh_text_format(name, sizeof name, "%s/%zu", mesh_operation_name(own->operation),
                   (size_t)own->before + index + 1);
  fetch_request request = {.operation = name,
                           .series = load_fetches(own),
                           .timeframe = own->timeframe->text,
                           .from_s = overlap.there ? overlap.time_s : asked.from_s,
                           .to_s = asked.to_s,
                           .on_note = on_note,
                           .note_arg = own};
  load_piece piece = {.own = own, .may_be_put_off = may_be_put_off};
  fetch_result fetched;
  mesh_error why;
  mesh_code code =
      fetch_bars(scope, own->manager->adapter, &request, load_again, &piece, &fetched, &why);
  own->requests += fetched.attempts;
  if (code == GRPC_STATUS_OK) code = load_check_source(own, fetched.source, &why);
  if (code == GRPC_STATUS_OK && !load_take_overlap(&overlap, asked, &fetched.bars)) {
    patience_end(&own->patience);
    own->disagrees = true;  // nothing more is put beside what is stored
    own->disputed_s = overlap.time_s;
    code = mesh_fail(err, GRPC_STATUS_ABORTED, "%s %s: the source has changed stored bars",
                     own->series.symbol, own->timeframe->text);
  } else if (code == GRPC_STATUS_OK) {
    patience_end(&own->patience);
    code = keep(own, asked, &overlap, &fetched, err);
    own->done++;
  } else if (scope->code != GRPC_STATUS_OK || ends_load(&why) || is_out_of_time(scope, code)) {
    if (scope->code != GRPC_STATUS_OK) note_stopped(own, name);
    *err = why;
  } else if (may_be_put_off && load_is_doubt(&why)) {
    own->doubted[own->doubted_count++] = index;
    code = GRPC_STATUS_OK;
  } else {
    own->give_up = own->give_up || is_away(own, &why);
    code = leave_gap(own, asked, fetched.attempts, &why, err);
    own->done++;
  }
  bar_columns_clear(&fetched.bars);
  return code;
}

static mesh_code load_one(mesh_scope *scope, size_t index, bool may_be_put_off, load *own,
                          mesh_error *err) {
  mesh_code code;
  if (own->give_up) {
    mesh_error why = own->last_failure;
    code = leave_gap(own, own->segments.items[index], 0, &why, err);
    own->done++;
  } else {
    code = fetch_and_keep(own, scope, index, may_be_put_off, err);
  }
  if (code == GRPC_STATUS_OK) load_progress(own, NULL);
  return code;
}

mesh_code load_segment(mesh_scope *scope, size_t index, void *arg, mesh_error *err) {
  return load_one(scope, index, true, arg, err);
}

mesh_code load_doubted(mesh_scope *scope, size_t index, void *arg, mesh_error *err) {
  load *own = arg;
  return load_one(scope, own->doubted[index], false, own, err);
}
