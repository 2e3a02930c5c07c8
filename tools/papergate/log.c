#include "tools/papergate/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/papergate/clock.h"

enum { CLOSING_BYTES = 8 };  // kept free for the end of a cut text and of the line

mesh_code pg_log_open(pg_log *log, const char *path, mesh_error *err) {
  *log = (pg_log){.fd = STDOUT_FILENO};
  if (path == NULL) return GRPC_STATUS_OK;
  log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log->fd >= 0) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "log %s: %s", path, strerror(errno));
}

void pg_log_close(pg_log *log) {
  if (log->fd > STDERR_FILENO) close(log->fd);
}

static void add(pg_log *log, const char *format, ...) MESH_PRINTF(2, 3);

// Adds all of it, or nothing where it does not fit.
static void add(pg_log *log, const char *format, ...) {
  size_t room = sizeof log->line - CLOSING_BYTES - log->used;
  va_list args;
  va_start(args, format);
  int size = vsnprintf(log->line + log->used, room, format, args);
  va_end(args);
  if (size > 0 && (size_t)size < room) log->used += (size_t)size;
}

void pg_log_begin(pg_log *log, int64_t client, const char *event) {
  int64_t now_ns = pg_realtime_ns();
  time_t seconds = now_ns / 1000000000;
  struct tm utc;
  gmtime_r(&seconds, &utc);
  char date[32];
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
  log->used = 0;
  add(log, "{\"time\":\"%s.%09dZ\",\"unix_ns\":%" PRId64, date, (int)(now_ns % 1000000000), now_ns);
  if (client >= 0) add(log, ",\"client\":%" PRId64, client);
  pg_log_text(log, "event", event);
}

void pg_log_int(pg_log *log, const char *name, int64_t value) {
  add(log, ",\"%s\":%" PRId64, name, value);
}

// Bytes that JSON or a terminal would trip over are written as \u00XX.
void pg_log_text(pg_log *log, const char *name, const char *value) {
  if (log->used + strlen(name) + 16 > sizeof log->line - CLOSING_BYTES) return;
  add(log, ",\"%s\":\"", name);
  for (const unsigned char *at = (const unsigned char *)value; *at != '\0'; at++) {
    if (*at < 0x20 || *at >= 0x7F || *at == '"' || *at == '\\') {
      add(log, "\\u%04x", *at);
    } else {
      add(log, "%c", *at);
    }
  }
  log->line[log->used++] = '"';
}

void pg_log_end(pg_log *log) {
  memcpy(log->line + log->used, "}\n", 2);
  size_t size = log->used + 2;
  for (size_t written = 0; written < size;) {
    ssize_t count = write(log->fd, log->line + written, size - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;  // nobody reads the log: the gateway goes on
    written += (size_t)count;
  }
}
