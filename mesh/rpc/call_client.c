// The client's end of a call.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/call_internal.h"
#include "mesh/rpc/channel_args.h"
#include "mesh/rpc/link_internal.h"
#include "mesh/rpc/message.h"
#include "mesh/rpc/status_details.h"
#include "mesh/runtime/loop_internal.h"
#include "mesh/runtime/text.h"

// More than a call's headers, its reset and its share of the connection's begin take. What gRPC
// says while it receives (windows, acknowledgements) goes to a peer that sends, and so reads.
enum { CALL_BYTES = 512 };

// The half that calls: a link, and what the peer said at its begin and end.
typedef struct client_call {
  mesh_call call;
  mesh_link *link;
  char caller[MESH_CALLER_MAX];           // for whom it is made
  grpc_metadata_array initial, trailing;  // received
  grpc_status_code status;
  grpc_slice status_text;
} client_call;

static client_call *client_of(mesh_call *call) {
  return MESH_CONTAINER_OF(call, client_call, call);
}

static const grpc_metadata *find_details(const client_call *own) {
  for (size_t i = 0; i < own->trailing.count; i++) {
    if (grpc_slice_str_cmp(own->trailing.metadata[i].key, MESH_DETAILS_METADATA) == 0) {
      return &own->trailing.metadata[i];
    }
  }
  return NULL;
}

// Those before the messages and those behind them, as many as a call's each.
static mesh_code check_headers(const client_call *own, mesh_error *err) {
  int64_t bytes = mesh_metadata_bytes(&own->initial) + mesh_metadata_bytes(&own->trailing);
  if (bytes <= 2 * MESH_LINK_HEADER_BYTES) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED,
                   "link %s (%s): the answer's headers have %lld bytes, and may have %d",
                   mesh_link_name(own->link), mesh_link_address(own->link), (long long)bytes,
                   2 * MESH_LINK_HEADER_BYTES);
}

// The peer's status as an error.
static mesh_code client_on_end(mesh_call *call, mesh_error *err) {
  const client_call *own = client_of(call);
  mesh_call_await(call, &call->finish);
  mesh_code code = check_headers(own, err);
  if (code != GRPC_STATUS_OK) return code;
  if (own->status == GRPC_STATUS_OK) return GRPC_STATUS_OK;
  if (call->scope.code != GRPC_STATUS_OK) return mesh_scope_check(&call->scope, err);

  char text[MESH_ERROR_MESSAGE_MAX];
  size_t size_bytes = GRPC_SLICE_LENGTH(own->status_text);
  if (size_bytes >= sizeof text) size_bytes = sizeof text - 1;
  memcpy(text, GRPC_SLICE_START_PTR(own->status_text), size_bytes);
  text[size_bytes] = '\0';

  const grpc_metadata *details = find_details(own);
  // gRPC's own word for a call that reached a server while it stopped: nobody of ours cancelled it.
  if (details == NULL && own->status == GRPC_STATUS_CANCELLED && strcmp(text, "CANCELLED") == 0) {
    return mesh_link_fail(own->link, GRPC_STATUS_UNAVAILABLE, "the server stopped", err);
  }
  if (details == NULL && own->status == GRPC_STATUS_UNAVAILABLE) {
    return mesh_link_fail(own->link, own->status, text, err);
  }
  code = mesh_fail(err, mesh_failure_code(own->status), "%s", text);
  if (details != NULL && err != NULL) {
    mesh_error_decode_details(err, GRPC_SLICE_START_PTR(details->value),
                              GRPC_SLICE_LENGTH(details->value));
  }
  return code;
}

static void client_on_cancel(mesh_call *call) {
  grpc_call_cancel_with_status(call->call, call->scope.code, call->scope.why, NULL);
}

static void client_free(mesh_call *call) {
  client_call *own = client_of(call);
  grpc_slice_unref(own->status_text);
  grpc_metadata_array_destroy(&own->initial);
  grpc_metadata_array_destroy(&own->trailing);
  free(own);
}

static const mesh_call_half client_half = {client_on_end, client_on_cancel, client_free};

// Makes the gRPC call below `scope`, within its deadline and `options->timeout_ms`.
static client_call *create_call(mesh_scope *scope, mesh_link *link, const char *method,
                                const mesh_call_options *options) {
  client_call *own = calloc(1, sizeof *own);
  if (own == NULL) abort();
  mesh_call *call = &own->call;
  mesh_call_init(call, &client_half, scope);
  own->link = link;
  mesh_text_copy(own->caller, sizeof own->caller, mesh_fiber_caller(scope->loop));
  own->status_text = grpc_empty_slice();
  grpc_metadata_array_init(&own->initial);
  grpc_metadata_array_init(&own->trailing);
  mesh_retry_budget_pay(mesh_link_budget(link), mesh_now_ns());
  if (options != NULL && options->timeout_ms > 0) {
    mesh_scope_set_deadline(&call->scope, mesh_time_after_ms(mesh_now_ns(), options->timeout_ms));
  }
  grpc_slice path = grpc_slice_from_copied_string(method);
  call->call =
      grpc_channel_create_call(mesh_link_channel(link), NULL, 0, mesh_loop_queue(scope->loop), path,
                               NULL, mesh_deadline(call->scope.deadline_ns), NULL);
  grpc_slice_unref(path);
  return own;
}

// Sends the headers, and `request` with the end of the requests where it is not NULL; asks for the
// peer's status.
static void start_call(client_call *own, grpc_byte_buffer *request,
                       const mesh_call_options *options) {
  mesh_call *call = &own->call;
  grpc_metadata sent[2];
  size_t sent_count = 0;
  if (options != NULL && options->accept_batch) {
    sent[sent_count++] = (grpc_metadata){.key = grpc_slice_from_static_string(MESH_BATCH_METADATA),
                                         .value = grpc_slice_from_static_string("1")};
  }
  if (own->caller[0] != '\0' && mesh_link_is_local(own->link)) {
    sent[sent_count++] = (grpc_metadata){.key = grpc_slice_from_static_string(MESH_CALLER_METADATA),
                                         .value = grpc_slice_from_static_string(own->caller)};
  }
  size_t request_bytes = request != NULL ? grpc_byte_buffer_length(request) : 0;
  mesh_loop_count_sent(call->scope.loop, CALL_BYTES + request_bytes);
  grpc_op ops[4] = {0};
  size_t count = 0;
  grpc_op *headers = &ops[count++];
  headers->op = GRPC_OP_SEND_INITIAL_METADATA;
  headers->data.send_initial_metadata.count = sent_count;
  headers->data.send_initial_metadata.metadata = sent;
  if (options != NULL && options->wait_for_ready) {
    headers->flags =
        GRPC_INITIAL_METADATA_WAIT_FOR_READY | GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET;
  }
  if (request != NULL) {
    ops[count].op = GRPC_OP_SEND_MESSAGE;
    ops[count++].data.send_message.send_message = request;
    ops[count++].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
  }
  ops[count].op = GRPC_OP_RECV_INITIAL_METADATA;
  ops[count++].data.recv_initial_metadata.recv_initial_metadata = &own->initial;
  mesh_call_start(call, &call->start, ops, count);

  grpc_op status = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};
  status.data.recv_status_on_client.trailing_metadata = &own->trailing;
  status.data.recv_status_on_client.status = &own->status;
  status.data.recv_status_on_client.status_details = &own->status_text;
  mesh_call_start(call, &call->finish, &status, 1);
  mesh_scope_add_hook(&call->scope, &call->hook);  // at once, if the scope is cancelled already
}

static mesh_code may_call(mesh_scope *scope, mesh_link *link, mesh_error *err) {
  mesh_code code = mesh_scope_check(scope, err);
  return code != GRPC_STATUS_OK ? code : mesh_link_enter(link, mesh_fiber_caller(scope->loop), err);
}

mesh_code mesh_call_open(mesh_scope *scope, mesh_link *link, const char *method, mesh_frame request,
                         const mesh_call_options *options, mesh_call **out, mesh_error *err) {
  *out = NULL;
  mesh_code code = may_call(scope, link, err);
  if (code != GRPC_STATUS_OK) return code;
  client_call *own = create_call(scope, link, method, options);
  grpc_slice slice = grpc_slice_from_copied_buffer((const char *)request.data, request.size_bytes);
  grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
  grpc_slice_unref(slice);
  start_call(own, buffer, options);
  grpc_byte_buffer_destroy(buffer);
  *out = &own->call;
  return GRPC_STATUS_OK;
}

mesh_code mesh_message_open(mesh_scope *scope, mesh_link *link, const char *method,
                            const ProtobufCMessage *request, const mesh_call_options *options,
                            mesh_call **out, mesh_error *err) {
  mesh_bytes bytes = mesh_message_pack(request);
  mesh_frame frame = {bytes.data, bytes.size_bytes, false};
  mesh_code code = mesh_call_open(scope, link, method, frame, options, out, err);
  free(bytes.data);
  return code;
}

mesh_code mesh_call_open_stream(mesh_scope *scope, mesh_link *link, const char *method,
                                const mesh_call_options *options, mesh_call **out,
                                mesh_error *err) {
  *out = NULL;
  mesh_code code = may_call(scope, link, err);
  if (code != GRPC_STATUS_OK) return code;
  client_call *own = create_call(scope, link, method, options);
  start_call(own, NULL, options);
  *out = &own->call;
  return GRPC_STATUS_OK;
}

mesh_code mesh_call_send_end(mesh_call *call, mesh_error *err) {
  grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
  mesh_call_start(call, &call->send, &op, 1);
  return mesh_call_await(call, &call->send) ? GRPC_STATUS_OK : mesh_call_send_error(call, err);
}

void mesh_call_close(mesh_call *call) {
  if (call == NULL) return;
  mesh_link_leave(client_of(call)->link, client_of(call)->caller);
  mesh_scope_remove_hook(&call->hook);
  mesh_scope_close(&call->scope);
  if (call->finish.op.pending) grpc_call_cancel(call->call, NULL);
  call->closed = true;
  if (!mesh_call_is_pending(call)) mesh_call_free(call);
}
