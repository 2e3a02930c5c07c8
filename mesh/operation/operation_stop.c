// How an operation is stopped: asked to, by force, by the end of its grace, or because the process
// leaves.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/operation/message_report.h"
#include "mesh/operation/operation_internal.h"
#include "mesh/runtime/log.h"
#include "mesh/runtime/text.h"

#define STATE(name) MILLRACE__V1__OPERATION_STATE__##name

enum { REPORT_DELAY_NS = 300000 };
enum { SEND_AWAY_MS = 500 };  // how long watchers may take to hear that the process leaves

static int64_t after_ms(int64_t duration_ms) {
  return mesh_time_after_ms(mesh_now_ns(), duration_ms);
}

// ---- the grace of an attached operation ----

static void on_grace_over(mesh_timer *timer) {
  mesh_operation *operation = MESH_CONTAINER_OF(timer, mesh_operation, grace);
  mesh_operation_stop(operation, "caller went away", false);
}

void mesh_operation_await_keeper(mesh_operation *operation, int64_t grace_ms) {
  if (operation->keepers > 0 || operation->detached || operation->ended) return;
  if (operation->operations->draining) return;  // its watchers were sent away
  mesh_timer_start(operation->operations->loop, &operation->grace, after_ms(grace_ms));
}

void mesh_operation_keep(mesh_operation *operation) {
  operation->keepers++;
  mesh_timer_stop(&operation->grace);
}

void mesh_operation_unkeep(mesh_operation *operation) {
  operation->keepers--;
  mesh_operation_await_keeper(operation, operation->grace_ms);
}

// ---- force ----

// Gives the outcome that the work does not give. Whatever the work still does no longer counts.
static void abandon(void *arg) {
  mesh_operation *operation = arg;
  mesh_error err;
  mesh_log(MESH_LOG_WARN, operation->operations->layer,
           "%s did not stop within %lld ms: it ends by force", operation->name,
           (long long)operation->cancel_timeout_ms);
  Millrace__V1__Cancelled cancelled = MILLRACE__V1__CANCELLED__INIT;
  mesh_code code = mesh_scope_check(&operation->scope, &err);
  if (operation->state == STATE(CANCELLING)) code = GRPC_STATUS_CANCELLED;
  mesh_operation_finish(operation, code, NULL, &cancelled, &err);
  mesh_operation_end(operation);
  mesh_operation_release(operation);
}

// First the work is told that its time is over; then it is left behind.
static void on_force(mesh_timer *timer) {
  mesh_operation *operation = MESH_CONTAINER_OF(timer, mesh_operation, force);
  mesh_operations *operations = operation->operations;
  if (!operation->forced) {
    operation->forced = true;
    mesh_scope_cancel(&operation->stop_scope, GRPC_STATUS_DEADLINE_EXCEEDED,
                      "the cancel timeout of %lld ms is over",
                      (long long)operation->cancel_timeout_ms);
    mesh_timer_start(operations->loop, timer, after_ms(operations->options.force_ms));
    return;
  }
  operation->abandoned = true;
  operations->abandoned++;
  mesh_operation_hold(operation);
  mesh_fiber_start(&operations->scope, abandon, operation);
}

// The work has to stop, for whatever reason: from now on the cancel timeout runs.
static void on_stop(mesh_cancel_hook *hook) {
  mesh_operation *operation = MESH_CONTAINER_OF(hook, mesh_operation, on_stop);
  if (operation->scope.code == GRPC_STATUS_UNAVAILABLE) return;  // this process leaves
  mesh_timer_start(operation->operations->loop, &operation->force,
                   after_ms(operation->cancel_timeout_ms));
}

void mesh_operation_init_stop(mesh_operation *operation) {
  mesh_timer_init(&operation->grace, on_grace_over);
  mesh_timer_init(&operation->force, on_force);
  operation->on_stop.on_cancel = on_stop;
  mesh_scope_add_hook(&operation->scope, &operation->on_stop);
}

// ---- cancel ----

static void report_cancel(void *arg) {
  mesh_operation *operation = arg;
  mesh_error err;
  // The work first: the journal's thread would compete with the layers that stop.
  (void)!mesh_sleep_until(&operation->operations->scope, mesh_now_ns() + REPORT_DELAY_NS, &err);
  Millrace__V1__CancelRequested message = MILLRACE__V1__CANCEL_REQUESTED__INIT;
  message.requested_by = operation->requested_by;
  message.timeout_ms = operation->cancel_timeout_ms;
  mesh_code code = mesh_operation_append_message(
      operation, MILLRACE__V1__OPERATION_EVENT__PAYLOAD_CANCEL_REQUESTED, &message.base, &err);
  if (code != GRPC_STATUS_OK) {
    mesh_log(MESH_LOG_WARN, operation->operations->layer,
             "%s: the cancel is not in the journal: %s", operation->name, err.message);
    operation->cancel_error = err;
  }
  operation->reporting_cancel = false;
  mesh_signal_notify(&operation->changed);
  mesh_operation_release(operation);
}

// The work hears of it at once; the journal meanwhile. The outcome waits for the journal.
void mesh_operation_stop(mesh_operation *operation, const char *requested_by, bool known) {
  if (operation->state == STATE(RUNNING)) mesh_operation_enter(operation, STATE(CANCELLING));
  if (operation->state != STATE(CANCELLING) || operation->requested_by[0] != '\0') return;
  mesh_text_copy(operation->requested_by, sizeof operation->requested_by, requested_by);
  operation->requested_ns = mesh_wall_ns();
  mesh_operation_forget_key(operation);  // a start of the same work begins anew
  mesh_scope_cancel(&operation->scope, GRPC_STATUS_CANCELLED, "cancelled by %s", requested_by);
  if (known) return;
  operation->reporting_cancel = true;
  mesh_operation_hold(operation);
  mesh_fiber_start(&operation->operations->scope, report_cancel, operation);
}

mesh_code mesh_operation_cancel(mesh_operations *operations, const char *name,
                                const char *requested_by, mesh_error *err) {
  mesh_operation *operation = mesh_operations_find(operations, name);
  if (operation == NULL) {
    return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no operation '%s' is running", name);
  }
  mesh_operation_stop(operation, requested_by, false);
  return GRPC_STATUS_OK;
}

mesh_code mesh_operation_check_unheld(mesh_operations *operations, const char *name,
                                      mesh_error *err) {
  const mesh_operation *operation = mesh_operations_find(operations, name);
  bool held = operation != NULL && operation->state == STATE(RUNNING) &&
              (operation->detached || operation->keepers > 1);
  if (!held) return GRPC_STATUS_OK;
  mesh_code code = operation->detached
                       ? mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                                   "%s is detached: it goes on alone", name)
                       : mesh_fail(err, GRPC_STATUS_FAILED_PRECONDITION,
                                   "%s is watched by %d: it goes on", name, operation->keepers);
  mesh_error_set_reason(err, "HELD", "mesh.millrace");
  return code;
}

static void note_joined(void *arg, int64_t sequence, mesh_view bytes) {
  (void)sequence;
  mesh_operation *operation = arg;
  mesh_event event;
  mesh_error ignored;
  if (mesh_event_decode(bytes, &event, &ignored) != GRPC_STATUS_OK) return;
  operation->is_joined |= event.payload == MILLRACE__V1__OPERATION_EVENT__PAYLOAD_JOINED;
}

bool mesh_operation_is_shared(mesh_operations *operations, const char *name) {
  mesh_operation *operation = mesh_operations_find(operations, name);
  if (operation == NULL) return false;
  mesh_operation_hold(operation);
  mesh_error err;
  mesh_code code = GRPC_STATUS_OK;
  bool began_elsewhere = operation->epoch > 1;
  if (began_elsewhere && operation->keepers == 0 && !operation->is_joined)
    code = mesh_operation_history(operation, note_joined, operation, &err);
  bool is_shared = code != GRPC_STATUS_OK || operation->keepers > 0 || operation->is_joined;
  mesh_operation_release(operation);
  return is_shared;
}

mesh_code mesh_operation_await_cancel(mesh_operations *operations, const char *name,
                                      mesh_scope *scope, mesh_error *err) {
  mesh_operation *operation = mesh_operations_find(operations, name);
  if (operation == NULL) return GRPC_STATUS_OK;
  mesh_code code = GRPC_STATUS_OK;
  mesh_operation_hold(operation);
  while (operation->reporting_cancel && code == GRPC_STATUS_OK)
    code = mesh_signal_wait(&operation->changed, scope, MESH_NEVER, err);
  if (code == GRPC_STATUS_OK && operation->cancel_error.code != GRPC_STATUS_OK) {
    *err = operation->cancel_error;
    code = err->code;
  }
  mesh_operation_release(operation);
  return code;
}

void mesh_operations_stop(mesh_operations *operations) {
  for (mesh_operation *each = operations->by_name; each != NULL; each = each->named.next) {
    mesh_operation_stop(each, "the process stops", false);
  }
  mesh_scope_close(&operations->scope);
}

// ---- drain ----

static bool has_stopped(const mesh_operations *operations) {
  return operations->by_name == NULL && operations->abandoned == 0;
}

static bool has_left(const mesh_operations *operations) {
  return has_stopped(operations) && operations->watching == 0;
}

static void await_leaving(mesh_operations *operations,
                          bool (*is_over)(const mesh_operations *operations), int64_t deadline_ns) {
  mesh_scope waiting;
  mesh_scope_open_root(&waiting, operations->loop);
  mesh_error err;
  while (!is_over(operations) &&
         mesh_signal_wait(&operations->ended, &waiting, deadline_ns, &err) == GRPC_STATUS_OK) {
  }
  mesh_scope_close(&waiting);
}

// Watchers hear that this process leaves, whatever the work does; one that does not take what it is
// sent holds nobody up.
static void send_watchers_away(mesh_operations *operations) {
  operations->left = true;
  for (mesh_operation *each = operations->by_name; each != NULL; each = each->named.next) {
    mesh_signal_notify(&each->changed);
  }
  await_leaving(operations, has_left, mesh_time_after_ms(mesh_now_ns(), SEND_AWAY_MS));
  for (mesh_watching *each = operations->first_watching; each != NULL; each = each->next) {
    mesh_scope_cancel(each->call, GRPC_STATUS_UNAVAILABLE, "%s leaves", operations->layer);
  }
  await_leaving(operations, has_left, mesh_time_after_ms(mesh_now_ns(), SEND_AWAY_MS));
}

static bool is_watched(const mesh_operations *operations) {
  for (mesh_operation *each = operations->by_name; each != NULL; each = each->named.next) {
    if (each->watchers == 0) return false;
  }
  return true;
}

void mesh_operations_await_watchers(mesh_operations *operations, int64_t deadline_ns) {
  operations->closed = true;
  mesh_scope waiting;
  mesh_scope_open_root(&waiting, operations->loop);
  mesh_error err;
  while (!is_watched(operations) &&
         mesh_signal_wait(&operations->ended, &waiting, deadline_ns, &err) == GRPC_STATUS_OK) {
  }
  mesh_scope_close(&waiting);
}

// Each work may still report, a last checkpoint for example; its watchers get that, and then the
// Drain event. At the deadline they get the Drain event whatever the work does.
bool mesh_operations_drain(mesh_operations *operations, int64_t deadline_ns) {
  operations->closed = operations->draining = true;
  for (mesh_operation *each = operations->by_name; each != NULL; each = each->named.next) {
    mesh_timer_stop(&each->grace);
    mesh_scope_cancel(&each->scope, GRPC_STATUS_UNAVAILABLE, "%s leaves", operations->layer);
  }
  await_leaving(operations, has_stopped, deadline_ns);
  send_watchers_away(operations);
  if (!has_left(operations)) return false;
  mesh_scope_close(&operations->scope);
  return true;
}
