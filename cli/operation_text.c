#include "cli/operation_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/terminal/print.h"
#include "cli/terminal/row.h"
#include "market/times.h"
#include "mesh/rpc/pack.h"
#include "mesh/runtime/time.h"

#define PAYLOAD(name) MILLRACE__V1__OPERATION_EVENT__PAYLOAD_##name
#define OUTCOME(name) MILLRACE__V1__OUTCOME__OUTCOME_##name

const char *operation_state_name(Millrace__V1__OperationState state) {
  static const char *const names[] = {"?",         "RUNNING", "CANCELLING",
                                      "SUCCEEDED", "FAILED",  "CANCELLED"};
  return (unsigned)state < sizeof names / sizeof *names ? names[state] : names[0];
}

static void format_time(const Google__Protobuf__Timestamp *time, char out[TIMES_TEXT_MAX]) {
  snprintf(out, TIMES_TEXT_MAX, "-");
  if (time != NULL) times_format(time->seconds, out);
}

// The one line that says how it ended.
static const char *outcome_line(const Millrace__V1__Outcome *outcome) {
  switch (outcome->outcome_case) {
    case OUTCOME(SUCCEEDED):
      return outcome->succeeded->summary;
    case OUTCOME(FAILED):
      return outcome->failed->message;
    case OUTCOME(CANCELLED):
      return outcome->cancelled->summary;
    default:
      return "";
  }
}

// ---- operations ----

void operation_print_header(FILE *out) {
  row_print(out, "%-16s %-10s %-20s %s", "NAME", "STATE", "STARTED", "WHAT");
}

void operation_print_row(FILE *out, const Millrace__V1__Operation *operation) {
  char started[TIMES_TEXT_MAX];
  format_time(operation->created, started);
  row_print(out, "%-16s %-10s %-20s %s %s%s", operation->name,
            operation_state_name(operation->state), started, operation->kind, operation->title,
            operation->damaged[0] != '\0' ? " (damaged)"
            : operation->detached         ? " (detached)"
                                          : "");
}

static int64_t ns_of(const Google__Protobuf__Timestamp *time) {
  return time == NULL ? 0 : mesh_time_join(time->seconds, time->nanos);
}

static void print_cancelled(FILE *out, const Millrace__V1__Cancelled *cancelled) {
  print_text(out, "cancelled by  %s%s\n", cancelled->requested_by,
             cancelled->forced ? "; ended by force: not everything below had acknowledged it" : "");
  for (size_t i = 0; i < cancelled->n_stops; i++) {
    const Millrace__V1__LayerStop *stop = cancelled->stops[i];
    double after_ms = (double)(ns_of(stop->time) - ns_of(cancelled->requested)) / 1e6;
    print_text(out, "stopped       %-14s %.3f ms after the request  %s\n", stop->layer, after_ms,
               stop->detail);
  }
}

void operation_print_whole(FILE *out, const Millrace__V1__Operation *operation) {
  char created[TIMES_TEXT_MAX], updated[TIMES_TEXT_MAX];
  format_time(operation->created, created);
  format_time(operation->updated, updated);
  print_text(out, "name          %s\nwhat          %s %s\nstate         %s%s\n", operation->name,
             operation->kind, operation->title, operation_state_name(operation->state),
             operation->detached ? ", detached" : "");
  print_text(out, "started       %s\nupdated       %s\nevents        %" PRId64 "\n", created,
             updated, operation->last_sequence);
  for (size_t i = 0; i < operation->n_labels; i++) {
    print_text(out, "label         %s=%s\n", operation->labels[i]->key,
               operation->labels[i]->value);
  }
  if (operation->epoch > 1) {
    print_text(out, "epoch         %" PRId64 ": taken over by a new process %" PRId64 " times\n",
               operation->epoch, operation->epoch - 1);
  }
  if (operation->checkpoint != NULL) {
    print_text(out, "checkpoint    %" PRId64 "/%" PRId64 " %s\n", operation->checkpoint->position,
               operation->checkpoint->total, operation->checkpoint->unit);
  }
  if (operation->progress != NULL) {
    print_text(out, "progress      %" PRId64 "/%" PRId64 " %s  %s\n", operation->progress->done,
               operation->progress->total, operation->progress->unit, operation->progress->note);
  }
  if (operation->damaged[0] != '\0') {
    print_text(out, "damaged       what the store has of its %s is damaged\n", operation->damaged);
  }
  if (operation->outcome == NULL) return;
  if (operation->outcome->outcome_case == OUTCOME(CANCELLED)) {
    print_cancelled(out, operation->outcome->cancelled);
  }
  print_text(out, "outcome       %s\n", outcome_line(operation->outcome));
}

// ---- events ----

void operation_print_epoch(FILE *out, const Millrace__V1__EpochReport *report) {
  const Millrace__V1__Metrics *train = report->train, *validation = report->validation;
  char trained[64] = "", validated[64] = "";
  if (train != NULL) {
    snprintf(trained, sizeof trained, "  loss %.4f  acc %.1f%%", train->loss,
             100 * train->accuracy);
  }
  if (validation != NULL) {
    snprintf(validated, sizeof validated, "  val %.4f  %.1f%%", validation->loss,
             100 * validation->accuracy);
  }
  row_print(out, "epoch %*d/%d%s%s  lr %.2g  %.2f M/s%s", report->epochs > 99 ? 3 : 2,
            report->epoch, report->epochs, trained, validated, report->learning_rate,
            report->samples_per_s / 1e6, report->best ? "  best" : "");
}

static void print_segment(FILE *out, const Millrace__V1__SegmentReport *report) {
  static const char *const states[] = {"?", "stored", "empty", "failed"};
  char from[TIMES_TEXT_MAX] = "-", to[TIMES_TEXT_MAX] = "-";
  if (report->interval != NULL) {
    format_time(report->interval->from, from);
    format_time(report->interval->to, to);
  }
  unsigned state = (unsigned)report->state;
  print_text(out, "segment   %s..%s %s, %" PRId64 " bars  %s\n", from, to,
             states[state < 4 ? state : 0], report->bars, report->reason);
}

static void print_resumes(FILE *out, const Millrace__V1__Accepted *accepted) {
  const Millrace__V1__Checkpoint *from = accepted->checkpoint;
  print_text(out, "resumes   %s", accepted->resumes);
  if (from != NULL) {
    print_text(out, ", from %" PRId64 "/%" PRId64 " %s", from->position, from->total, from->unit);
  }
  print_text(out, "\n");
}

// An operation that its host did not survive before its first checkpoint has one without a
// position.
static void print_checkpoint(FILE *out, const Millrace__V1__Checkpoint *checkpoint) {
  bool none = checkpoint->unit[0] == '\0' && checkpoint->position == 0 && checkpoint->total == 0;
  if (none) {
    print_text(out, "checkpoint  none yet");
  } else {
    print_text(out, "checkpoint  %" PRId64 "/%" PRId64 " %s", checkpoint->position,
               checkpoint->total, checkpoint->unit);
  }
  if (checkpoint->lost > 0) {
    print_text(out, "; its host was lost %d time%s since %s", checkpoint->lost,
               checkpoint->lost == 1 ? "" : "s", none ? "the start" : "then");
  }
  print_text(out, "\n");
}

static void print_payload(FILE *out, const Millrace__V1__OperationEvent *event) {
  switch (event->payload_case) {
    case PAYLOAD(ACCEPTED):
      print_text(out, "accepted  %s %s%s\n", event->accepted->kind, event->accepted->title,
                 event->accepted->detached ? " (detached)" : "");
      if (event->accepted->resumes[0] != '\0') print_resumes(out, event->accepted);
      break;
    case PAYLOAD(SEGMENT):
      print_segment(out, event->segment);
      break;
    case PAYLOAD(LOG):
      print_text(out, "log       %s: %s\n", event->log->layer, event->log->text);
      break;
    case PAYLOAD(CANCEL_REQUESTED):
      print_text(out, "cancel    asked for by %s\n", event->cancel_requested->requested_by);
      break;
    case PAYLOAD(ADOPTED):
      print_text(out, "adopted   %s: %s\n", event->adopted->layer, event->adopted->reason);
      break;
    case PAYLOAD(ATTEMPT):
      print_text(out, "attempt   %d at %s failed: %s\n", event->attempt->number,
                 event->attempt->piece,
                 event->attempt->error != NULL ? event->attempt->error->message : "");
      break;
    case PAYLOAD(EPOCH_REPORT):
      operation_print_epoch(out, event->epoch_report);
      break;
    case PAYLOAD(CHECKPOINT):
      print_checkpoint(out, event->checkpoint);
      break;
    case PAYLOAD(DRAIN):
      print_text(out, "drain     %s\n", event->drain->layer);
      break;
    case PAYLOAD(OUTCOME):
      print_text(out, "outcome   %s\n", outcome_line(event->outcome));
      break;
    case PAYLOAD(BARS):
      print_text(out, "bars      %zu\n", event->bars->n_times);
      break;
    case PAYLOAD(PROGRESS):
      print_text(out, "progress  %" PRId64 "/%" PRId64 " %s  %s\n", event->progress->done,
                 event->progress->total, event->progress->unit, event->progress->note);
      break;
    default:
      print_text(out, "unknown\n");
  }
}

mesh_code operation_print_event(FILE *out, mesh_view bytes, mesh_error *err) {
  Millrace__V1__OperationEvent *event =
      mesh_message_unpack(&millrace__v1__operation_event__descriptor, bytes.data, bytes.size_bytes);
  if (event == NULL) {
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the reply is no OperationEvent");
  }
  char time[TIMES_TEXT_MAX];
  format_time(event->time, time);
  print_text(out, "%4" PRId64 "  %s  ", event->sequence, time);
  print_payload(out, event);
  millrace__v1__operation_event__free_unpacked(event, NULL);
  return GRPC_STATUS_OK;
}
