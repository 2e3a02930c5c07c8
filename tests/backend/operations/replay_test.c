// Operations rebuilt from their events alone: after each event of a life, and from what is no life.
#include "backend/operations/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/operation/event.h"
#include "tests/unit.h"

#define PAYLOAD(name) MILLRACE__V1__OPERATION_EVENT__PAYLOAD_##name
#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name

enum { LIFE_MAX = 8, SECOND = 1000000000 };

// ---- events ----

typedef enum body {
  NOTHING,
  ACCEPTED,
  CANCEL,
  CHECKPOINT,
  SUCCEEDED,
  FAILED,
  CANCELLED,
  NO_OUTCOME,
  GARBAGE,
} body;

typedef struct step {
  uint32_t payload;
  body body;
  int64_t sequence, epoch;
  int64_t position;  // of a checkpoint
} step;

static size_t pack_body(const step *step, uint8_t out[256]) {
  Millrace__V1__Accepted__LabelsEntry team = MILLRACE__V1__ACCEPTED__LABELS_ENTRY__INIT, *labels[1];
  team.key = "team", team.value = "fx";
  labels[0] = &team;
  Millrace__V1__Accepted accepted = MILLRACE__V1__ACCEPTED__INIT;
  accepted.kind = "load", accepted.title = "EURUSD 1h", accepted.detached = true;
  accepted.labels = labels, accepted.n_labels = 1;
  Millrace__V1__CancelRequested cancel = MILLRACE__V1__CANCEL_REQUESTED__INIT;
  Millrace__V1__Checkpoint checkpoint = MILLRACE__V1__CHECKPOINT__INIT;
  checkpoint.position = step->position;
  Millrace__V1__Outcome outcome = MILLRACE__V1__OUTCOME__INIT;
  Millrace__V1__Succeeded succeeded = MILLRACE__V1__SUCCEEDED__INIT;
  Google__Rpc__Status failed = GOOGLE__RPC__STATUS__INIT;
  Millrace__V1__Cancelled cancelled = MILLRACE__V1__CANCELLED__INIT;
  switch (step->body) {
    case ACCEPTED:
      return millrace__v1__accepted__pack(&accepted, out);
    case CANCEL:
      return millrace__v1__cancel_requested__pack(&cancel, out);
    case CHECKPOINT:
      return millrace__v1__checkpoint__pack(&checkpoint, out);
    case SUCCEEDED:
      outcome.outcome_case = MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED;
      outcome.succeeded = &succeeded;
      return millrace__v1__outcome__pack(&outcome, out);
    case FAILED:
      outcome.outcome_case = MILLRACE__V1__OUTCOME__OUTCOME_FAILED;
      outcome.failed = &failed;
      return millrace__v1__outcome__pack(&outcome, out);
    case CANCELLED:
      outcome.outcome_case = MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED;
      outcome.cancelled = &cancelled;
      return millrace__v1__outcome__pack(&outcome, out);
    case GARBAGE:
      memset(out, 0xff, 16);
      return 16;
    default:
      return 0;
  }
}

// Event number n of a life was n seconds after 1970.
static mesh_code add_step(Millrace__V1__Operation *message, const step *step, mesh_error *err) {
  uint8_t bytes[256], frame[512];
  mesh_event event = {.operation = {(const uint8_t *)"load-x", 6},
                      .epoch = step->epoch,
                      .sequence = step->sequence,
                      .event_class = MESH_DURABLE,
                      .time_ns = step->sequence * SECOND,
                      .payload = step->payload,
                      .body = {bytes, pack_body(step, bytes)}};
  assert_true(mesh_event_bound(&event) <= sizeof frame);
  size_t size_bytes = mesh_event_encode(&event, frame, sizeof frame);
  return operation_replay_add(message, (mesh_view){frame, size_bytes}, err);
}

// ---- lives: after each event, this is what the operation was ----

typedef struct life {
  const char *name;
  struct {
    step step;
    Millrace__V1__OperationState state;
    int64_t position;  // of the newest checkpoint; -1: there is none
    bool outcome;
  } at[LIFE_MAX];
} life;

#define STEP(number, kind, ...) \
  { PAYLOAD(kind), __VA_ARGS__, .sequence = number, .epoch = 1 }
#define STEP_OF(own_epoch, number, kind, ...) \
  { PAYLOAD(kind), __VA_ARGS__, .sequence = number, .epoch = own_epoch }

static const life lives[] = {
    {"a load that succeeds",
     {{STEP(1, ACCEPTED, ACCEPTED), STATE(RUNNING), -1, false},
      {STEP(2, SEGMENT, NOTHING), STATE(RUNNING), -1, false},
      {STEP(3, OUTCOME, SUCCEEDED), STATE(SUCCEEDED), -1, true}}},
    {"one that fails, after an attempt",
     {{STEP(1, ACCEPTED, ACCEPTED), STATE(RUNNING), -1, false},
      {STEP(2, ATTEMPT, NOTHING), STATE(RUNNING), -1, false},
      {STEP(3, OUTCOME, FAILED), STATE(FAILED), -1, true}}},
    {"one that is cancelled",
     {{STEP(1, ACCEPTED, ACCEPTED), STATE(RUNNING), -1, false},
      {STEP(2, CANCEL_REQUESTED, CANCEL), STATE(CANCELLING), -1, false},
      {STEP(3, LOG, NOTHING), STATE(CANCELLING), -1, false},
      {STEP(4, OUTCOME, CANCELLED), STATE(CANCELLED), -1, true}}},
    {"one that was done before the cancel reached it",
     {{STEP(1, ACCEPTED, ACCEPTED), STATE(RUNNING), -1, false},
      {STEP(2, CANCEL_REQUESTED, CANCEL), STATE(CANCELLING), -1, false},
      {STEP(3, OUTCOME, SUCCEEDED), STATE(SUCCEEDED), -1, true}}},
    {"the newest checkpoint counts, and stays to the end",
     {{STEP(1, ACCEPTED, ACCEPTED), STATE(RUNNING), -1, false},
      {STEP(2, CHECKPOINT, CHECKPOINT, .position = 10), STATE(RUNNING), 10, false},
      {STEP(3, LOG, NOTHING), STATE(RUNNING), 10, false},
      {STEP(4, CHECKPOINT, CHECKPOINT, .position = 20), STATE(RUNNING), 20, false},
      {STEP(5, OUTCOME, SUCCEEDED), STATE(SUCCEEDED), 20, true}}},
    {"an adoption raises the epoch and leaves the state",
     {{STEP(1, ACCEPTED, ACCEPTED), STATE(RUNNING), -1, false},
      {STEP_OF(2, 2, ADOPTED, NOTHING), STATE(RUNNING), -1, false},
      {STEP_OF(2, 3, CANCEL_REQUESTED, CANCEL), STATE(CANCELLING), -1, false},
      {STEP_OF(3, 4, ADOPTED, NOTHING), STATE(CANCELLING), -1, false},
      {STEP_OF(3, 5, OUTCOME, CANCELLED), STATE(CANCELLED), -1, true}}},
};

static void check_accepted(const Millrace__V1__Operation *message) {
  assert_string_equal(message->name, "load-x");
  assert_string_equal(message->kind, "load");
  assert_string_equal(message->title, "EURUSD 1h");
  assert_true(message->detached);
  assert_int_equal(message->created->seconds, 1);
  assert_int_equal(message->n_labels, 1);
  assert_string_equal(message->labels[0]->key, "team");
  assert_string_equal(message->labels[0]->value, "fx");
}

static void check_life(void **state) {
  const life *own = *state;
  Millrace__V1__Operation *message = operation_message_create();
  for (int i = 0; i < LIFE_MAX && own->at[i].step.sequence > 0; i++) {
    mesh_error err = {.message = ""};
    assert_int_equal(add_step(message, &own->at[i].step, &err), GRPC_STATUS_OK);
    check_accepted(message);
    assert_int_equal(message->last_sequence, i + 1);
    assert_int_equal(message->updated->seconds, i + 1);
    assert_int_equal(message->epoch, own->at[i].step.epoch);
    assert_int_equal(message->state, own->at[i].state);
    assert_int_equal(message->checkpoint == NULL ? -1 : message->checkpoint->position,
                     own->at[i].position);
    assert_int_equal(message->outcome != NULL, own->at[i].outcome);
    assert_null(message->progress);
    assert_int_equal(message->watchers, 0);
  }
  operation_message_destroy(message);
}

// ---- what is no life ----

typedef struct broken {
  const char *name;
  step steps[3];  // the last one is refused
  const char *want;
} broken;

static const broken breaks[] = {
    {"a gap",
     {STEP(1, ACCEPTED, ACCEPTED), STEP(3, LOG, NOTHING)},
     "load-x: event 3 comes after event 1"},
    {"a repeat",
     {STEP(1, ACCEPTED, ACCEPTED), STEP(1, ACCEPTED, ACCEPTED)},
     "load-x: event 1 comes after event 1"},
    {"a first event that accepts nothing", {STEP(1, LOG, NOTHING)}, "event 1 is malformed"},
    {"accepted twice",
     {STEP(1, ACCEPTED, ACCEPTED), STEP(2, ACCEPTED, ACCEPTED)},
     "event 2 is malformed"},
    {"a body that is none", {STEP(1, ACCEPTED, GARBAGE)}, "event 1 is malformed (payload 10)"},
    {"a checkpoint that is none",
     {STEP(1, ACCEPTED, ACCEPTED), STEP(2, CHECKPOINT, GARBAGE)},
     "event 2 is malformed (payload 21)"},
    {"an outcome that says nothing",
     {STEP(1, ACCEPTED, ACCEPTED), STEP(2, OUTCOME, NO_OUTCOME)},
     "event 2 is malformed (payload 14)"},
    {"a second outcome",
     {STEP(1, ACCEPTED, ACCEPTED), STEP(2, OUTCOME, FAILED), STEP(3, OUTCOME, SUCCEEDED)},
     "event 3 is malformed (payload 14)"},
};

static void check_broken(void **state) {
  const broken *own = *state;
  Millrace__V1__Operation *message = operation_message_create();
  mesh_error err = {.message = ""};
  int last = 0;
  while (last < 2 && own->steps[last + 1].sequence > 0)
    assert_int_equal(add_step(message, &own->steps[last++], &err), GRPC_STATUS_OK);
  assert_int_equal(add_step(message, &own->steps[last], &err), GRPC_STATUS_DATA_LOSS);
  if (strstr(err.message, own->want) == NULL) fail_msg("%s", err.message);
  operation_message_destroy(message);
}

// ---- from a journal, in pages ----

enum { LONG = 1000, PAGE = 100 };

// A life of LONG events, at most PAGE of them a read, whatever is asked for.
static mesh_code read_long(void *self, const char *name, int64_t after_sequence, int limit,
                           mesh_each_event each, void *arg, int *count, mesh_error *err) {
  (void)err;
  assert_string_equal(name, "load-x");
  *count = 0;
  for (int64_t n = after_sequence + 1; n <= LONG && *count < limit && *count < PAGE; n++) {
    step at = STEP(n, LOG, NOTHING);
    if (n == 1) at = (step)STEP(1, ACCEPTED, ACCEPTED);
    uint8_t bytes[256], frame[512];
    mesh_event event = {.operation = {(const uint8_t *)"load-x", 6},
                        .sequence = n,
                        .payload = at.payload,
                        .body = {bytes, pack_body(&at, bytes)}};
    size_t size_bytes = mesh_event_encode(&event, frame, sizeof frame);
    each(arg, n, (mesh_view){frame, size_bytes});
    ++*count;
  }
  *(int *)self += *count;
  return GRPC_STATUS_OK;
}

typedef struct moment {
  const char *name;
  int64_t at;
  const char *want;  // NULL: it is there
} moment;

static const moment moments[] = {
    {"the first event", 1, NULL},
    {"the last of a page", PAGE, NULL},
    {"the first of the next page", PAGE + 1, NULL},
    {"the last event", LONG, NULL},
    {"one more", LONG + 1, "load-x has 1000 events: there is no event 1001"},
    {"far more", INT64_MAX, "load-x has 1000 events: there is no event 9223372036854775807"},
};

static void check_moment(void **state) {
  const moment *own = *state;
  int read = 0;
  mesh_journal journal = {.self = &read, .read = read_long};
  Millrace__V1__Operation *message;
  mesh_error err = {.message = ""};
  mesh_code code = operation_replay(&journal, "load-x", own->at, &message, &err);
  if (own->want == NULL) {
    assert_int_equal(code, GRPC_STATUS_OK);
    assert_int_equal(message->last_sequence, own->at);
    assert_int_equal(read, own->at);  // and nothing beyond it
  } else {
    assert_int_equal(code, GRPC_STATUS_OUT_OF_RANGE);
    assert_string_equal(err.message, own->want);
    assert_null(message);
  }
  operation_message_destroy(message);
}

static int run_lives(void) {
  RUN_ROWS("lives", lives, check_life);
}

static int run_breaks(void) {
  RUN_ROWS("breaks", breaks, check_broken);
}

static int run_moments(void) {
  RUN_ROWS("moments", moments, check_moment);
}

int main(void) {
  return run_lives() + run_breaks() + run_moments();
}
