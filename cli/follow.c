#include "cli/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/follow_print.h"
#include "cli/terminal/output.h"
#include "mesh/rpc/pack.h"
#include "mesh/rpc/retry.h"
#include "mesh/runtime/text.h"

enum {
  HOPS_MAX = 8,
  REATTACH_LIMIT_S = 30,
  STILL_MS = 10000,
  SILENT_MS = 45000,  // more than two heartbeats
};

static const char requester[] = "millrace CLI (Ctrl-C)";

// ---- events ----

static void take_accepted(follow *own, mesh_view body) {
  Millrace__V1__Accepted *accepted =
      mesh_message_unpack(&millrace__v1__accepted__descriptor, body.data, body.size_bytes);
  if (accepted == NULL) return;
  own->accepted = true;
  own->detached = accepted->detached;
  mesh_text_copy(own->title, sizeof own->title, accepted->title);
  millrace__v1__accepted__free_unpacked(accepted, NULL);
}

// A start that joins what it has begun itself, before its connection broke, has made its own id.
static void take_joined(follow *own, const mesh_event *event) {
  Millrace__V1__Joined *joined = mesh_message_unpack(&millrace__v1__joined__descriptor,
                                                     event->body.data, event->body.size_bytes);
  if (joined == NULL) return;
  if (event->event_class == MESH_DURABLE) {
    own->detached = joined->detached;
  } else {
    own->joined = own->shared_id || strcmp(joined->because, "the request id") != 0;
  }
  millrace__v1__joined__free_unpacked(joined, NULL);
}

static void take_outcome(follow *own, mesh_view body) {
  if (own->outcome != NULL) millrace__v1__outcome__free_unpacked(own->outcome, NULL);
  own->outcome =
      mesh_message_unpack(&millrace__v1__outcome__descriptor, body.data, body.size_bytes);
}

static mesh_code take_event(follow *own, mesh_view bytes, mesh_error *err) {
  mesh_event event;
  mesh_code code = mesh_event_decode(bytes, &event, err);
  if (code != GRPC_STATUS_OK) return code;
  if (event.event_class == MESH_DURABLE) {
    if (event.sequence <= own->sequence) return GRPC_STATUS_OK;  // seen before a reattach
    own->sequence = event.sequence;
  }
  own->heard_ns = mesh_now_ns();
  mesh_text_format(own->name, sizeof own->name, "%.*s", (int)event.operation.size_bytes,
                   (const char *)event.operation.data);
  if (event.payload == MILLRACE__V1__OPERATION_EVENT__PAYLOAD_ACCEPTED) {
    take_accepted(own, event.body);
  }
  if (event.payload == MILLRACE__V1__OPERATION_EVENT__PAYLOAD_JOINED) take_joined(own, &event);
  if (event.payload == MILLRACE__V1__OPERATION_EVENT__PAYLOAD_OUTCOME) {
    take_outcome(own, event.body);
  }
  return follow_print_event(own, &event, bytes, err);
}

static bool is_over(const follow *own) {
  return own->outcome != NULL || (own->until_accepted && own->accepted);
}

// The hops of a batch stand beside its events: each event gets them, as if it had come alone. The
// caller frees what is returned.
static mesh_view with_hops(mesh_view one, mesh_view frame) {
  uint8_t *bytes = malloc(one.size_bytes + HOPS_MAX * MESH_HOP_MAX);
  if (bytes == NULL) abort();
  memcpy(bytes, one.data, one.size_bytes);
  size_t size_bytes = one.size_bytes, offset = 0;
  mesh_hop hop;
  bool batch = one.data != frame.data;
  for (int i = 0; batch && i < HOPS_MAX && mesh_event_next_hop(frame, &offset, &hop); i++)
    size_bytes += mesh_event_encode_hop(&hop, bytes + size_bytes);
  return (mesh_view){bytes, size_bytes};
}

static void add_times(follow *own, mesh_view event) {
  follow_print_end(own);
  mesh_hop hops[HOPS_MAX];
  size_t count = 0, offset = 0;
  while (count < HOPS_MAX && mesh_event_next_hop(event, &offset, &hops[count]))
    count++;
  timing_add(own->times, hops, count, mesh_wall_ns(), own->client->json ? NULL : stdout);
}

static mesh_code take_events(follow *own, mesh_view view, mesh_error *err) {
  size_t offset = 0;
  mesh_view one;
  bool bad;
  while (mesh_event_next(view, &offset, &one, &bad)) {
    mesh_view whole = with_hops(one, view);
    if (own->times != NULL) add_times(own, whole);
    mesh_code code = take_event(own, whole, err);
    free((void *)whole.data);
    if (code != GRPC_STATUS_OK || is_over(own)) return code;
  }
  return bad ? client_bad_reply("OperationEvent", err) : GRPC_STATUS_OK;
}

static mesh_code take_frame(follow *own, mesh_frame frame, mesh_error *err) {
  mesh_code code = take_events(own, (mesh_view){frame.data, frame.size_bytes}, err);
  return code == GRPC_STATUS_OK ? output_flush(err) : code;
}

// ---- the stream ----

// One call. A stream on which nothing is heard for long is dead, whatever the connection says: the
// backend sends a heartbeat where it has nothing else to say.
typedef struct listening {
  mesh_scope scope;
  mesh_timer silence;
} listening;

static void on_silence(mesh_timer *timer) {
  listening *own = MESH_CONTAINER_OF(timer, listening, silence);
  mesh_scope_cancel(&own->scope, GRPC_STATUS_UNAVAILABLE, "nothing was heard for too long");
}

static mesh_code receive(follow *own, listening *stream, mesh_call *call, mesh_error *err) {
  mesh_frame frame;
  int64_t silent_ms = own->client->silent_ms > 0 ? own->client->silent_ms : SILENT_MS;
  mesh_timer_start(stream->scope.loop, &stream->silence,
                   mesh_time_after_ms(mesh_now_ns(), silent_ms));
  mesh_code code = mesh_call_receive(call, &frame, err);
  mesh_timer_stop(&stream->silence);
  if (code != GRPC_STATUS_OK) return code;
  if (frame.end) return mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "the stream ended early");
  own->client->connected = true;
  return take_frame(own, frame, err);
}

// UNAVAILABLE where the stream ends without an outcome.
static mesh_code follow_stream(follow *own, const char *method, const ProtobufCMessage *request,
                               mesh_error *err) {
  client *client = own->client;
  listening stream;
  mesh_scope_open(&stream.scope, &client->scope);
  mesh_timer_init(&stream.silence, on_silence);
  mesh_call_options options = {.accept_batch = true};
  mesh_call *call;
  mesh_code code =
      client_open(&stream.scope, client->backend, method, request, &options, &call, err);
  while (code == GRPC_STATUS_OK && !is_over(own))
    code = receive(own, &stream, call, err);
  mesh_call_close(call);
  mesh_scope_close(&stream.scope);
  return code;
}

// The start, or the watch, that the command is about. Repeated while the backend is only being
// started again: a start has a request id, so the second one joins the first.
static mesh_code begin(follow *own, const char *method, const ProtobufCMessage *request,
                       mesh_error *err) {
  int64_t began_ns = mesh_now_ns();
  for (int attempt = 1;; attempt++) {
    mesh_code code = follow_stream(own, method, request, err);
    if (code == GRPC_STATUS_OK || own->name[0] != '\0') return code;
    code = client_retry(own->client, attempt, began_ns, REATTACH_LIMIT_S, err);
    if (code != GRPC_STATUS_OK) return code;
  }
}

static mesh_code watch_again(follow *own, mesh_error *err) {
  Millrace__V1__WatchOperationRequest request = MILLRACE__V1__WATCH_OPERATION_REQUEST__INIT;
  request.name = own->name;
  request.after_sequence = own->sequence;
  return follow_stream(own, "/millrace.v1.OperationsService/Watch", &request.base, err);
}

// Reattaches until there is an outcome, or nothing was heard for 30 s.
static mesh_code reattach(follow *own, mesh_code code, mesh_error *err) {
  static const mesh_backoff backoff = {.base_ms = 50, .cap_ms = 1000};
  int64_t lost_ns = mesh_now_ns();
  for (int attempt = 1; code == GRPC_STATUS_UNAVAILABLE && own->name[0] != '\0'; attempt++) {
    if (mesh_now_ns() > mesh_time_after_s(lost_ns, REATTACH_LIMIT_S)) break;
    follow_print_waiting(own, err);
    int64_t heard_ns = own->heard_ns;
    code = mesh_retry_wait(&own->client->scope, &backoff, NULL, attempt, err);
    if (code == GRPC_STATUS_OK) code = watch_again(own, err);
    if (own->heard_ns != heard_ns) {
      attempt = 0;
      lost_ns = mesh_now_ns();
    }
  }
  return code;
}

// ---- Ctrl-C ----

static void leave(follow *own) {
  mesh_scope_cancel(&own->client->scope, GRPC_STATUS_CANCELLED, "Ctrl-C");
}

// Until the operation has stopped, or the stream that is followed has ended. The events come on
// that stream; here only a refusal counts.
static void ask_to_cancel(void *arg) {
  follow *own = arg;
  client *client = own->client;
  mesh_error err;
  Millrace__V1__CancelOperationRequest request = MILLRACE__V1__CANCEL_OPERATION_REQUEST__INIT;
  request.name = own->name;
  request.requested_by = (char *)requester;
  request.unless_held = true;
  int64_t began_ns = mesh_now_ns();
  mesh_code code;
  int attempt = 0;
  do {
    mesh_call *call;
    code = client_open(&own->asking, client->backend, "/millrace.v1.OperationsService/Cancel",
                       &request.base, NULL, &call, &err);
    mesh_frame frame = {0};
    while (code == GRPC_STATUS_OK && !frame.end)
      code = mesh_call_receive(call, &frame, &err);
    mesh_call_close(call);
  } while (code != GRPC_STATUS_OK && own->asking.code == GRPC_STATUS_OK &&
           client_retry(client, ++attempt, began_ns, REATTACH_LIMIT_S, &err) == GRPC_STATUS_OK);
  if (code == GRPC_STATUS_OK || own->asking.code != GRPC_STATUS_OK) return;
  if (strcmp(err.reason, "HELD") == 0) {
    own->cancel_ns = 0;
    leave(own);
    return;
  }
  mesh_scope_cancel(&client->scope, code, "%s", err.message);
}

// Leaving is cancelling only for who started the operation; whether others hold it too by now the
// backend knows.
static void on_interrupt(void *arg) {
  follow *own = arg;
  if (own->name[0] == '\0' || own->detached || own->joined || !own->starts) {
    leave(own);
    return;
  }
  own->cancel_ns = mesh_wall_ns();
  mesh_fiber_start(&own->asking, ask_to_cancel, own);
}

// Whoever reads a file, or a terminal that cannot take a line back, is told that it goes on.
static void on_still(mesh_timer *timer) {
  follow *own = MESH_CONTAINER_OF(timer, follow, still);
  follow_print_still(own);
  int64_t still_ms = own->still_ms > 0 ? own->still_ms : STILL_MS;
  mesh_timer_start(own->client->loop, timer, mesh_time_after_ms(mesh_now_ns(), still_ms));
}

mesh_code follow_run(follow *own, client *client, const char *method,
                     const ProtobufCMessage *request, mesh_error *err) {
  own->client = client;
  mesh_timer_init(&own->still, on_still);
  on_still(&own->still);
  mesh_scope_open(&own->asking, &client->scope);
  client->on_interrupt = on_interrupt;
  client->on_interrupt_arg = own;
  mesh_code code = begin(own, method, request, err);
  if (!is_over(own)) code = reattach(own, code, err);
  client->on_interrupt = NULL;
  mesh_timer_stop(&own->still);
  mesh_scope_cancel(&own->asking, GRPC_STATUS_CANCELLED, "there is nothing left to stop");
  mesh_scope_close(&own->asking);  // its fiber points to `own`
  follow_print_end(own);
  if (client->interrupted && own->outcome == NULL) follow_print_left(own);
  if (is_over(own)) return GRPC_STATUS_OK;
  // Work that had begun and then met a full disk failed: nobody refused the command.
  if (code != GRPC_STATUS_OK && own->name[0] != '\0' && client->exit_code == 0) {
    client->exit_code = exit_code_of_outcome(code);
  }
  return code;
}

void follow_clear(follow *own) {
  if (own->outcome != NULL) millrace__v1__outcome__free_unpacked(own->outcome, NULL);
  own->outcome = NULL;
  if (own->progress != NULL) millrace__v1__progress__free_unpacked(own->progress, NULL);
  own->progress = NULL;
}
