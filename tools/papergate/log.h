// pg_log: one JSON object a line for everything that happens, so that a test can see what arrived
// and when. {"time":"2026-01-31T09:00:00.123456789Z","unix_ns":...,"client":7,"event":"...", ...}
// Each line is written at once and whole. One owner.
#ifndef MILLRACE_TOOLS_PAPERGATE_LOG_H
#define MILLRACE_TOOLS_PAPERGATE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "mesh/runtime/status.h"

typedef struct pg_log {
  int fd;
  char line[2048];  // being built; values that do not fit are cut
  size_t used;
} pg_log;

// Opens `path` for appending; NULL is standard output. NOT_FOUND names the path and the reason.
MESH_NODISCARD mesh_code pg_log_open(pg_log *log, const char *path, mesh_error *err);
void pg_log_close(pg_log *log);

// Starts a line; `client` below 0 leaves the client out. Then any number of fields, then the end.
void pg_log_begin(pg_log *log, int64_t client, const char *event);
void pg_log_int(pg_log *log, const char *name, int64_t value);
void pg_log_text(pg_log *log, const char *name, const char *value);
void pg_log_end(pg_log *log);

#endif
