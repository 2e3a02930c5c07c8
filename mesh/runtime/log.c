#include "mesh/runtime/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grpc/support/log.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mesh/runtime/text.h"
#include "mesh/runtime/time.h"

enum {
  PACE_S = 10,
  TEXT_MAX = 1024,
  SHOWN_MAX = 3 * TEXT_MAX,
  LINE_MAX_BYTES = SHOWN_MAX + 256,  // below PIPE_BUF: one write
  PATH_MAX_BYTES = 4096
};

// The sink. Written once, before the first thread; but for `written`, which `lock` guards.
static struct {
  const char *program;
  mesh_log_level level;
  bool json;
  mesh_log_file file;
  int64_t written;  // bytes in the file
  pthread_mutex_t lock;
} sink = {.program = "millrace", .level = MESH_LOG_INFO, .lock = PTHREAD_MUTEX_INITIALIZER};

static const char *const level_names[] = {"DEBUG", "INFO", "WARN", "ERROR"};

// gRPC names what a peer sent: its lines are escaped as ours.
static void on_grpc_line(gpr_log_func_args *args) {
  static const mesh_log_level levels[] = {
      [GPR_LOG_SEVERITY_DEBUG] = MESH_LOG_DEBUG,
      [GPR_LOG_SEVERITY_INFO] = MESH_LOG_INFO,
      [GPR_LOG_SEVERITY_ERROR] = MESH_LOG_ERROR,
  };
  const char *slash = strrchr(args->file, '/');
  mesh_log(levels[args->severity], "grpc", "%s:%d: %s", slash != NULL ? slash + 1 : args->file,
           args->line, args->message);
}

void mesh_log_init(const char *program, mesh_log_level level, bool json) {
  sink.program = program;
  sink.level = level;
  sink.json = json;
  gpr_set_log_function(on_grpc_line);
}

bool mesh_log_is_due(mesh_log_pace *pace, int64_t now_ns) {
  bool due = pace->count++ == 0 || now_ns >= mesh_time_after_s(pace->said_ns, PACE_S);
  if (due) pace->said_ns = now_ns;
  return due;
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

// Copies `text`, which is UTF-8, as the inside of a JSON string, cut to fit; what steers a terminal
// becomes \u001b.
static void quote(char *out, size_t capacity, const char *text) {
  size_t size = 0, left = strlen(text), step;
  for (; left > 0 && size + 7 < capacity; text += step, left -= step) {
    uint32_t character = 0;
    step = mesh_text_character(text, left, &character);
    if (step == 0) break;
    if (mesh_text_is_control(character)) {
      size += (size_t)snprintf(out + size, capacity - size, "\\u%04x", (unsigned)character);
      continue;
    }
    if (*text == '"' || *text == '\\') out[size++] = '\\';
    memcpy(out + size, text, step);
    size += step;
  }
  out[size] = '\0';
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

// ---- the file ----

// PATH for 0, PATH.1, PATH.2, ...
static void name_file(int64_t index, char out[PATH_MAX_BYTES]) {
  int size = snprintf(out, PATH_MAX_BYTES, index == 0 ? "%s" : "%s.%lld", sink.file.path,
                      (long long)index);
  if (size >= PATH_MAX_BYTES) out[0] = '\0';  // then nothing is found by it
}

static bool leads_to(int fd, const struct stat *file) {
  struct stat here;
  return fstat(fd, &here) == 0 && here.st_dev == file->st_dev && here.st_ino == file->st_ino;
}

// Makes a new file what standard error leads to. The name is free: whoever has put something there
// meanwhile is not followed.
static bool begin_file(void) {
  struct stat old;
  if (fstat(STDERR_FILENO, &old) != 0) return false;
  int fd =
      open(sink.file.path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  bool out_too = leads_to(STDOUT_FILENO, &old);
  bool ok = dup2(fd, STDERR_FILENO) >= 0 && (!out_too || dup2(fd, STDOUT_FILENO) >= 0);
  close(fd);
  return ok;
}

// Puts the file aside, and those before it one further; the oldest goes. Where that fails (no room,
// no right) lines go on into the old one, and it is tried again after as many bytes.
static void turn_over(void) {
  char from[PATH_MAX_BYTES], to[PATH_MAX_BYTES];
  sink.written = 0;
  for (int64_t i = sink.file.files - 1; i > 0; i--) {
    name_file(i - 1, from);
    name_file(i, to);
    if (rename(from, to) != 0 && errno != ENOENT) return;
  }
  if (sink.file.files <= 1) unlink(sink.file.path);
  (void)!begin_file();
}

void mesh_log_keep_within(const mesh_log_file *file) {
  struct stat here;
  sink.file = (mesh_log_file){0};
  if (file->path == NULL || fstat(STDERR_FILENO, &here) != 0 || !S_ISREG(here.st_mode)) return;
  sink.file = *file;
  sink.written = here.st_size;
}

// One write, so that the lines of several programs do not mix; under the lock, so that those of
// several threads do not go into a file that is put aside.
static void write_line(const char *line, size_t size) {
  pthread_mutex_lock(&sink.lock);
  if (sink.file.path != NULL && sink.written >= sink.file.mib * (1 << 20)) turn_over();
  ssize_t written = write(STDERR_FILENO, line, size);
  if (written > 0) sink.written += written;  // else there is nowhere to complain
  pthread_mutex_unlock(&sink.lock);
}

// ---- a line ----

void mesh_log(mesh_log_level level, const char *layer, const char *format, ...) {
  if (level < sink.level) return;
  char text[TEXT_MAX], shown[SHOWN_MAX], line[LINE_MAX_BYTES], time_text[48];
  va_list args;
  va_start(args, format);
  mesh_text_vformat(text, sizeof text, format, args);
  va_end(args);
  format_time(time_text, sizeof time_text);
  int size;
  if (sink.json) {
    quote(shown, sizeof shown, text);
    size = snprintf(line, sizeof line,
                    "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"layer\":\"%s\","
                    "\"text\":\"%s\"}\n",
                    time_text, level_names[level], sink.program, layer, shown);
  } else {
    mesh_text_escape(shown, sizeof shown, text, strlen(text));
    size =
        snprintf(line, sizeof line, "%s %s %s: %s\n", time_text, level_names[level], layer, shown);
  }
  if ((size_t)size >= sizeof line) size = sizeof line - 1;
  write_line(line, (size_t)size);
}
