#include "mesh/runtime/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mesh/runtime/text.h"

enum { LINE_MAX_BYTES = 2048 };

// The sink. Written once, before the first thread.
static struct {
  const char *program;
  mesh_log_level level;
  bool json;
} sink = {.program = "millrace", .level = MESH_LOG_INFO};

static const char *const level_names[] = {"DEBUG", "INFO", "WARN", "ERROR"};

void mesh_log_init(const char *program, mesh_log_level level, bool json) {
  sink.program = program;
  sink.level = level;
  sink.json = json;
}

bool mesh_log_parse_level(const char *text, mesh_log_level *out) {
  static const char *const names[] = {"debug", "info", "warn", "error"};
  for (int i = 0; i < 4; i++) {
    if (strcmp(text, names[i]) != 0) continue;
    *out = (mesh_log_level)i;
    return true;
  }
  return false;
}

// Copies `text` as the inside of a JSON string, cut to fit. Returns the size.
static size_t escape_json(char *out, size_t capacity, const char *text) {
  size_t size = 0;
  for (; *text != '\0' && size + 7 < capacity; text++) {
    unsigned char byte = (unsigned char)*text;
    if (byte == '"' || byte == '\\') {
      out[size++] = '\\';
      out[size++] = (char)byte;
    } else if (byte < 0x20) {
      size += (size_t)snprintf(out + size, capacity - size, "\\u%04x", byte);
    } else {
      out[size++] = (char)byte;
    }
  }
  out[size] = '\0';
  return size;
}

static void format_time(char *out, size_t capacity) {
  struct timespec now;
  struct tm utc;
  char seconds[32];
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &utc);
  strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
  mesh_text_format(out, capacity, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
}

void mesh_log(mesh_log_level level, const char *layer, const char *format, ...) {
  if (level < sink.level) return;
  char text[LINE_MAX_BYTES / 2], line[LINE_MAX_BYTES], time_text[48];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  format_time(time_text, sizeof time_text);

  int size;
  if (sink.json) {
    char escaped[LINE_MAX_BYTES - 256];
    escape_json(escaped, sizeof escaped, text);
    size = snprintf(line, sizeof line,
                    "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"layer\":\"%s\","
                    "\"text\":\"%s\"}\n",
                    time_text, level_names[level], sink.program, layer, escaped);
  } else {
    size =
        snprintf(line, sizeof line, "%s %s %s: %s\n", time_text, level_names[level], layer, text);
  }
  if ((size_t)size >= sizeof line) size = sizeof line - 1;
  // One write, so that the lines of several threads and programs do not mix.
  ssize_t written = write(STDERR_FILENO, line, (size_t)size);
  (void)written;  // there is nowhere to complain
}
