#include "backend/data/query.h"

#include "mesh/runtime/fiber.h"
#include "mesh/runtime/pool.h"

mesh_code data_query(data_manager *self, mesh_scope *scope, void (*run)(void *arg), void *arg,
                     mesh_error *err) {
  mesh_code code = mesh_scope_check(scope, err);
  while (code == GRPC_STATUS_OK && self->queries >= DATA_QUERIES_MOST)
    code = mesh_signal_wait(&self->query_ended, scope, MESH_NEVER, err);
  if (code != GRPC_STATUS_OK) return code;
  self->queries++;
  mesh_pool_run(self->pool, self->loop, run, arg);
  self->queries--;
  mesh_signal_notify(&self->query_ended);
  return code;
}
