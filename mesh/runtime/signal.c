// mesh_signal and mesh_sleep_until: waits that a notify, a time, or the end of a scope ends.
#include "mesh/runtime/fiber.h"

typedef struct mesh_waiter {
  struct mesh_waiter *next, *previous;
  mesh_signal *signal;  // NULL once it was notified
  mesh_fiber *fiber;
  mesh_timer timer;
  mesh_cancel_hook hook;
  bool due;
} mesh_waiter;

static void waiter_link(mesh_waiter *waiter, mesh_signal *signal) {
  waiter->signal = signal;
  waiter->previous = signal->last;
  if (signal->last != NULL) {
    signal->last->next = waiter;
  } else {
    signal->first = waiter;
  }
  signal->last = waiter;
}

static void waiter_unlink(mesh_waiter *waiter) {
  mesh_signal *signal = waiter->signal;
  if (signal == NULL) return;
  if (waiter->previous != NULL) {
    waiter->previous->next = waiter->next;
  } else {
    signal->first = waiter->next;
  }
  if (waiter->next != NULL) {
    waiter->next->previous = waiter->previous;
  } else {
    signal->last = waiter->previous;
  }
  waiter->signal = NULL;
}

static void on_waiter_due(mesh_timer *timer) {
  mesh_waiter *waiter = MESH_CONTAINER_OF(timer, mesh_waiter, timer);
  waiter->due = true;
  mesh_fiber_unpark(waiter->fiber);
}

static void on_waiter_cancel(mesh_cancel_hook *hook) {
  mesh_fiber_unpark(MESH_CONTAINER_OF(hook, mesh_waiter, hook)->fiber);
}

mesh_code mesh_signal_wait(mesh_signal *signal, mesh_scope *scope, int64_t due_ns,
                           mesh_error *err) {
  mesh_code code = mesh_scope_check(scope, err);
  if (code != GRPC_STATUS_OK) return code;

  mesh_waiter waiter = {.fiber = mesh_fiber_current(scope->loop)};
  waiter.hook.on_cancel = on_waiter_cancel;
  mesh_timer_init(&waiter.timer, on_waiter_due);
  waiter_link(&waiter, signal);
  mesh_timer_start(scope->loop, &waiter.timer, due_ns);
  mesh_scope_add_hook(scope, &waiter.hook);

  while (waiter.signal != NULL && !waiter.due && scope->code == GRPC_STATUS_OK) {
    mesh_fiber_park(scope->loop);
  }
  bool notified = waiter.signal == NULL;
  waiter_unlink(&waiter);
  mesh_timer_stop(&waiter.timer);
  mesh_scope_remove_hook(&waiter.hook);

  if (scope->code != GRPC_STATUS_OK) return mesh_scope_check(scope, err);
  if (notified) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_DEADLINE_EXCEEDED, "nothing happened in time");
}

void mesh_signal_notify(mesh_signal *signal) {
  mesh_waiter *waiter = signal->first;
  signal->first = signal->last = NULL;
  while (waiter != NULL) {
    mesh_waiter *next = waiter->next;
    waiter->signal = NULL;
    mesh_fiber_unpark(waiter->fiber);
    waiter = next;
  }
}

mesh_code mesh_sleep_until(mesh_scope *scope, int64_t due_ns, mesh_error *err) {
  mesh_signal nobody = {0};
  mesh_error ended;
  mesh_code code = mesh_signal_wait(&nobody, scope, due_ns, &ended);
  if (scope->code == GRPC_STATUS_OK) return GRPC_STATUS_OK;  // it was due
  return mesh_fail(err, code, "%s", ended.message);
}
