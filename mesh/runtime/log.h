// mesh_log: one line a happening, on standard error or in a file; the only global state of a
// program. "2026-11-24T01:30:54.123Z WARN ib-host: message". Any thread.
#ifndef MILLRACE_MESH_RUNTIME_LOG_H
#define MILLRACE_MESH_RUNTIME_LOG_H

#include "mesh/runtime/status.h"

typedef enum mesh_log_level {
  MESH_LOG_DEBUG,
  MESH_LOG_INFO,
  MESH_LOG_WARN,
  MESH_LOG_ERROR
} mesh_log_level;

// Sets the sink: lines below `level` are dropped. `json` writes one JSON object a line. Before the
// first thread.
void mesh_log_init(const char *program, mesh_log_level level, bool json);

// Writes one line. `layer` is who speaks: "data-manager", "ib-host".
void mesh_log(mesh_log_level level, const char *layer, const char *format, ...) MESH_PRINTF(3, 4);

// "debug", "info", "warn", "error" to a level; false if it is none of them.
bool mesh_log_parse_level(const char *text, mesh_log_level *out);

#endif
