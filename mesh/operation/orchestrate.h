// mesh_orchestrate: many pieces of work below one operation, a bounded number at a time.
#ifndef MILLRACE_MESH_OPERATION_ORCHESTRATE_H
#define MILLRACE_MESH_OPERATION_ORCHESTRATE_H

#include "mesh/runtime/scope.h"

// One piece. `index` is 0..count-1, in the order of the start. Its result is the piece's own
// business; a code other than OK stops the rest: no further piece is started and those that run are
// cancelled.
typedef mesh_code (*mesh_piece_run)(mesh_scope *scope, size_t index, void *arg, mesh_error *err);

// Runs `count` pieces, each in a fiber below `scope`, at most `parallel` (>= 1) at a time, and
// waits for all of them. Returns OK, or the first error of a piece (the scope's, if it was
// cancelled).
MESH_NODISCARD mesh_code mesh_orchestrate(mesh_scope *scope, size_t count, int parallel,
                                          mesh_piece_run run, void *arg, mesh_error *err);

#endif
