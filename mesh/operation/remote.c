#include "mesh/operation/remote.h"

#include <stdlib.h>
#include <string.h>

#include "mesh/operation/message_report.h"
#include "mesh/operation/operation_retry.h"
#include "mesh/rpc/pack.h"
#include "mesh/runtime/fiber.h"
#include "mesh/runtime/text.h"

#define PAYLOAD(name) MILLRACE__V1__OPERATION_EVENT__PAYLOAD_##name

enum { DEFAULT_GRACE_MS = 30000, HOPS_MAX = 4, LOST_MAX = 2 };

static const mesh_backoff stop_backoff = {.base_ms = 20, .cap_ms = 500};

// One mesh_remote_run().
typedef struct relaying {
  mesh_remote *remote;
  mesh_operation *operation;
  mesh_scope scope;       // of the calls: a cancel asks the host, it does not cut the line to it
  mesh_cancel_hook hook;  // of the operation's scope
  int64_t epoch, after;   // the host's last event that we have
  int64_t heard;          // the epoch of the run that this process has heard of; 0: none
  bool left;              // that run's host has said that it leaves
  mesh_error broken;      // why the line to it broke last
  uint8_t hops[HOPS_MAX * MESH_HOP_MAX];  // of the frame that is being taken
  size_t hops_size;
  int attempt;   // since the last event
  int given_up;  // runs that their host ended by itself, since the last checkpoint
  bool taking;   // a frame's events are on their way into the journal
  mesh_signal taken;
} relaying;

// ---- losses ----

// The newest checkpoint, to be freed; an empty one where there is none.
static Millrace__V1__Checkpoint *copy_checkpoint(const mesh_operation *operation) {
  mesh_view kept = mesh_operation_record_of(operation).checkpoint;
  Millrace__V1__Checkpoint *copy =
      mesh_message_unpack(&millrace__v1__checkpoint__descriptor, kept.data, kept.size_bytes);
  if (copy == NULL) copy = mesh_message_unpack(&millrace__v1__checkpoint__descriptor, NULL, 0);
  if (copy == NULL) abort();
  return copy;
}

// Runs since the last checkpoint that their host did not survive.
static int count_lost(const mesh_operation *operation) {
  Millrace__V1__Checkpoint *checkpoint = copy_checkpoint(operation);
  int lost = checkpoint->lost;
  millrace__v1__checkpoint__free_unpacked(checkpoint, NULL);
  return lost;
}

// True if a run was heard of, and its host has not said that it leaves: if it is not there any
// more it was lost.
static bool expects_run(const relaying *own) {
  return own->heard != 0 && !own->left;
}

// A host was lost with the run: died, or hangs. Kept with the checkpoint, so that it outlives this
// process, and a run that gets further begins to count anew.
static mesh_code note_loss(relaying *own, mesh_error *err) {
  own->heard = 0;
  Millrace__V1__Checkpoint *checkpoint = copy_checkpoint(own->operation);
  checkpoint->lost++;
  mesh_code code = mesh_message_report(own->operation, PAYLOAD(CHECKPOINT), &checkpoint->base, err);
  millrace__v1__checkpoint__free_unpacked(checkpoint, NULL);
  return code;
}

// What has ended with its host twice, and got no further in between, would do so again.
static mesh_code refuse_lost(const relaying *own, mesh_error *err) {
  const char *how =
      own->broken.code == GRPC_STATUS_OK ? "before this process began" : own->broken.message;
  mesh_code code = mesh_fail(err, GRPC_STATUS_ABORTED,
                             "its host did not survive it %d times since the last checkpoint: it "
                             "is not begun again; the last time: %.*s",
                             count_lost(own->operation), MESH_TEXT_SHOWN(how, 200));
  mesh_error_set_reason(err, "RUN_LOST", "mesh.millrace");
  return code;
}

// ---- the request ----

// The RunRequest as things stand; the caller frees its bytes.
static mesh_bytes make_request(const relaying *own) {
  mesh_operation_record record = mesh_operation_record_of(own->operation);
  Millrace__V1__RunRequest request = MILLRACE__V1__RUN_REQUEST__INIT;
  request.operation = (char *)record.name;
  if (own->remote->host != NULL) request.host = (char *)(uintptr_t)own->remote->host;
  request.rejoin_only = expects_run(own) && count_lost(own->operation) + 1 >= LOST_MAX;
  request.epoch = own->epoch;
  request.after_sequence = own->after;
  request.grace_ms = own->remote->grace_ms > 0 ? own->remote->grace_ms : DEFAULT_GRACE_MS;
  request.cancel_timeout_ms = mesh_operation_cancel_timeout_ms(own->operation);
  request.request.data = (uint8_t *)own->remote->request.data;
  request.request.len = own->remote->request.size_bytes;
  if (record.checkpoint.size_bytes > 0) {
    request.checkpoint = mesh_message_unpack(&millrace__v1__checkpoint__descriptor,
                                             record.checkpoint.data, record.checkpoint.size_bytes);
  }
  mesh_bytes bytes = mesh_message_pack(&request.base);
  if (request.checkpoint != NULL) {
    millrace__v1__checkpoint__free_unpacked(request.checkpoint, NULL);
  }
  return bytes;
}

// ---- events ----

static mesh_code take_outcome(relaying *own, mesh_view body, mesh_error *err) {
  own->remote->outcome =
      mesh_message_unpack(&millrace__v1__outcome__descriptor, body.data, body.size_bytes);
  if (own->remote->outcome != NULL) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the host's outcome is malformed");
}

// What is the host's own business is not shown as the operation's: it has its own of these.
static bool is_private(uint32_t payload) {
  return payload == PAYLOAD(ACCEPTED) || payload == PAYLOAD(CANCEL_REQUESTED);
}

// The host keeps the newest events alone, and we were away for too long.
static mesh_code tell_of_forgotten(relaying *own, int64_t after, int64_t sequence,
                                   mesh_error *err) {
  char text[128];
  Millrace__V1__LogLine line = MILLRACE__V1__LOG_LINE__INIT;
  mesh_text_format(text, sizeof text, "the host no longer had events %lld to %lld of its run",
                   (long long)after + 1, (long long)sequence - 1);
  line.level = MILLRACE__V1__LOG_LINE__LEVEL__WARNING;
  line.layer = (char *)(uintptr_t)mesh_link_name(own->remote->link);
  line.text = text;
  return mesh_message_report(own->operation, PAYLOAD(LOG), &line.base, err);
}

// An event counts as heard once it is in the journal.
static mesh_code take_durable(relaying *own, const mesh_event *event, mesh_error *err) {
  int64_t after = event->epoch == own->epoch ? own->after : 0;  // else it is another run of it
  mesh_code code = GRPC_STATUS_OK;
  if (event->sequence <= after) return code;
  if (event->sequence > after + 1) code = tell_of_forgotten(own, after, event->sequence, err);
  if (code != GRPC_STATUS_OK) return code;
  if (event->payload == PAYLOAD(OUTCOME)) {
    code = take_outcome(own, event->body, err);
  } else {
    uint32_t payload = is_private(event->payload) ? 0 : event->payload;
    mesh_source source = {event->epoch, event->sequence, {own->hops, own->hops_size}};
    code = mesh_operation_report_from(own->operation, &source, payload, event->body, err);
  }
  if (code != GRPC_STATUS_OK) return code;
  if (event->payload == PAYLOAD(CHECKPOINT)) own->given_up = 0;
  own->epoch = event->epoch;
  own->after = event->sequence;
  return code;
}

// Another run than the one that was heard of: that one is lost, unless its host has left.
static mesh_code take_epoch(relaying *own, int64_t epoch, mesh_error *err) {
  if (epoch == own->heard) return GRPC_STATUS_OK;
  mesh_code code = expects_run(own) ? note_loss(own, err) : GRPC_STATUS_OK;
  own->heard = epoch;
  own->left = false;
  return code;
}

static mesh_code take_event(relaying *own, mesh_view bytes, mesh_error *err) {
  mesh_event event;
  mesh_code code = mesh_event_decode(bytes, &event, err);
  if (code != GRPC_STATUS_OK) return code;
  own->attempt = 0;
  code = take_epoch(own, event.epoch, err);
  if (code != GRPC_STATUS_OK) return code;
  if (event.event_class == MESH_DURABLE) return take_durable(own, &event, err);
  if (event.payload == PAYLOAD(PROGRESS)) {
    mesh_operation_progress_bytes(own->operation, event.body);
  }
  if (event.payload == PAYLOAD(DRAIN)) own->left = true;
  return GRPC_STATUS_OK;
}

static void take_hops(relaying *own, mesh_view frame) {
  mesh_hop hop;
  size_t offset = 0;
  own->hops_size = 0;
  for (int i = 0; i < HOPS_MAX && mesh_event_next_hop(frame, &offset, &hop); i++)
    own->hops_size += mesh_event_encode_hop(&hop, own->hops + own->hops_size);
}

static mesh_code take_events(relaying *own, mesh_view view, mesh_error *err) {
  mesh_view one;
  take_hops(own, view);
  size_t offset = 0;
  bool bad;
  while (own->remote->outcome == NULL && mesh_event_next(view, &offset, &one, &bad)) {
    mesh_code code = take_event(own, one, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return GRPC_STATUS_OK;
}

// Once the host was asked to stop, its events come on two streams, each without a gap. One frame at
// a time: what the other stream has taken is in the journal, and skipped here.
static mesh_code take_frame(relaying *own, mesh_frame frame, mesh_error *err) {
  while (own->taking) {
    mesh_code code = mesh_signal_wait(&own->taken, &own->scope, MESH_NEVER, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  own->taking = true;
  mesh_code code = take_events(own, (mesh_view){frame.data, frame.size_bytes}, err);
  own->taking = false;
  mesh_signal_notify(&own->taken);
  return code;
}

// What a relay between us and the host says, too.
static mesh_code fail_ended_early(mesh_error *err) {
  mesh_code code = mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "the host's stream ended early");
  mesh_error_set_reason(err, "NO_OUTCOME", "mesh.millrace");
  return code;
}

// One call of Run. OK once there is an outcome; UNAVAILABLE where the stream ends without one.
static mesh_code attach(relaying *own, mesh_error *err) {
  mesh_bytes bytes = make_request(own);
  mesh_frame request = {bytes.data, bytes.size_bytes, false};
  mesh_call_options options = {.accept_batch = true};
  mesh_call *call;
  mesh_code code = mesh_call_open(&own->scope, own->remote->link, own->remote->run_method, request,
                                  &options, &call, err);
  free(bytes.data);
  if (code != GRPC_STATUS_OK) return code;
  while (code == GRPC_STATUS_OK && own->remote->outcome == NULL) {
    mesh_frame frame;
    code = mesh_call_receive(call, &frame, err);
    if (code != GRPC_STATUS_OK) break;
    code = frame.end ? fail_ended_early(err) : take_frame(own, frame, err);
  }
  mesh_call_close(call);
  return code;
}

// The host has ended the run for reasons of its own: its grace was over while we were away, it was
// stopped. That is no outcome of the operation, which nobody has asked to stop: it goes on at the
// last checkpoint. Whoever asks for a run after its outcome gets a new one. UNAVAILABLE then; OK
// where the outcome counts.
static mesh_code give_back(relaying *own, mesh_error *err) {
  const Millrace__V1__Outcome *outcome = own->remote->outcome;
  if (outcome->outcome_case != MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED ||
      mesh_operation_scope(own->operation)->code != GRPC_STATUS_OK || ++own->given_up > LOST_MAX) {
    return GRPC_STATUS_OK;
  }
  mesh_code code = mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "the host gave the run up: %s",
                             outcome->cancelled->requested_by);
  own->heard = 0;  // and nothing is lost
  mesh_remote_clear(own->remote);
  return code;
}

// The host has ended the stream as if all were well, and told of no outcome and of no leaving.
static bool ends_for_nothing(const relaying *own, const mesh_error *err) {
  return err->code == GRPC_STATUS_UNAVAILABLE && strcmp(err->reason, "NO_OUTCOME") == 0 &&
         !own->left && mesh_operation_scope(own->operation)->code == GRPC_STATUS_OK;
}

// Such a run counts as lost, whether anything was heard of it or not: whoever asks for it again and
// again would do so for ever. UNAVAILABLE where another attempt is left.
static mesh_code count_as_lost(relaying *own, mesh_error *err) {
  own->broken = *err;
  mesh_code code = note_loss(own, err);
  if (code != GRPC_STATUS_OK) return code;
  if (count_lost(own->operation) >= LOST_MAX) return refuse_lost(own, err);
  *err = own->broken;
  return err->code;
}

static mesh_code attach_until_outcome(relaying *own, mesh_error *err) {
  mesh_code code = attach(own, err);
  if (code == GRPC_STATUS_OK) return give_back(own, err);
  return ends_for_nothing(own, err) ? count_as_lost(own, err) : code;
}

// ---- the stop ----

// One call of Cancel, which streams the run's events until its outcome. OK once it has ended.
static mesh_code cancel_once(relaying *own, mesh_error *err) {
  Millrace__V1__CancelOperationRequest request = MILLRACE__V1__CANCEL_OPERATION_REQUEST__INIT;
  request.name = (char *)mesh_operation_name(own->operation);
  request.requested_by = (char *)mesh_operation_requested_by(own->operation);
  if (request.requested_by[0] == '\0') request.requested_by = "the deadline";
  if (own->remote->host != NULL) request.host = (char *)(uintptr_t)own->remote->host;
  mesh_bytes bytes = mesh_message_pack(&request.base);
  mesh_frame frame = {bytes.data, bytes.size_bytes, false};
  mesh_call_options options = {.accept_batch = true};
  mesh_call *call;
  mesh_code code = mesh_call_open(&own->scope, own->remote->link, own->remote->cancel_method, frame,
                                  &options, &call, err);
  free(bytes.data);
  if (code != GRPC_STATUS_OK) return code;
  while (own->remote->outcome == NULL) {
    code = mesh_call_receive(call, &frame, err);
    if (code != GRPC_STATUS_OK || frame.end) break;
    code = take_frame(own, frame, err);
    if (code != GRPC_STATUS_OK) break;
  }
  mesh_call_close(call);
  return code;
}

// Has the host stop the run. One that has lost the run has nothing to stop; one that cannot be
// reached is asked again until the cancel timeout is over.
static void ask_to_stop(void *arg) {
  relaying *own = arg;
  mesh_error err;
  int attempt = 0;
  mesh_code code;
  do {
    code = cancel_once(own, &err);
  } while (code != GRPC_STATUS_OK && own->remote->outcome == NULL &&
           mesh_retry_wait(&own->scope, &stop_backoff, mesh_link_budget(own->remote->link),
                           ++attempt, &err) == GRPC_STATUS_OK);
  mesh_scope_cancel(&own->scope, GRPC_STATUS_CANCELLED, "the host was asked to stop");
}

// The operation has to stop. Where only this process leaves, the host goes on.
static void on_stop(mesh_cancel_hook *hook) {
  relaying *own = MESH_CONTAINER_OF(hook, relaying, hook);
  const mesh_scope *scope = mesh_operation_scope(own->operation);
  if (scope->code == GRPC_STATUS_UNAVAILABLE) {
    mesh_scope_cancel(&own->scope, scope->code, "%s", scope->why);
  } else {
    mesh_fiber_start(&own->scope, ask_to_stop, own);
  }
}

// ---- the outcome ----

static mesh_code take_failure(Google__Rpc__Status *failed, mesh_error *err) {
  mesh_code code = mesh_fail(err, mesh_failure_code(failed->code), "%s", failed->message);
  failed->code = (int32_t)code;
  if (failed->n_details > 0) {
    // Larger ones are dropped, the message stays.
    (void)!mesh_message_pack_into(&failed->base, err->details, sizeof err->details,
                                  &err->details_size);
  }
  return code;
}

// Why the operation had to stop; at a deadline, what became of its time.
static mesh_code stopped_by(const relaying *own, const Millrace__V1__Cancelled *cancelled,
                            mesh_error *err) {
  mesh_scope *scope = mesh_operation_scope(own->operation);
  mesh_code code = mesh_scope_check(scope, err);
  if (code != GRPC_STATUS_DEADLINE_EXCEEDED) return code;
  int64_t created_ns = mesh_operation_created_ns(own->operation);
  return mesh_fail(err, code, "%s after %lld ms; %s had it: %s", scope->why,
                   (long long)(mesh_wall_ns() - created_ns) / MESH_MS_NS, cancelled->last_layer,
                   cancelled->summary);
}

static mesh_code conclude(const relaying *own, Millrace__V1__Succeeded *succeeded,
                          Millrace__V1__Cancelled *cancelled, mesh_error *err) {
  const Millrace__V1__Outcome *outcome = own->remote->outcome;
  switch (outcome->outcome_case) {
    case MILLRACE__V1__OUTCOME__OUTCOME_SUCCEEDED:
      *succeeded = *outcome->succeeded;
      return GRPC_STATUS_OK;
    case MILLRACE__V1__OUTCOME__OUTCOME_FAILED:
      return take_failure(outcome->failed, err);
    case MILLRACE__V1__OUTCOME__OUTCOME_CANCELLED:
      *cancelled = *outcome->cancelled;
      // The host's own reasons are no cancel of ours; see give_back().
      if (mesh_operation_scope(own->operation)->code != GRPC_STATUS_OK) {
        return stopped_by(own, outcome->cancelled, err);
      }
      return mesh_fail(err, GRPC_STATUS_ABORTED,
                       "the host cancelled it %d times since the last checkpoint: %s",
                       own->given_up, outcome->cancelled->requested_by);
    default:
      return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "the host's outcome is empty");
  }
}

// ---- run ----

// Waits before the next attempt. OK: try again. Once the operation has to stop the host is not
// asked to run it any more: it could begin again. ask_to_stop() ends the wait.
static mesh_code wait_to_reattach(relaying *own, mesh_error *err) {
  // How it was lost, not how it could not be reached then.
  if (err->code == GRPC_STATUS_UNAVAILABLE && own->attempt == 0) own->broken = *err;
  mesh_code code = GRPC_STATUS_OK;
  if (mesh_operation_scope(own->operation)->code == GRPC_STATUS_OK) {
    own->attempt++;
    code =
        mesh_operation_retry(own->operation, &own->scope, own->remote->link, &own->remote->backoff,
                             mesh_operation_name(own->operation), own->attempt, err);
  }
  // It may have to stop since, too.
  if (code != GRPC_STATUS_OK || mesh_operation_scope(own->operation)->code == GRPC_STATUS_OK) {
    return code;
  }
  return mesh_sleep_until(&own->scope, MESH_NEVER, err);
}

// The host does not have the run any more, or stays away: not what the operation's end is when it
// has to stop anyway.
static mesh_code look_for_loss(relaying *own, mesh_code code, mesh_error *err) {
  bool lost = (code == GRPC_STATUS_NOT_FOUND || code == GRPC_STATUS_UNAVAILABLE) &&
              expects_run(own) && mesh_operation_scope(own->operation)->code == GRPC_STATUS_OK;
  if (!lost) return code;
  mesh_error failed;
  if (note_loss(own, &failed) != GRPC_STATUS_OK) {
    *err = failed;
    return failed.code;
  }
  return count_lost(own->operation) >= LOST_MAX ? refuse_lost(own, err) : code;
}

static void begin(relaying *own) {
  mesh_operation_record record = mesh_operation_record_of(own->operation);
  own->epoch = record.source_epoch;
  own->after = record.source_sequence;
  mesh_scope_open(&own->scope, mesh_operation_stop_scope(own->operation));
  own->hook.on_cancel = on_stop;
  mesh_scope_add_hook(mesh_operation_scope(own->operation), &own->hook);
}

mesh_code mesh_remote_run(mesh_remote *remote, mesh_operation *operation,
                          Millrace__V1__Succeeded *succeeded, Millrace__V1__Cancelled *cancelled,
                          mesh_error *err) {
  relaying own = {.remote = remote, .operation = operation};
  if (count_lost(operation) >= LOST_MAX) return refuse_lost(&own, err);
  begin(&own);
  mesh_code code;
  do {
    code = attach_until_outcome(&own, err);
  } while (code != GRPC_STATUS_OK && wait_to_reattach(&own, err) == GRPC_STATUS_OK);
  mesh_scope_remove_hook(&own.hook);
  if (code != GRPC_STATUS_OK) code = look_for_loss(&own, code, err);
  if (code != GRPC_STATUS_OK && mesh_operation_scope(operation)->code != GRPC_STATUS_OK) {
    code =
        mesh_scope_check(mesh_operation_scope(operation), err);  // cancelled, whatever broke then
  }
  mesh_scope_cancel(&own.scope, GRPC_STATUS_CANCELLED, "there is nothing left to stop");
  mesh_scope_close(&own.scope);
  return remote->outcome != NULL ? conclude(&own, succeeded, cancelled, err) : code;
}

void mesh_remote_clear(mesh_remote *remote) {
  if (remote->outcome != NULL) millrace__v1__outcome__free_unpacked(remote->outcome, NULL);
  remote->outcome = NULL;
}
