// The server's end of a call.
#include "mesh/rpc/call_server.h"

#include <grpc/support/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/rpc/status_details.h"
#include "mesh/runtime/bytes.h"
#include "mesh/runtime/text.h"

enum { DRAINING_RETRY_MS = 100 };

// By how much a call ends before its caller's deadline: a sixteenth, within these.
enum { MARGIN_LEAST_NS = 2000000, MARGIN_MOST_NS = 20000000 };

static mesh_served_call *served_of(const mesh_call *call) {
  return MESH_CONTAINER_OF(call, mesh_served_call, call);
}

// ---- what the caller sent ----

static const grpc_metadata *find_metadata(const grpc_metadata_array *all, const char *key) {
  size_t key_size = strlen(key);
  for (size_t i = 0; i < all->count; i++) {
    const grpc_metadata *entry = &all->metadata[i];
    if (GRPC_SLICE_LENGTH(entry->key) == key_size &&
        memcmp(GRPC_SLICE_START_PTR(entry->key), key, key_size) == 0) {
      return entry;
    }
  }
  return NULL;
}

bool mesh_call_metadata(const mesh_call *call, const char *key, char *value, size_t capacity) {
  const grpc_metadata *entry = find_metadata(&served_of(call)->metadata, key);
  if (entry == NULL) return false;
  size_t size_bytes = GRPC_SLICE_LENGTH(entry->value);
  if (size_bytes >= capacity) size_bytes = capacity - 1;
  memcpy(value, GRPC_SLICE_START_PTR(entry->value), size_bytes);
  value[size_bytes] = '\0';
  return true;
}

const char *mesh_call_peer(const mesh_call *call) {
  const char *peer = served_of(call)->peer;
  return peer != NULL ? peer : "in-process";
}

mesh_view mesh_call_layer(const mesh_call *call) {
  const mesh_served_call *served = served_of(call);
  const uint8_t *path = GRPC_SLICE_START_PTR(served->details.method);
  size_t end = GRPC_SLICE_LENGTH(served->details.method);
  while (end > 0 && path[end - 1] != '/')
    end--;
  if (end > 0) end--;
  size_t start = end;
  while (start > 0 && path[start - 1] != '.' && path[start - 1] != '/')
    start--;
  return (mesh_view){path + start, end - start};
}

mesh_code mesh_call_forward_mended(mesh_call *to, mesh_call *from, mesh_error *err) {
  mesh_wire_type type = served_of(to)->reply_type;
  if (type.type == NULL) return mesh_call_forward(to, from, err);
  grpc_slice slice = mesh_call_take(from);
  mesh_view message = {GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice)};
  if (mesh_wire_is_utf8(type, message)) return mesh_call_send_slice(to, slice, err);
  mesh_bytes mended = {0};
  mesh_bytes_set(&mended, message);
  grpc_slice_unref(slice);
  mesh_wire_mend_text(type, mended.data, mended.size_bytes);
  return mesh_call_send_bytes(to, mended, err);
}

bool mesh_call_accepts_batch(const mesh_call *call) {
  return find_metadata(&served_of(call)->metadata, MESH_BATCH_METADATA) != NULL;
}

// ---- drain ----

mesh_code mesh_fail_draining(mesh_error *err, const char *who) {
  mesh_fail(err, GRPC_STATUS_UNAVAILABLE, "%s: this process is leaving", who);
  mesh_error_set_reason(err, "DRAINING", "mesh.millrace");
  mesh_error_set_retry(err, DRAINING_RETRY_MS);
  return GRPC_STATUS_UNAVAILABLE;
}

static void cancel_drained(mesh_served_call *served) {
  mesh_scope_cancel(&served->drain_scope, GRPC_STATUS_UNAVAILABLE, "this process is leaving");
}

mesh_scope *mesh_call_drain_scope(mesh_call *call) {
  mesh_served_call *served = served_of(call);
  mesh_drain *drain = served->drain;
  if (served->drains) return &served->drain_scope;
  served->drains = true;
  mesh_scope_open(&served->drain_scope, &call->scope);
  served->next_draining = drain->first;
  if (served->next_draining != NULL) served->next_draining->previous_draining = served;
  drain->first = served;
  if (drain->begun) cancel_drained(served);
  return &served->drain_scope;
}

static void end_drain_scope(mesh_served_call *served) {
  if (!served->drains) return;
  mesh_scope_close(&served->drain_scope);
  mesh_served_call *next = served->next_draining, *previous = served->previous_draining;
  if (next != NULL) next->previous_draining = previous;
  if (previous != NULL) {
    previous->next_draining = next;
  } else {
    served->drain->first = next;
  }
}

void mesh_drain_begin(mesh_drain *drain) {
  drain->begun = true;
  for (mesh_served_call *served = drain->first; served != NULL; served = served->next_draining)
    cancel_drained(served);
}

// ---- the begin ----

static mesh_code served_on_end(mesh_call *call, mesh_error *err) {
  mesh_code code = mesh_scope_check(&call->scope, err);
  if (code != GRPC_STATUS_OK || call->receive.ok) return code;
  return mesh_fail(err, GRPC_STATUS_RESOURCE_EXHAUSTED, "a message of the request is too large");
}

static void served_on_cancel(mesh_call *call) {
  // At the deadline the method still answers: it is a little before the caller's.
  if (call->scope.code == GRPC_STATUS_DEADLINE_EXCEEDED) return;
  grpc_call_cancel_with_status(call->call, call->scope.code, call->scope.why, NULL);
}

static void served_free(mesh_call *call) {
  mesh_served_call *served = served_of(call);
  grpc_slice_unref(served->status_text);
  grpc_slice_unref(served->status_details.value);
  grpc_metadata_array_destroy(&served->metadata);
  grpc_call_details_destroy(&served->details);
  free(served);
}

static const mesh_call_half served_half = {served_on_end, served_on_cancel, served_free};

mesh_served_call *mesh_served_call_create(mesh_scope *parent, mesh_drain *drain) {
  mesh_served_call *served = calloc(1, sizeof *served);
  if (served == NULL) abort();
  mesh_call_init(&served->call, &served_half, parent);
  served->call.headers_due = true;
  served->drain = drain;
  served->status_text = grpc_empty_slice();
  served->status_details = (grpc_metadata){
      .key = grpc_slice_from_static_string(MESH_DETAILS_METADATA), .value = grpc_empty_slice()};
  grpc_metadata_array_init(&served->metadata);
  grpc_call_details_init(&served->details);
  return served;
}

void mesh_served_call_drop(mesh_served_call *served) {
  mesh_scope_close(&served->call.scope);
  mesh_call_free(&served->call);
}

static int64_t monotonic_ns(gpr_timespec deadline) {
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) return MESH_NEVER;
  deadline = gpr_convert_clock_type(deadline, GPR_CLOCK_MONOTONIC);
  return mesh_time_join(deadline.tv_sec, deadline.tv_nsec);
}

// A little before the caller's own: so that the answer, with what each layer used, is there in
// time.
static int64_t deadline_before(int64_t deadline_ns, int64_t now_ns) {
  if (deadline_ns == MESH_NEVER) return MESH_NEVER;
  int64_t left_ns = deadline_ns - now_ns, margin_ns = left_ns / 16;
  if (margin_ns < MARGIN_LEAST_NS) margin_ns = MARGIN_LEAST_NS;
  if (margin_ns > MARGIN_MOST_NS) margin_ns = MARGIN_MOST_NS;
  if (margin_ns > left_ns / 4) margin_ns = left_ns / 4;
  return deadline_ns - margin_ns;
}

// The peer closed the call, or it ended: what still runs for it is told.
static void on_closed(mesh_op *op, bool ok) {
  (void)ok;
  mesh_await *await = MESH_CONTAINER_OF(op, mesh_await, op);
  mesh_call *call = await->call;
  if (served_of(call)->cancelled) {
    mesh_scope_cancel(&call->scope, GRPC_STATUS_CANCELLED, "the caller went away");
  }
  if (await->fiber != NULL) mesh_fiber_unpark(await->fiber);
}

void mesh_served_call_begin(mesh_served_call *served) {
  mesh_call *call = &served->call;
  served->accepted_ns = mesh_now_ns();
  int64_t deadline_ns = monotonic_ns(served->details.deadline);
  mesh_scope_set_deadline(&call->scope, deadline_before(deadline_ns, served->accepted_ns));
  call->finish.op.on_done = on_closed;
  grpc_op op = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
  op.data.recv_close_on_server.cancelled = &served->cancelled;
  mesh_call_start(call, &call->finish, &op, 1);
  mesh_scope_add_hook(&call->scope, &call->hook);
}

// ---- the end ----

// "...; DataAdapter had it for 188 ms": each layer on the way up adds what it used.
static void account_deadline(const mesh_served_call *served, mesh_error *err) {
  mesh_view layer = mesh_call_layer(&served->call);
  long long used_ms = (mesh_now_ns() - served->accepted_ns) / MESH_MS_NS;
  mesh_text_append(err->message, sizeof err->message, "; %.*s had it for %lld ms",
                   (int)layer.size_bytes, (const char *)layer.data, used_ms);
  err->details_size = 0;  // they repeat the message; what else they say is in the other fields
}

// Adds to `ops` the status that ends the call, with the details of `err`.
static size_t add_status(mesh_served_call *served, mesh_code code, mesh_error *err, grpc_op *ops) {
  size_t count = 0;
  if (served->call.headers_due) ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
  served->call.headers_due = false;
  grpc_op *op = &ops[count++];
  op->op = GRPC_OP_SEND_STATUS_FROM_SERVER;
  op->data.send_status_from_server.status = code;
  if (code == GRPC_STATUS_OK) return count;
  err->code = code;
  mesh_error_encode_details(err);
  served->status_text = grpc_slice_from_copied_string(err->message);
  op->data.send_status_from_server.status_details = &served->status_text;
  if (err->details_size == 0) return count;
  served->status_details.value =
      grpc_slice_from_copied_buffer((const char *)err->details, err->details_size);
  op->data.send_status_from_server.trailing_metadata = &served->status_details;
  op->data.send_status_from_server.trailing_metadata_count = 1;
  return count;
}

void mesh_served_call_end(mesh_served_call *served, mesh_code code, mesh_error *err) {
  mesh_call *call = &served->call;
  grpc_op ops[2] = {0};
  if (code == GRPC_STATUS_DEADLINE_EXCEEDED) account_deadline(served, err);
  size_t count = add_status(served, code, err, ops);
  mesh_call_start(call, &call->send, ops, count);
  mesh_call_await(call, &call->send);
  mesh_call_await(call, &call->finish);
  mesh_scope_remove_hook(&call->hook);
  end_drain_scope(served);
  mesh_scope_close(&call->scope);
  mesh_call_free(call);
}

static void on_refused(mesh_op *op, bool ok) {
  (void)ok;
  mesh_await *await = MESH_CONTAINER_OF(op, mesh_await, op);
  mesh_served_call *served = served_of(await->call);
  void (*on_done)(void *arg) = served->on_refused;
  void *arg = served->on_refused_arg;
  mesh_served_call_drop(served);
  on_done(arg);
}

void mesh_served_call_refuse(mesh_served_call *served, mesh_error *err, void (*on_done)(void *arg),
                             void *arg) {
  served->on_refused = on_done;
  served->on_refused_arg = arg;
  mesh_await *finish = &served->call.finish;
  finish->op.on_done = on_refused;
  grpc_op ops[3] = {0};
  size_t count = add_status(served, err->code, err, ops);
  ops[count].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
  ops[count++].data.recv_close_on_server.cancelled = &served->cancelled;
  mesh_call_start(&served->call, finish, ops, count);
}
