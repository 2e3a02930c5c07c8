#include "mesh/operation/orchestrate.h"

#include "mesh/runtime/fiber.h"

typedef struct crew {
  mesh_scope scope;
  size_t next, count;
  mesh_piece_run run;
  void *arg;
  mesh_code code;  // of the first piece that failed
  mesh_error *err;
} crew;

// One of the `parallel` fibers: takes the next piece until there is none.
static void worker(void *arg) {
  crew *all = arg;
  while (all->next < all->count && all->scope.code == GRPC_STATUS_OK) {
    mesh_error err;
    mesh_code code = all->run(&all->scope, all->next++, all->arg, &err);
    if (code == GRPC_STATUS_OK || all->code != GRPC_STATUS_OK) continue;
    all->code = code;
    if (all->err != NULL) *all->err = err;
    mesh_scope_cancel(&all->scope, GRPC_STATUS_CANCELLED, "another piece failed");
  }
}

mesh_code mesh_orchestrate(mesh_scope *scope, size_t count, int parallel, mesh_piece_run run,
                           void *arg, mesh_error *err) {
  crew all = {.count = count, .run = run, .arg = arg, .code = GRPC_STATUS_OK, .err = err};
  mesh_scope_open(&all.scope, scope);
  for (int i = 0; i < parallel && (size_t)i < count; i++) {
    mesh_fiber_start(&all.scope, worker, &all);
  }
  mesh_scope_close(&all.scope);
  if (scope->code != GRPC_STATUS_OK) return mesh_scope_check(scope, err);
  return all.code;
}
