#include "tests/mesh/harness.h"

static void body(void *arg) {
  harness *own = arg;
  own->run(own, own->arg);
  mesh_scope_close(&own->scope);
  mesh_loop_stop(own->loop);
}

void run_in_fiber(void (*run)(harness *harness, void *arg), void *arg) {
  harness own = {.loop = mesh_loop_create(), .run = run, .arg = arg};
  mesh_scope root;
  mesh_scope_open_root(&root, own.loop);
  mesh_scope_open(&own.scope, &root);
  mesh_fiber_start(&root, body, &own);
  mesh_loop_run(own.loop);
  mesh_scope_close(&root);
  mesh_loop_destroy(own.loop);
}
