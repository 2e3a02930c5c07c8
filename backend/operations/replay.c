#include "backend/operations/replay.h"

#include <string.h>

#include "mesh/operation/event.h"
#include "mesh/rpc/pack.h"

#define PAYLOAD(name) MILLRACE__V1__OPERATION_EVENT__PAYLOAD_##name
#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name

enum { PAGE_EVENTS = 256 };

// ---- what each kind of event changes; false: the body is no such message ----

static bool take_accepted(Millrace__V1__Operation *message, const mesh_event *event) {
  Millrace__V1__Accepted *accepted = mesh_message_unpack(&millrace__v1__accepted__descriptor,
                                                         event->body.data, event->body.size_bytes);
  if (accepted == NULL) return false;
  operation_message_set_text(&message->kind, accepted->kind, strlen(accepted->kind));
  operation_message_set_text(&message->title, accepted->title, strlen(accepted->title));
  operation_message_set_time(&message->created, event->time_ns);
  message->detached = accepted->detached;
  message->state = STATE(RUNNING);
  for (size_t i = 0; i < accepted->n_labels; i++) {
    operation_message_add_label(message, accepted->labels[i]->key, accepted->labels[i]->value);
  }
  message->checkpoint = accepted->checkpoint;  // of the operation that it goes on from
  accepted->checkpoint = NULL;
  millrace__v1__accepted__free_unpacked(accepted, NULL);
  return true;
}

static bool take_cancel_requested(Millrace__V1__Operation *message, const mesh_event *event) {
  (void)event;
  message->state = STATE(CANCELLING);
  return true;
}

static bool take_checkpoint(Millrace__V1__Operation *message, const mesh_event *event) {
  if (message->checkpoint != NULL)
    millrace__v1__checkpoint__free_unpacked(message->checkpoint, NULL);
  message->checkpoint = mesh_message_unpack(&millrace__v1__checkpoint__descriptor, event->body.data,
                                            event->body.size_bytes);
  return message->checkpoint != NULL;
}

// A durable one made the operation a detached one.
static bool take_joined(Millrace__V1__Operation *message, const mesh_event *event) {
  Millrace__V1__Joined *joined = mesh_message_unpack(&millrace__v1__joined__descriptor,
                                                     event->body.data, event->body.size_bytes);
  if (joined == NULL) return false;
  message->detached = joined->detached;
  millrace__v1__joined__free_unpacked(joined, NULL);
  return true;
}

static Millrace__V1__OperationState state_of(const Millrace__V1__Outcome *outcome) {
  switch (outcome->outcome_case) {
    case MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED:
      return STATE(SUCCEEDED);
    case MILLRACE__V1__OUTCOME__OUTCOME_FAILED:
      return STATE(FAILED);
    case MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED:
      return STATE(CANCELLED);
    default:
      return STATE(OPERATION_STATE_UNSPECIFIED);
  }
}

static bool take_outcome(Millrace__V1__Operation *message, const mesh_event *event) {
  if (message->outcome != NULL) return false;  // there is exactly one
  message->outcome = mesh_message_unpack(&millrace__v1__outcome__descriptor, event->body.data,
                                         event->body.size_bytes);
  if (message->outcome == NULL) return false;
  message->state = state_of(message->outcome);
  return message->state != STATE(OPERATION_STATE_UNSPECIFIED);
}

// What is not here leaves the state as it is: bars, logs, attempts, adoptions.
static bool take_payload(Millrace__V1__Operation *message, const mesh_event *event) {
  static const struct {
    uint32_t payload;
    bool (*take)(Millrace__V1__Operation *message, const mesh_event *event);
  } takers[] = {
      {PAYLOAD(ACCEPTED), take_accepted},     {PAYLOAD(CANCEL_REQUESTED), take_cancel_requested},
      {PAYLOAD(CHECKPOINT), take_checkpoint}, {PAYLOAD(JOINED), take_joined},
      {PAYLOAD(OUTCOME), take_outcome},
  };
  for (size_t i = 0; i < sizeof takers / sizeof *takers; i++) {
    if (takers[i].payload == event->payload) return takers[i].take(message, event);
  }
  return true;
}

mesh_code operation_replay_add(Millrace__V1__Operation *message, mesh_view bytes, mesh_error *err) {
  mesh_event event;
  mesh_code code = mesh_event_decode(bytes, &event, err);
  if (code != GRPC_STATUS_OK) return code;
  int name_size = (int)event.operation.size_bytes;
  const char *name = (const char *)event.operation.data;
  if (event.sequence != message->last_sequence + 1) {
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "%.*s: event %lld comes after event %lld",
                     name_size, name, (long long)event.sequence, (long long)message->last_sequence);
  }
  if ((event.sequence == 1) != (event.payload == PAYLOAD(ACCEPTED)) ||
      !take_payload(message, &event)) {
    return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "%.*s: event %lld is malformed (payload %u)",
                     name_size, name, (long long)event.sequence, event.payload);
  }
  if (event.sequence == 1) operation_message_set_text(&message->name, name, (size_t)name_size);
  operation_message_set_time(&message->updated, event.time_ns);
  message->epoch = event.epoch;
  message->last_sequence = event.sequence;
  return GRPC_STATUS_OK;
}

// ---- from the journal ----

typedef struct replaying {
  Millrace__V1__Operation *message;
  mesh_code code;
  mesh_error *err;
} replaying;

static void add(void *arg, int64_t sequence, mesh_view event) {
  (void)sequence;
  replaying *own = arg;
  if (own->code == GRPC_STATUS_OK) own->code = operation_replay_add(own->message, event, own->err);
}

static mesh_code read_until(const mesh_journal *journal, const char *name, int64_t at_sequence,
                            Millrace__V1__Operation *message, mesh_error *err) {
  replaying own = {message, GRPC_STATUS_OK, err};
  while (message->last_sequence < at_sequence) {
    int64_t left = at_sequence - message->last_sequence;
    int limit = left < PAGE_EVENTS ? (int)left : PAGE_EVENTS;
    int count = 0;
    mesh_code code =
        journal->read(journal->self, name, message->last_sequence, limit, add, &own, &count, err);
    if (own.code != GRPC_STATUS_OK) return own.code;
    if (code != GRPC_STATUS_OK) return code;
    if (count == 0) {
      return mesh_fail(err, GRPC_STATUS_OUT_OF_RANGE, "%s has %lld events: there is no event %lld",
                       name, (long long)message->last_sequence, (long long)at_sequence);
    }
  }
  return GRPC_STATUS_OK;
}

mesh_code operation_replay(const mesh_journal *journal, const char *name, int64_t at_sequence,
                           Millrace__V1__Operation **out, mesh_error *err) {
  *out = NULL;
  Millrace__V1__Operation *message = operation_message_create();
  mesh_code code = read_until(journal, name, at_sequence, message, err);
  if (code == GRPC_STATUS_OK) {
    *out = message;
  } else {
    operation_message_destroy(message);
  }
  return code;
}
