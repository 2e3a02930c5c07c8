// What an operation is at the moment: its state, its place in the registry, who holds it.
#include "mesh/operation/operation.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/operation/operation_internal.h"

#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name
#define TO(name) (1u << STATE(name))

// ---- the state machine ----

bool mesh_operation_may_enter(Millrace__V1__OperationState from, Millrace__V1__OperationState to) {
  static const unsigned allowed_next[] = {
      [STATE(OPERATION_STATE_UNSPECIFIED)] = TO(RUNNING) | TO(CANCELLING),
      [STATE(RUNNING)] = TO(CANCELLING) | TO(SUCCEEDED) | TO(FAILED),
      [STATE(CANCELLING)] = TO(SUCCEEDED) | TO(FAILED) | TO(CANCELLED),
      [STATE(SUCCEEDED)] = 0,
      [STATE(FAILED)] = 0,
      [STATE(CANCELLED)] = 0,
  };
  return (allowed_next[from] & (1u << to)) != 0;
}

void mesh_operation_enter(mesh_operation *operation, Millrace__V1__OperationState state) {
  assert(mesh_operation_may_enter(operation->state, state));
  operation->state = state;
}

// ---- the registry ----

static int64_t or_default(int64_t value, int64_t otherwise) {
  return value > 0 ? value : otherwise;
}

mesh_operations *mesh_operations_create(mesh_loop *loop, const char *layer,
                                        const mesh_journal *journal,
                                        const mesh_operations_options *options) {
  mesh_operations *operations = calloc(1, sizeof *operations);
  if (operations == NULL) abort();
  operations->loop = loop;
  operations->layer = layer;
  operations->journal = journal;
  mesh_operations_options given = {0};
  if (options != NULL) given = *options;
  operations->options = (mesh_operations_options){
      .heartbeat_ms = or_default(given.heartbeat_ms, 15000),
      .cancel_timeout_ms = or_default(given.cancel_timeout_ms, 10000),
      .force_ms = or_default(given.force_ms, 1000),
      .adopt_grace_ms = or_default(given.adopt_grace_ms, 10000),
  };
  operations->admission =
      mesh_admission_create(given.running_most, given.starts_per_s, mesh_now_ns());
  mesh_scope_open_root(&operations->scope, loop);
  return operations;
}

void mesh_operations_destroy(mesh_operations *operations) {
  if (operations == NULL) return;
  assert(operations->by_name == NULL);
  free(operations);
}

int mesh_operations_count(const mesh_operations *operations) {
  return (int)HASH_CNT(named, operations->by_name);
}

mesh_operation *mesh_operations_find(mesh_operations *operations, const char *name) {
  mesh_operation *found = NULL;
  HASH_FIND(named, operations->by_name, name, strlen(name), found);
  return found;
}

void mesh_operation_register(mesh_operation *operation) {
  mesh_operations *operations = operation->operations;
  HASH_ADD_KEYPTR(named, operations->by_name, operation->name, strlen(operation->name), operation);
  if (operation->request_id[0] != '\0') {
    HASH_ADD_KEYPTR(requested, operations->by_request_id, operation->request_id,
                    strlen(operation->request_id), operation);
  }
  mesh_operation *same = NULL;
  HASH_FIND(keyed, operations->by_work_key, operation->work_key, strlen(operation->work_key), same);
  operation->is_keyed = operation->work_key[0] != '\0' && same == NULL;
  if (operation->is_keyed) {
    HASH_ADD_KEYPTR(keyed, operations->by_work_key, operation->work_key,
                    strlen(operation->work_key), operation);
  }
}

void mesh_operation_forget_key(mesh_operation *operation) {
  if (operation->is_keyed) HASH_DELETE(keyed, operation->operations->by_work_key, operation);
  operation->is_keyed = false;
}

static void remove_from_registry(mesh_operation *operation) {
  mesh_operations *operations = operation->operations;
  HASH_DELETE(named, operations->by_name, operation);
  operations->parts -= operation->is_part;
  if (operation->request_id[0] != '\0') {
    HASH_DELETE(requested, operations->by_request_id, operation);
  }
  mesh_operation_forget_key(operation);
}

// ---- ownership ----

static void free_operation(mesh_operation *operation) {
  for (int i = 0; i < operation->recent_count; i++)
    free(operation->recent[i].data);
  free(operation->progress.data);
  free(operation->checkpoint.data);
  free(operation->outcome.data);
  free(operation->kind);
  free(operation->title);
  free(operation->request_id);
  free(operation->work_key);
  free(operation->labels);
  free(operation);
}

void mesh_operation_hold(mesh_operation *operation) {
  operation->users++;
}

void mesh_operation_release(mesh_operation *operation) {
  if (--operation->users == 0 && operation->ended) free_operation(operation);
}

void mesh_operation_end(mesh_operation *operation) {
  mesh_timer_stop(&operation->grace);
  mesh_timer_stop(&operation->force);
  remove_from_registry(operation);
  operation->ended = true;
  mesh_signal_notify(&operation->changed);
  mesh_signal_notify(&operation->operations->ended);
}

// ---- for the work, and for whoever asks ----

const char *mesh_operation_name(const mesh_operation *operation) {
  return operation->name;
}

int64_t mesh_operation_created_ns(const mesh_operation *operation) {
  return operation->created_ns;
}

mesh_scope *mesh_operation_scope(mesh_operation *operation) {
  return &operation->scope;
}

mesh_scope *mesh_operation_stop_scope(mesh_operation *operation) {
  return &operation->stop_scope;
}

const char *mesh_operation_requested_by(const mesh_operation *operation) {
  return operation->requested_by;
}

int64_t mesh_operation_cancel_timeout_ms(const mesh_operation *operation) {
  return operation->cancel_timeout_ms;
}

mesh_operation_record mesh_operation_record_of(const mesh_operation *operation) {
  return mesh_operation_describe(operation);
}

bool mesh_operation_peek(mesh_operations *operations, const char *name,
                         mesh_operation_record *record, mesh_view *progress, int *watchers) {
  const mesh_operation *operation = mesh_operations_find(operations, name);
  if (operation == NULL || operation->creating) return false;
  *record = mesh_operation_describe(operation);
  *progress = (mesh_view){operation->progress.data, operation->progress.size_bytes};
  *watchers = operation->watchers;
  return true;
}

mesh_code mesh_operation_await(mesh_operations *operations, const char *name, mesh_scope *scope,
                               mesh_error *err) {
  mesh_operation *operation = mesh_operations_find(operations, name);
  if (operation == NULL) return GRPC_STATUS_OK;
  mesh_operation_hold(operation);
  mesh_code code = GRPC_STATUS_OK;
  while (!operation->ended && code == GRPC_STATUS_OK) {
    code = mesh_signal_wait(&operation->changed, scope, MESH_NEVER, err);
  }
  mesh_operation_release(operation);
  return code;
}
