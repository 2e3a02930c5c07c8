#include "host/training/service/pooled.h"

typedef struct hooked {
  mesh_cancel_hook hook;
  train_stop *stop;
} hooked;

static void on_cancel(mesh_cancel_hook *hook) {
  train_stop_ask(MESH_CONTAINER_OF(hook, hooked, hook)->stop);
}

void training_pooled(mesh_pool *pool, mesh_scope *scope, train_stop *stop, void (*work)(void *arg),
                     void *arg) {
  hooked own = {.hook.on_cancel = on_cancel, .stop = stop};
  mesh_scope_add_hook(scope, &own.hook);
  mesh_pool_run(pool, scope->loop, work, arg);
  mesh_scope_remove_hook(&own.hook);
}
