// The client's end of a call.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/call_internal.h"
#include "mesh/rpc/link_internal.h"
#include "mesh/rpc/status_details.h"
#include "mesh/runtime/loop_internal.h"

// Makes the gRPC call below `scope`, within its deadline and `options->timeout_ms`.
static mesh_call *create_call(mesh_scope *scope, mesh_link *link, const char *method,
                              const mesh_call_options *options) {
  mesh_call *call = calloc(1, sizeof *call);
  if (call == NULL) abort();
  mesh_call_init(call, scope);
  call->link = link;
  mesh_retry_budget_pay(mesh_link_budget(link), mesh_now_ns());
  if (options != NULL && options->timeout_ms > 0) {
    mesh_scope_set_deadline(&call->scope, mesh_time_after_ms(mesh_now_ns(), options->timeout_ms));
  }
  grpc_slice path = grpc_slice_from_copied_string(method);
  call->call =
      grpc_channel_create_call(mesh_link_channel(link), NULL, 0, mesh_loop_queue(scope->loop), path,
                               NULL, mesh_deadline(call->scope.deadline_ns), NULL);
  grpc_slice_unref(path);
  return call;
}

// Sends the headers, and `request` with the end of the requests where it is not NULL; asks for the
// peer's status.
static void start_call(mesh_call *call, grpc_byte_buffer *request,
                       const mesh_call_options *options) {
  grpc_metadata batch = {.key = grpc_slice_from_static_string(MESH_BATCH_METADATA),
                         .value = grpc_slice_from_static_string("1")};
  grpc_op ops[4] = {0};
  size_t count = 0;
  grpc_op *headers = &ops[count++];
  headers->op = GRPC_OP_SEND_INITIAL_METADATA;
  if (options != NULL && options->accept_batch) {
    headers->data.send_initial_metadata.count = 1;
    headers->data.send_initial_metadata.metadata = &batch;
  }
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
  ops[count++].data.recv_initial_metadata.recv_initial_metadata = &call->initial;
  mesh_call_start(call, &call->start, ops, count);

  grpc_op status = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};
  status.data.recv_status_on_client.trailing_metadata = &call->trailing;
  status.data.recv_status_on_client.status = &call->status;
  status.data.recv_status_on_client.status_details = &call->status_text;
  mesh_call_start(call, &call->finish, &status, 1);
  mesh_scope_add_hook(&call->scope, &call->hook);  // at once, if the scope is cancelled already
}

mesh_code mesh_call_open(mesh_scope *scope, mesh_link *link, const char *method, mesh_frame request,
                         const mesh_call_options *options, mesh_call **out, mesh_error *err) {
  *out = NULL;
  mesh_code code = mesh_scope_check(scope, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_call *call = create_call(scope, link, method, options);
  grpc_slice slice = grpc_slice_from_copied_buffer((const char *)request.data, request.size_bytes);
  grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
  grpc_slice_unref(slice);
  start_call(call, buffer, options);
  grpc_byte_buffer_destroy(buffer);
  *out = call;
  return GRPC_STATUS_OK;
}

mesh_code mesh_call_open_stream(mesh_scope *scope, mesh_link *link, const char *method,
                                const mesh_call_options *options, mesh_call **out,
                                mesh_error *err) {
  *out = NULL;
  mesh_code code = mesh_scope_check(scope, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_call *call = create_call(scope, link, method, options);
  start_call(call, NULL, options);
  *out = call;
  return GRPC_STATUS_OK;
}

mesh_code mesh_call_send_end(mesh_call *call, mesh_error *err) {
  grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
  mesh_call_start(call, &call->send, &op, 1);
  return mesh_call_await(call, &call->send) ? GRPC_STATUS_OK : mesh_call_send_error(call, err);
}

static const grpc_metadata *find_details(const mesh_call *call) {
  for (size_t i = 0; i < call->trailing.count; i++) {
    if (grpc_slice_str_cmp(call->trailing.metadata[i].key, MESH_DETAILS_METADATA) == 0) {
      return &call->trailing.metadata[i];
    }
  }
  return NULL;
}

mesh_code mesh_call_status(mesh_call *call, mesh_error *err) {
  if (call->status == GRPC_STATUS_OK) return GRPC_STATUS_OK;
  if (call->scope.code != GRPC_STATUS_OK) return mesh_scope_check(&call->scope, err);

  char text[MESH_ERROR_MESSAGE_MAX];
  size_t size_bytes = GRPC_SLICE_LENGTH(call->status_text);
  if (size_bytes >= sizeof text) size_bytes = sizeof text - 1;
  memcpy(text, GRPC_SLICE_START_PTR(call->status_text), size_bytes);
  text[size_bytes] = '\0';

  const grpc_metadata *details = find_details(call);
  // gRPC's own word for a call that reached a server while it stopped: nobody of ours cancelled it.
  if (details == NULL && call->status == GRPC_STATUS_CANCELLED && strcmp(text, "CANCELLED") == 0) {
    return mesh_link_fail(call->link, GRPC_STATUS_UNAVAILABLE, "the server stopped", err);
  }
  if (details == NULL && call->status == GRPC_STATUS_UNAVAILABLE) {
    return mesh_link_fail(call->link, call->status, text, err);
  }
  mesh_fail(err, call->status, "%s", text);
  if (details != NULL && err != NULL) {
    mesh_error_decode_details(err, GRPC_SLICE_START_PTR(details->value),
                              GRPC_SLICE_LENGTH(details->value));
  }
  return call->status;
}

void mesh_call_close(mesh_call *call) {
  if (call == NULL) return;
  mesh_scope_remove_hook(&call->hook);
  mesh_scope_close(&call->scope);
  if (call->finish.op.pending) grpc_call_cancel(call->call, NULL);
  call->closed = true;
  if (!call->start.op.pending && !call->send.op.pending && !call->receive.op.pending &&
      !call->finish.op.pending) {
    mesh_call_free(call);
  }
}
