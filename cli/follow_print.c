#include "cli/follow_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/operation_text.h"
#include "cli/terminal/numbers.h"
#include "cli/terminal/output.h"
#include "cli/terminal/print.h"
#include "cli/terminal/progress.h"
#include "market/times.h"
#include "mesh/rpc/pack.h"
#include "mesh/rpc/status_details.h"
#include "mesh/runtime/text.h"

#define PAYLOAD(name) MILLRACE__V1__OPERATION_EVENT__PAYLOAD_##name
#define REDRAW_NS INT64_C(40000000)

enum { STILL_COLUMNS = 200 };  // of a line in a file

// ---- the live line ----

static void show_line(follow *own, const char *line) {
  print_own(stdout, "\r\033[K");
  print_text(stdout, "%s", line);
  fflush(stdout);
  own->line_shown = true;
}

static void draw_note(follow *own, const char *note) {
  if (!own->client->live) return;
  char line[PROGRESS_LINE_MAX];
  progress_state state = {
      .title = own->title, .unit = "", .eta_s = -1, .note = note, .ascii = !output_is_utf8()};
  progress_format(&state, output_columns() - 1, line);
  show_line(own, line);
}

void follow_print_end(follow *own) {
  if (!own->line_shown) return;
  print_text(stdout, "\r\033[K");
  fflush(stdout);
  own->line_shown = false;
}

void follow_print_waiting(follow *own, const mesh_error *why) {
  char note[FOLLOW_TEXT_MAX];
  mesh_text_format(note, sizeof note, "reattaching: %.*s", MESH_TEXT_SHOWN(why->message, 150));
  draw_note(own, note);
}

static void format_progress(const follow *own, const Millrace__V1__Progress *progress, bool bar,
                            int columns, char line[PROGRESS_LINE_MAX]) {
  char key[FOLLOW_TEXT_MAX] = "", note[FOLLOW_TEXT_MAX];
  bool trains = progress->loss > 0;
  mesh_text_format(note, sizeof note, "%s", progress->note);
  if (trains) {
    mesh_text_format(key, sizeof key, "%.*s, loss %.4f", MESH_TEXT_SHOWN(progress->note, 100),
                     progress->loss);
    mesh_text_format(note, sizeof note, "accuracy %.1f %%", 100 * progress->accuracy);
  }
  progress_state state = {.title = own->title,
                          .done = progress->done,
                          .total = progress->total,
                          .unit = progress->unit,
                          .rate = progress->rate,
                          .eta_s = progress->eta_s,
                          .key = key,
                          .note = own->cancel_ns > 0 ? "cancelling" : note,
                          .bars = progress->bars,
                          .ascii = !output_is_utf8(),
                          .no_bar = !bar};
  progress_format(&state, columns, line);
}

static void print_progress(follow *own, mesh_view body) {
  if (own->client->json) return;
  Millrace__V1__Progress *progress =
      mesh_message_unpack(&millrace__v1__progress__descriptor, body.data, body.size_bytes);
  if (progress == NULL) return;
  if (own->progress != NULL) millrace__v1__progress__free_unpacked(own->progress, NULL);
  own->progress = progress;
  if (!own->client->live || mesh_now_ns() - own->drawn_ns < REDRAW_NS) return;
  char line[PROGRESS_LINE_MAX];
  format_progress(own, progress, true, output_columns() - 1, line);
  show_line(own, line);
  own->drawn_ns = mesh_now_ns();
}

void follow_print_still(follow *own) {
  if (own->client->json || own->client->live || own->progress == NULL) return;
  char line[PROGRESS_LINE_MAX];
  format_progress(own, own->progress, false, STILL_COLUMNS, line);
  print_text(stderr, "%s\n", line);
  own->stills++;
}

// ---- lines that stay ----

static void print_log(follow *own, mesh_view body) {
  static const char *const levels[] = {"", "", "warning: ", "error: "};
  Millrace__V1__LogLine *line =
      mesh_message_unpack(&millrace__v1__log_line__descriptor, body.data, body.size_bytes);
  if (line == NULL) return;
  follow_print_end(own);
  unsigned level = (unsigned)line->level;
  print_text(stdout, "%s: %s%s\n", line->layer, level < 4 ? levels[level] : "", line->text);
  millrace__v1__log_line__free_unpacked(line, NULL);
}

static void print_segment(follow *own, mesh_view body) {
  Millrace__V1__SegmentReport *report =
      mesh_message_unpack(&millrace__v1__segment_report__descriptor, body.data, body.size_bytes);
  if (report == NULL) return;
  bool failed = report->state == MILLRACE__V1__SEGMENT_REPORT__STATE__FAILED;
  if ((failed || report->refused > 0) && report->interval != NULL &&
      report->interval->from != NULL && report->interval->to != NULL) {
    char from[TIMES_TEXT_MAX], to[TIMES_TEXT_MAX];
    times_format_short(report->interval->from->seconds, from);
    times_format_short(report->interval->to->seconds, to);
    follow_print_end(own);
    if (failed) print_text(stdout, "%s..%s failed: %s\n", from, to, report->reason);
    if (!failed)
      print_text(stdout, "%s..%s: %" PRId64 " bars refused: %s\n", from, to, report->refused,
                 report->reason);
  }
  millrace__v1__segment_report__free_unpacked(report, NULL);
}

// One line an epoch; what a restarted host repeats was shown already.
static void print_epoch(follow *own, mesh_view body) {
  Millrace__V1__EpochReport *report =
      mesh_message_unpack(&millrace__v1__epoch_report__descriptor, body.data, body.size_bytes);
  if (report == NULL) return;
  if (report->epoch > own->last_epoch) {
    follow_print_end(own);
    operation_print_epoch(stdout, report);
    own->last_epoch = report->epoch;
  }
  millrace__v1__epoch_report__free_unpacked(report, NULL);
}

static void print_joined(follow *own, mesh_view body) {
  Millrace__V1__Joined *joined =
      mesh_message_unpack(&millrace__v1__joined__descriptor, body.data, body.size_bytes);
  if (joined == NULL) return;
  follow_print_end(own);
  print_text(stdout, "joined %s, which was started before (%s)\n", own->name, joined->because);
  millrace__v1__joined__free_unpacked(joined, NULL);
}

static void print_adopted(follow *own, mesh_view body) {
  Millrace__V1__Adopted *adopted =
      mesh_message_unpack(&millrace__v1__adopted__descriptor, body.data, body.size_bytes);
  if (adopted == NULL) return;
  follow_print_end(own);
  print_text(stdout, "%s goes on with %s: %s\n", adopted->layer, own->name, adopted->reason);
  millrace__v1__adopted__free_unpacked(adopted, NULL);
}

static void print_failure(follow *own, const Millrace__V1__Attempt *attempt) {
  char wait[NUMBERS_TEXT_MAX];
  numbers_span((double)attempt->wait_ms / 1e3, wait);
  follow_print_end(own);
  print_text(stdout, "attempt %d at %s failed: %s; the next one in %s\n", attempt->number,
             attempt->piece, attempt->error != NULL ? attempt->error->message : "", wait);
}

// True if it says that a piece of the mesh is away: that is one line, however many attempts meet
// it.
static bool print_outage(follow *own, const Millrace__V1__Attempt *attempt) {
  if (attempt->error == NULL) return false;
  char who[OUTAGE_TEXT_MAX], text[OUTAGE_TEXT_MAX];
  mesh_error why;
  mesh_bytes details = mesh_message_pack(&attempt->error->base);
  mesh_fail(&why, (mesh_code)attempt->error->code, "%s", attempt->error->message);
  mesh_error_decode_details(&why, details.data, details.size_bytes);
  free(details.data);
  if (!outage_read(&why, who, text)) return false;
  if (outage_is_news(&own->away, who, own->event_ns, attempt->wait_ms)) {
    follow_print_end(own);
    print_text(stdout, "%s\n", text);
  }
  return true;
}

static void print_attempt(follow *own, mesh_view body) {
  Millrace__V1__Attempt *attempt =
      mesh_message_unpack(&millrace__v1__attempt__descriptor, body.data, body.size_bytes);
  if (attempt == NULL) return;
  if (!print_outage(own, attempt)) print_failure(own, attempt);
  millrace__v1__attempt__free_unpacked(attempt, NULL);
}

static void print_cancel_requested(follow *own, mesh_view body) {
  Millrace__V1__CancelRequested *asked =
      mesh_message_unpack(&millrace__v1__cancel_requested__descriptor, body.data, body.size_bytes);
  if (asked == NULL) return;
  if (own->cancel_ns == 0) {  // somebody else did
    follow_print_end(own);
    print_text(stdout, "%s is being cancelled by %s\n", own->name, asked->requested_by);
  }
  millrace__v1__cancel_requested__free_unpacked(asked, NULL);
}

static void print_accepted(follow *own) {
  if (own->until_accepted) {
    print_text(stdout, "%s started: %s\n", own->name, own->title);
  } else {
    draw_note(own, own->name);
  }
}

typedef struct printer {
  uint32_t payload;
  void (*print)(follow *own, mesh_view body);
} printer;

static const printer printers[] = {
    {PAYLOAD(PROGRESS), print_progress}, {PAYLOAD(LOG), print_log},
    {PAYLOAD(SEGMENT), print_segment},   {PAYLOAD(EPOCH_REPORT), print_epoch},
    {PAYLOAD(JOINED), print_joined},     {PAYLOAD(ADOPTED), print_adopted},
    {PAYLOAD(ATTEMPT), print_attempt},   {PAYLOAD(CANCEL_REQUESTED), print_cancel_requested},
};

mesh_code follow_print_event(follow *own, const mesh_event *event, mesh_view bytes,
                             mesh_error *err) {
  if (event->payload == PAYLOAD(HEARTBEAT)) return GRPC_STATUS_OK;
  if (own->client->json) {
    return client_put_json(own->client, "millrace.v1.OperationEvent", bytes, err);
  }
  own->event_ns = event->time_ns;
  if (event->payload == PAYLOAD(ACCEPTED)) print_accepted(own);
  if (event->payload == PAYLOAD(DRAIN)) draw_note(own, "the backend leaves; reattaching");
  for (size_t i = 0; i < sizeof printers / sizeof *printers; i++) {
    if (printers[i].payload == event->payload) printers[i].print(own, event->body);
  }
  return GRPC_STATUS_OK;
}

void follow_print_left(const follow *own) {
  if (own->name[0] == '\0') {
    print_text(stderr, "millrace: %s: interrupted\n", own->client->command->name);
  } else if (own->cancel_ns > 0) {
    print_text(stderr, "millrace: %s: interrupted; %s could not be cancelled: %s\n",
               own->client->command->name, own->name, own->client->scope.why);
  } else {
    print_text(stderr, "millrace: %s: stopped watching; %s goes on%s\n", own->client->command->name,
               own->name, own->accepted && !own->detached ? " while somebody watches it" : "");
  }
}

// ---- the outcome ----

// Each that failed was told when it did.
static mesh_code conclude_many(follow *own, const Millrace__V1__LoadManyResult *many,
                               mesh_error *err) {
  if (many->failed == 0) return GRPC_STATUS_OK;
  own->client->exit_code = EXIT_CODE_FAILED;
  return mesh_fail(err, GRPC_STATUS_ABORTED, "%d of %zu series are not complete", many->failed,
                   many->n_parts);
}

static mesh_code conclude_success(follow *own, const Millrace__V1__Succeeded *succeeded,
                                  mesh_error *err) {
  if (!own->client->json) print_text(stdout, "%s: %s\n", own->title, succeeded->summary);
  if (succeeded->result_case == MILLRACE__V1__SUCCEEDED__RESULT_LOAD_MANY) {
    return conclude_many(own, succeeded->load_many, err);
  }
  const Millrace__V1__LoadResult *load =
      succeeded->result_case == MILLRACE__V1__SUCCEEDED__RESULT_LOAD ? succeeded->load : NULL;
  if (load == NULL || load->n_missing == 0) return GRPC_STATUS_OK;
  char from[TIMES_TEXT_MAX] = "?", to[TIMES_TEXT_MAX] = "?";
  const Millrace__V1__Interval *first = load->missing[0];
  if (first->from != NULL) times_format_short(first->from->seconds, from);
  if (first->to != NULL) times_format_short(first->to->seconds, to);
  own->client->exit_code = EXIT_CODE_FAILED;
  return mesh_fail(err, GRPC_STATUS_ABORTED,
                   "incomplete: %zu intervals are missing, the first is %s..%s: %.*s",
                   load->n_missing, from, to, MESH_TEXT_SHOWN(load->missing_reason, 300));
}

// How long after our Ctrl-C the last layer stopped; "" where that cannot be said.
static void format_delay(const follow *own, const Millrace__V1__Cancelled *cancelled,
                         char out[NUMBERS_TEXT_MAX + 32]) {
  out[0] = '\0';
  if (own->cancel_ns == 0 || cancelled->n_stops == 0) return;
  const Google__Protobuf__Timestamp *time = cancelled->stops[cancelled->n_stops - 1]->time;
  if (time == NULL) return;
  double delay_s =
      (double)mesh_time_between(own->cancel_ns, mesh_time_join(time->seconds, time->nanos)) / 1e9;
  char span[NUMBERS_TEXT_MAX];
  numbers_span(delay_s < 0 ? 0 : delay_s, span);
  mesh_text_format(out, NUMBERS_TEXT_MAX + 32, " (%s after the request)", span);
}

static mesh_code conclude_cancelled(follow *own, const Millrace__V1__Cancelled *cancelled,
                                    mesh_error *err) {
  char delay[NUMBERS_TEXT_MAX + 32];
  format_delay(own, cancelled, delay);
  bool known = cancelled->last_layer[0] != '\0', has_summary = cancelled->summary[0] != '\0';
  mesh_fail(err, GRPC_STATUS_CANCELLED, "%s%s%s%s%s", known ? "last layer to stop: " : "asked by ",
            known ? cancelled->last_layer : cancelled->requested_by, delay, has_summary ? "; " : "",
            cancelled->summary);
  if (own->client->interrupted) {
    print_text(stderr, "millrace: %s: cancelled; %s\n", own->client->command->name, err->message);
  }
  return GRPC_STATUS_CANCELLED;
}

// The error of an operation that failed; names the operation where the error does not.
static mesh_code conclude_failed(follow *own, const Google__Rpc__Status *failed, mesh_error *err) {
  mesh_code code = mesh_failure_code(failed->code);
  own->client->exit_code = exit_code_of_outcome(code);
  char subject[FOLLOW_TEXT_MAX];
  mesh_text_format(subject, sizeof subject, "%.*s", (int)strcspn(own->title, " "), own->title);
  bool named = strstr(failed->message, subject) != NULL;
  return mesh_fail(err, code, "%s%s%s", named ? "" : own->title, named ? "" : ": ",
                   failed->message);
}

mesh_code follow_conclude(follow *own, mesh_error *err) {
  const Millrace__V1__Outcome *outcome = own->outcome;
  if (outcome->outcome_case == MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED) {
    return conclude_success(own, outcome->succeeded, err);
  }
  if (outcome->outcome_case == MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED) {
    return conclude_cancelled(own, outcome->cancelled, err);
  }
  if (outcome->outcome_case == MILLRACE__V1__OUTCOME__OUTCOME_FAILED) {
    return conclude_failed(own, outcome->failed, err);
  }
  return client_bad_reply("Outcome", err);
}
