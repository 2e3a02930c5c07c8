#include "mesh/runtime/scope.h"

#include <assert.h>
#include <stdarg.h>

#include "mesh/runtime/fiber.h"
#include "mesh/runtime/loop_internal.h"
#include "mesh/runtime/text.h"

static void on_deadline(mesh_timer *timer) {
  mesh_scope *scope = MESH_CONTAINER_OF(timer, mesh_scope, timer);
  mesh_scope_cancel(scope, GRPC_STATUS_DEADLINE_EXCEEDED, "deadline exceeded");
}

void mesh_scope_open_root(mesh_scope *scope, mesh_loop *loop) {
  *scope = (mesh_scope){.loop = loop, .deadline_ns = MESH_NEVER};
  scope->hooks.previous = scope->hooks.next = &scope->hooks;
  mesh_timer_init(&scope->timer, on_deadline);
}

void mesh_scope_open(mesh_scope *scope, mesh_scope *parent) {
  mesh_scope_open_root(scope, parent->loop);
  scope->parent = parent;
  scope->deadline_ns = parent->deadline_ns;  // the parent's timer cancels us too
  scope->next_sibling = parent->first_child;
  if (scope->next_sibling != NULL) scope->next_sibling->previous_sibling = scope;
  parent->first_child = scope;
  if (parent->code != GRPC_STATUS_OK) mesh_scope_cancel(scope, parent->code, "%s", parent->why);
}

void mesh_scope_set_deadline(mesh_scope *scope, int64_t deadline_ns) {
  if (deadline_ns >= scope->deadline_ns || scope->code != GRPC_STATUS_OK) return;
  scope->deadline_ns = deadline_ns;
  mesh_timer_start(scope->loop, &scope->timer, deadline_ns);
}

// Hooks first, so that what waits here hears of it before what waits below. A hook may remove any
// hook, and may make a fiber ready, but nothing runs before the loop's next turn: the tree does not
// change under us.
static void cancel_tree(mesh_scope *scope, mesh_code code, const char *why) {
  if (scope->code != GRPC_STATUS_OK) return;
  scope->code = code;
  mesh_text_copy(scope->why, sizeof scope->why, why);
  mesh_timer_stop(&scope->timer);
  while (scope->hooks.next != &scope->hooks) {
    mesh_cancel_hook *hook = scope->hooks.next;
    mesh_scope_remove_hook(hook);
    hook->on_cancel(hook);
  }
  for (mesh_scope *child = scope->first_child; child != NULL; child = child->next_sibling) {
    cancel_tree(child, code, why);
  }
}

void mesh_scope_cancel(mesh_scope *scope, mesh_code code, const char *format, ...) {
  assert(code != GRPC_STATUS_OK);
  char why[sizeof scope->why];
  va_list args;
  va_start(args, format);
  mesh_text_vformat(why, sizeof why, format, args);
  va_end(args);
  cancel_tree(scope, code, why);
}

mesh_code mesh_scope_check(const mesh_scope *scope, mesh_error *err) {
  if (scope->code == GRPC_STATUS_OK) return GRPC_STATUS_OK;
  return mesh_fail(err, scope->code, "%s", scope->why);
}

void mesh_scope_fiber_ended(mesh_scope *scope) {
  assert(scope->fibers > 0);
  if (--scope->fibers == 0 && scope->joiner != NULL) mesh_fiber_unpark(scope->joiner);
}

void mesh_scope_join(mesh_scope *scope) {
  while (scope->fibers > 0) {
    scope->joiner = mesh_fiber_current(scope->loop);
    mesh_fiber_park(scope->loop);
  }
  scope->joiner = NULL;
}

void mesh_scope_close(mesh_scope *scope) {
  mesh_scope_join(scope);
  assert(scope->first_child == NULL);
  mesh_timer_stop(&scope->timer);
  if (scope->next_sibling != NULL) scope->next_sibling->previous_sibling = scope->previous_sibling;
  if (scope->previous_sibling != NULL) {
    scope->previous_sibling->next_sibling = scope->next_sibling;
  } else if (scope->parent != NULL) {
    scope->parent->first_child = scope->next_sibling;
  }
  scope->parent = NULL;
}

void mesh_scope_add_hook(mesh_scope *scope, mesh_cancel_hook *hook) {
  if (scope->code != GRPC_STATUS_OK) {
    hook->next = NULL;
    hook->on_cancel(hook);
    return;
  }
  hook->next = &scope->hooks;
  hook->previous = scope->hooks.previous;
  hook->previous->next = hook;
  scope->hooks.previous = hook;
}

void mesh_scope_remove_hook(mesh_cancel_hook *hook) {
  if (hook->next == NULL) return;
  hook->next->previous = hook->previous;
  hook->previous->next = hook->next;
  hook->next = NULL;
}
