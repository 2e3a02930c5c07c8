// training_pooled: work of a fiber on a pool thread, which hears when nobody wants it any more.
#ifndef MILLRACE_HOST_TRAINING_SERVICE_POOLED_H
#define MILLRACE_HOST_TRAINING_SERVICE_POOLED_H

#include "host/training/stop.h"
#include "mesh/runtime/pool.h"

// mesh_pool_run() on the loop of `scope`; once `scope` is cancelled, `stop` is asked to. It stays
// asked: `stop` belongs to what `scope` is the end of.
void training_pooled(mesh_pool *pool, mesh_scope *scope, train_stop *stop, void (*work)(void *arg),
                     void *arg);

#endif
