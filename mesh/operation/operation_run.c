// The life of an operation: made from its record, run to its outcome.
#include <stdlib.h>
#include <string.h>

#include "mesh/operation/operation_internal.h"
#include "mesh/runtime/text.h"

// ---- create ----

static char *copy_text(const char *text) {
  char *copy = strdup(text == NULL ? "" : text);
  if (copy == NULL) abort();
  return copy;
}

static void take_options(mesh_operation *operation, const Millrace__V1__StartOptions *options) {
  const mesh_operations_options *defaults = &operation->operations->options;
  operation->cancel_timeout_ms = defaults->cancel_timeout_ms;
  if (options == NULL) return;
  operation->grace_ms = options->grace_ms;
  if (options->cancel_timeout_ms > 0) operation->cancel_timeout_ms = options->cancel_timeout_ms;
  if (options->deadline_ms == 0) return;
  int64_t elapsed_ns = mesh_wall_ns() - operation->created_ns;  // for an adopted one
  int64_t left_ns = mesh_time_add(mesh_ms_ns(options->deadline_ms), -elapsed_ns);
  mesh_scope_set_deadline(&operation->scope, mesh_time_add(mesh_now_ns(), left_ns));
}

mesh_operation *mesh_operation_create(mesh_operations *operations,
                                      const mesh_operation_record *record, const mesh_work *work,
                                      const Millrace__V1__StartOptions *options) {
  mesh_operation *operation = calloc(1, sizeof *operation);
  if (operation == NULL) abort();
  operation->operations = operations;
  mesh_text_copy(operation->name, sizeof operation->name, record->name);
  operation->kind = copy_text(record->kind);
  operation->title = copy_text(record->title);
  mesh_text_mend_in_place(operation->title, strlen(operation->title));
  operation->request_id = copy_text(record->request_id);
  operation->work_key = copy_text(record->work_key);
  operation->labels = copy_text(record->labels);
  operation->detached = record->detached;
  operation->epoch = record->epoch;
  operation->last_sequence = record->last_sequence;
  operation->source_epoch = record->source_epoch;
  operation->source_sequence = record->source_sequence;
  operation->created_ns = record->created_ns;
  operation->updated_ns = record->updated_ns;
  if (record->checkpoint.size_bytes > 0) {
    mesh_bytes_set(&operation->checkpoint, record->checkpoint);
  }
  operation->work = *work;
  mesh_scope_open(&operation->scope, &operations->scope);
  mesh_scope_open(&operation->stop_scope, &operations->scope);
  mesh_operation_init_stop(operation);
  take_options(operation, options);
  mesh_operation_register(operation);
  return operation;
}

// ---- run ----

// What the work returned is no outcome where it was interrupted only because this process leaves.
static bool was_suspended(const mesh_operation *operation, mesh_code code) {
  return operation->operations->draining && code == GRPC_STATUS_UNAVAILABLE;
}

static void await_resume(mesh_operation *operation) {
  mesh_error err;
  mesh_operations *operations = operation->operations;
  while (operations->holding && mesh_signal_wait(&operations->resumed, &operation->scope,
                                                 MESH_NEVER, &err) == GRPC_STATUS_OK) {
  }
}

static void run_operation(void *arg) {
  mesh_operation *operation = arg;
  mesh_fiber_set_caller(operation->operations->loop, "");  // whoever has started it
  await_resume(operation);
  Millrace__V1__Succeeded succeeded = MILLRACE__V1__SUCCEEDED__INIT;
  Millrace__V1__Cancelled cancelled = MILLRACE__V1__CANCELLED__INIT;
  mesh_error err;
  mesh_code code =
      operation->work.run(operation, operation->work.arg, &succeeded, &cancelled, &err);
  mesh_scope_remove_hook(&operation->on_stop);
  mesh_scope_close(&operation->scope);
  mesh_scope_close(&operation->stop_scope);
  if (!operation->abandoned && !was_suspended(operation, code)) {
    mesh_timer_stop(&operation->force);
    mesh_operation_finish(operation, code, &succeeded, &cancelled, &err);
  }
  if (operation->work.on_end != NULL) operation->work.on_end(operation->work.arg);
  if (operation->abandoned) {
    operation->operations->abandoned--;
    mesh_signal_notify(&operation->operations->ended);
  } else {
    mesh_operation_end(operation);
  }
  mesh_operation_release(operation);
}

void mesh_operation_run(mesh_operation *operation) {
  mesh_operation_hold(operation);
  mesh_fiber_start(&operation->operations->scope, run_operation, operation);
}
