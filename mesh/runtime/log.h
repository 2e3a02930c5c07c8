// mesh_log: one line a happening, on standard error; the only global state of a program.
// "2026-11-24T01:30:54.123Z WARN ib-host: message". What is in a message may come from outside: it
// is escaped (mesh_text_escape()), so that a line is one line and steers no terminal. Any thread.
#ifndef MILLRACE_MESH_RUNTIME_LOG_H
#define MILLRACE_MESH_RUNTIME_LOG_H

#include "mesh/runtime/status.h"

typedef enum mesh_log_level {
  MESH_LOG_DEBUG,
  MESH_LOG_INFO,
  MESH_LOG_WARN,
  MESH_LOG_ERROR
} mesh_log_level;

// Sets the sink: lines below `level` are dropped. `json` writes one JSON object a line. gRPC's own
// lines come here too, as layer "grpc". Before the first thread.
void mesh_log_init(const char *program, mesh_log_level level, bool json);

// Where standard error goes, if that is a file, and how much of it is kept.
typedef struct mesh_log_file {
  const char *path;  // borrowed; NULL: it is no file of ours, and grows as it likes
  int64_t mib;       // a file that has become longer is put aside as PATH.1, that as PATH.2
  int64_t files;     // how many there are at most, PATH among them
} mesh_log_file;

// Keeps the file that standard error leads to within its bounds; standard error, and standard
// output where it leads there too, follow. Before the first thread. `file` is copied.
void mesh_log_keep_within(const mesh_log_file *file);

// Writes one line. `layer` is who speaks: "data-manager", "ib-host".
void mesh_log(mesh_log_level level, const char *layer, const char *format, ...) MESH_PRINTF(3, 4);

// What may happen without end, because somebody outside decides how often, and is said once in ten
// seconds, with its count. Zeroed: it has not happened. Its owner's thread.
typedef struct mesh_log_pace {
  int64_t count;    // how often it has happened
  int64_t said_ns;  // when that was said last
} mesh_log_pace;

// It has happened again; true if it is time to say so. `now_ns` is monotonic.
bool mesh_log_is_due(mesh_log_pace *pace, int64_t now_ns);

// "debug", "info", "warn", "error" to a level; false if it is none of them.
bool mesh_log_parse_level(const char *text, mesh_log_level *out);

#endif
