// What both ends of a call share: batches that a fiber waits for, messages, metadata.
#include "mesh/rpc/call.h"

#include <assert.h>
#include <grpc/byte_buffer_reader.h>
#include <stdlib.h>

#include "mesh/rpc/call_internal.h"

bool mesh_call_is_pending(const mesh_call *call) {
  return call->start.op.pending || call->send.op.pending || call->receive.op.pending ||
         call->finish.op.pending;
}

static void on_await_done(mesh_op *op, bool ok) {
  mesh_await *await = MESH_CONTAINER_OF(op, mesh_await, op);
  mesh_call *call = await->call;
  await->ok = ok;
  mesh_answer_end(&await->answer, ok);
  if (await->fiber != NULL) mesh_fiber_unpark(await->fiber);
  if (call->closed && !mesh_call_is_pending(call)) mesh_call_free(call);
}

static void on_scope_cancelled(mesh_cancel_hook *hook) {
  mesh_call *call = MESH_CONTAINER_OF(hook, mesh_call, hook);
  call->half->on_cancel(call);
}

static void await_init(mesh_call *call, mesh_await *await, const char *name) {
  await->op.on_done = on_await_done;
  await->op.name = name;
  await->call = call;
}

void mesh_call_init(mesh_call *call, const mesh_call_half *half, mesh_scope *parent) {
  call->half = half;
  mesh_scope_open(&call->scope, parent);
  call->hook.on_cancel = on_scope_cancelled;
  await_init(call, &call->start, "call start");
  await_init(call, &call->send, "call send");
  await_init(call, &call->receive, "call receive");
  await_init(call, &call->finish, "call finish");
  call->flat = grpc_empty_slice();
}

void mesh_call_free(mesh_call *call) {
  if (call->received != NULL) grpc_byte_buffer_destroy(call->received);
  grpc_slice_unref(call->flat);
  if (call->call != NULL) grpc_call_unref(call->call);
  call->half->free(call);
}

void mesh_call_start(mesh_call *call, mesh_await *await, const grpc_op *ops, size_t count) {
  mesh_op_start(call->scope.loop, &await->op);
  await->ok = false;
  grpc_call_error refused = grpc_call_start_batch(call->call, ops, count, &await->op, NULL);
  assert(refused == GRPC_CALL_OK);
  (void)refused;
}

bool mesh_call_await(mesh_call *call, mesh_await *await) {
  await->fiber = mesh_fiber_current(call->scope.loop);
  while (await->op.pending)
    mesh_fiber_park(call->scope.loop);
  await->fiber = NULL;
  return await->ok;
}

int64_t mesh_metadata_bytes(const grpc_metadata_array *metadata) {
  enum { FIELD_BYTES = 32 };  // RFC 9113, 6.5.2
  int64_t bytes = 0;
  for (size_t i = 0; i < metadata->count; i++) {
    const grpc_metadata *one = &metadata->metadata[i];
    bytes += (int64_t)(GRPC_SLICE_LENGTH(one->key) + GRPC_SLICE_LENGTH(one->value)) + FIELD_BYTES;
  }
  return bytes;
}

static void drop_received(mesh_call *call) {
  if (call->received != NULL) grpc_byte_buffer_destroy(call->received);
  call->received = NULL;
  grpc_slice_unref(call->flat);
  call->flat = grpc_empty_slice();
}

mesh_code mesh_call_receive_raw(mesh_call *call, mesh_error *err) {
  drop_received(call);
  grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
  op.data.recv_message.recv_message = &call->received;
  mesh_call_start(call, &call->receive, &op, 1);
  bool ok = mesh_call_await(call, &call->receive);
  if (ok && call->received != NULL) return GRPC_STATUS_OK;
  return call->half->on_end(call, err);
}

mesh_frame mesh_call_flatten(mesh_call *call) {
  if (call->received == NULL) return (mesh_frame){.end = true};
  grpc_byte_buffer_reader reader;
  grpc_slice *only;
  if (!grpc_byte_buffer_reader_init(&reader, call->received)) return (mesh_frame){.end = true};
  if (grpc_byte_buffer_length(call->received) == 0) {
    grpc_byte_buffer_reader_destroy(&reader);
    return (mesh_frame){.data = (const uint8_t *)""};
  }
  bool one_piece = call->received->data.raw.slice_buffer.count == 1 &&
                   call->received->data.raw.compression == GRPC_COMPRESS_NONE;
  if (one_piece && grpc_byte_buffer_reader_peek(&reader, &only)) {
    mesh_frame frame = {GRPC_SLICE_START_PTR(*only), GRPC_SLICE_LENGTH(*only), false};
    grpc_byte_buffer_reader_destroy(&reader);
    return frame;
  }
  call->flat = grpc_byte_buffer_reader_readall(&reader);
  grpc_byte_buffer_reader_destroy(&reader);
  return (mesh_frame){GRPC_SLICE_START_PTR(call->flat), GRPC_SLICE_LENGTH(call->flat), false};
}

grpc_slice mesh_call_take(mesh_call *call) {
  mesh_frame frame = mesh_call_flatten(call);
  grpc_slice whole = grpc_slice_ref(call->flat);
  if (GRPC_SLICE_LENGTH(whole) == 0 && frame.size_bytes > 0) {  // it came in one piece
    whole = grpc_slice_ref(call->received->data.raw.slice_buffer.slices[0]);
  }
  drop_received(call);
  return whole;
}

// Hands out what was received.
static mesh_code deliver(mesh_call *call, mesh_frame *frame, mesh_error *err) {
  *frame = mesh_call_flatten(call);
  if (call->check == NULL || frame->end) return GRPC_STATUS_OK;
  return call->check(call, (mesh_view){frame->data, frame->size_bytes}, err);
}

mesh_code mesh_call_receive(mesh_call *call, mesh_frame *frame, mesh_error *err) {
  *frame = (mesh_frame){.end = true};
  mesh_code code = mesh_call_receive_raw(call, err);
  return code == GRPC_STATUS_OK ? deliver(call, frame, err) : code;
}

mesh_code mesh_call_receive_only(mesh_call *call, mesh_frame *frame, mesh_error *err) {
  *frame = (mesh_frame){.end = true};
  mesh_code code = mesh_call_receive_raw(call, err);
  if (code != GRPC_STATUS_OK) return code;
  grpc_byte_buffer *only = call->received;
  if (only == NULL) {
    return mesh_fail(err, GRPC_STATUS_UNIMPLEMENTED, "the call ended without a request message");
  }
  call->received = NULL;
  code = mesh_call_receive_raw(call, err);
  if (code == GRPC_STATUS_OK && call->received != NULL) {
    code = mesh_fail(err, GRPC_STATUS_UNIMPLEMENTED, "the call has more than one request message");
  }
  if (code != GRPC_STATUS_OK) {
    grpc_byte_buffer_destroy(only);
    return code;
  }
  call->received = only;
  return deliver(call, frame, err);
}

void mesh_call_start_send(mesh_call *call, mesh_await *await, grpc_byte_buffer *buffer) {
  grpc_op ops[2] = {0};
  size_t count = 0;
  if (call->headers_due) ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
  call->headers_due = false;
  size_t size_bytes = grpc_byte_buffer_length(buffer);
  mesh_loop_count_sent(call->scope.loop, size_bytes);
  if (call->answers != NULL) {
    mesh_answer_begin(&await->answer, call->answers, &call->scope, (int64_t)size_bytes);
  }
  ops[count].op = GRPC_OP_SEND_MESSAGE;
  ops[count++].data.send_message.send_message = buffer;
  mesh_call_start(call, await, ops, count);
}

mesh_code mesh_call_send_error(mesh_call *call, mesh_error *err) {
  if (call->scope.code != GRPC_STATUS_OK) return mesh_scope_check(&call->scope, err);
  return mesh_fail(err, GRPC_STATUS_CANCELLED, "the other end of the call is gone");
}

static mesh_code send_buffer(mesh_call *call, grpc_byte_buffer *buffer, mesh_error *err) {
  mesh_call_start_send(call, &call->send, buffer);
  bool ok = mesh_call_await(call, &call->send);
  grpc_byte_buffer_destroy(buffer);
  return ok ? GRPC_STATUS_OK : mesh_call_send_error(call, err);
}

mesh_code mesh_call_send_slice(mesh_call *call, grpc_slice slice, mesh_error *err) {
  grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
  grpc_slice_unref(slice);
  return send_buffer(call, buffer, err);
}

mesh_code mesh_call_send(mesh_call *call, mesh_frame frame, mesh_error *err) {
  grpc_slice slice = grpc_slice_from_copied_buffer((const char *)frame.data, frame.size_bytes);
  return mesh_call_send_slice(call, slice, err);
}

mesh_code mesh_call_send_bytes(mesh_call *call, mesh_bytes bytes, mesh_error *err) {
  return mesh_call_send_slice(call, grpc_slice_new(bytes.data, bytes.size_bytes, free), err);
}

mesh_code mesh_call_forward(mesh_call *to, mesh_call *from, mesh_error *err) {
  assert(from->received != NULL);
  return send_buffer(to, grpc_byte_buffer_copy(from->received), err);
}

mesh_scope *mesh_call_scope(mesh_call *call) {
  return &call->scope;
}
