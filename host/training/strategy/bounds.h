// strategy_bounds: what a YAML text may be before anything is built from it. One pass of the
// scanner, token by token: what would cost more than in proportion to its size ends it where it
// begins.
#ifndef MILLRACE_HOST_TRAINING_STRATEGY_BOUNDS_H
#define MILLRACE_HOST_TRAINING_STRATEGY_BOUNDS_H

#include "host/training/stop.h"
#include "mesh/runtime/view.h"

enum {
  STRATEGY_BYTES_MAX = 1 << 20,
  STRATEGY_DEPTH_MAX = 32,       // lists and mappings within each other
  STRATEGY_TOKENS_MAX = 400000,  // keys, values, and the signs between them
  STRATEGY_ANCHORS_MAX = 64,     // libyaml compares each with all before it,
  STRATEGY_ALIASES_MAX = 1024,   // and each alias with all of them
};

// What a pass did: tests count it.
typedef struct strategy_scan {
  size_t tokens, anchors, aliases;
  int depth;
} strategy_scan;

// INVALID_ARGUMENT: "FILE:LINE:COLUMN: what": no UTF-8, no YAML, too large, too deep, too many of
// something, directives, a second document. CANCELLED: `stop` (may be NULL) was asked to. `scan`
// (may be NULL) is filled in any case.
MESH_NODISCARD mesh_code strategy_bounds_check(train_stop *stop, const char *file, mesh_view text,
                                               strategy_scan *scan, mesh_error *err);

#endif
