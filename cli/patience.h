// patience: the flag of commands that wait for a gateway, or a host, that is away.
#ifndef MILLRACE_CLI_PATIENCE_H
#define MILLRACE_CLI_PATIENCE_H

#include "cli/args.h"

#define PATIENCE_FLAG \
  { "patience", "DURATION", "wait so long for a gateway, or a host, that is away; default: 12h" }

// The flag in milliseconds, at least 1: 12 hours where it was not given.
MESH_NODISCARD mesh_code patience_read(const args *given, int64_t *out_ms, mesh_error *err);

#endif
