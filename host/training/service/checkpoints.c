#include "host/training/service/checkpoints.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mesh/program/private.h"
#include "mesh/runtime/text.h"

enum { PATH_MAX_BYTES = 4096, KEEP = 3, FILES_MAX = 64, BYTES_MAX = 2000 << 20 };

#define SUFFIX ".checkpoint"

// Names come from other processes: none may lead out of the directory.
static bool is_plain(const char *name) {
  return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL;
}

// ---- names ----

static void write_path(const char *directory, const char *name, const char *suffix,
                       char out[PATH_MAX_BYTES]) {
  mesh_text_format(out, PATH_MAX_BYTES, "%s/%s%s", directory, name, suffix);
}

bool checkpoints_model_path(const char *directory, const char *operation, const char *suffix,
                            char *out, size_t capacity) {
  return is_plain(operation) &&
         (size_t)snprintf(out, capacity, "%s/%s/model%s", directory, operation, suffix) < capacity;
}

static int compare_names(const void *left, const void *right) {
  return strcmp(*(char *const *)right, *(char *const *)left);
}

// The files of an operation, the newest first: their names begin with the step.
static size_t list(const char *directory, const char *operation, char *names[FILES_MAX]) {
  char path[PATH_MAX_BYTES];
  write_path(directory, operation, "", path);
  DIR *open = mesh_private_list(path);
  size_t count = 0;
  if (open == NULL) return 0;
  for (struct dirent *entry; count < FILES_MAX && (entry = readdir(open)) != NULL;) {
    size_t size = strlen(entry->d_name), suffix = strlen(SUFFIX);
    if (size <= suffix || strcmp(entry->d_name + size - suffix, SUFFIX) != 0) continue;
    if ((names[count++] = strdup(entry->d_name)) == NULL) abort();
  }
  closedir(open);
  qsort(names, count, sizeof *names, compare_names);
  return count;
}

static void free_names(char *names[], size_t count) {
  for (size_t i = 0; i < count; i++)
    free(names[i]);
}

static void remove_beyond(const char *directory, const char *operation, size_t keep) {
  char *names[FILES_MAX], path[PATH_MAX_BYTES];
  size_t count = list(directory, operation, names);
  for (size_t i = keep; i < count; i++) {
    if ((size_t)snprintf(path, sizeof path, "%s/%s/%s", directory, operation, names[i]) <
        sizeof path) {
      unlink(path);
    }
  }
  free_names(names, count);
}

// ---- writing and reading ----

mesh_code checkpoints_write(const char *directory, const char *operation, int64_t step,
                            mesh_view bytes, char name[CHECKPOINT_NAME_MAX], mesh_error *err) {
  char path[PATH_MAX_BYTES], digest[MESH_SHA256_HEX];
  if (!is_plain(operation)) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "operation '%s' cannot name files",
                     operation);
  }
  write_path(directory, operation, "", path);
  mesh_code code = mesh_private_directory(path, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_sha256(bytes, digest);
  mesh_text_format(name, CHECKPOINT_NAME_MAX, "%s/%012lld-%s", operation, (long long)step, digest);
  write_path(directory, name, SUFFIX, path);
  code = mesh_file_write(path, bytes, err);
  if (code == GRPC_STATUS_OK) remove_beyond(directory, operation, KEEP);
  return code;
}

mesh_code checkpoints_read(const char *directory, const char *name, mesh_bytes *out,
                           mesh_error *err) {
  char path[PATH_MAX_BYTES], digest[MESH_SHA256_HEX];
  *out = (mesh_bytes){0};
  const char *slash = strchr(name, '/'), *dash = slash == NULL ? NULL : strchr(slash, '-');
  if (dash == NULL || name[0] == '.' || !is_plain(slash + 1)) {
    return mesh_fail(err, GRPC_STATUS_NOT_FOUND, "'%s' is no checkpoint's name", name);
  }
  write_path(directory, name, SUFFIX, path);
  mesh_code code = mesh_file_read_private(path, BYTES_MAX, out, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_sha256(mesh_bytes_view(*out), digest);
  if (strcmp(digest, dash + 1) == 0) return GRPC_STATUS_OK;
  free(out->data);
  *out = (mesh_bytes){0};
  return mesh_fail(err, GRPC_STATUS_DATA_LOSS, "%s is damaged: its SHA-256 is another", path);
}

mesh_code checkpoints_read_newest(const char *directory, const char *operation, mesh_bytes *out,
                                  mesh_error *err) {
  char *names[FILES_MAX], name[CHECKPOINT_NAME_MAX];
  size_t count = list(directory, operation, names);
  mesh_code code = mesh_fail(err, GRPC_STATUS_NOT_FOUND, "no checkpoint of %s", operation);
  for (size_t i = 0; i < count && code != GRPC_STATUS_OK; i++) {
    mesh_text_format(name, sizeof name, "%.*s/%.*s", MESH_TEXT_SHOWN(operation, 60),
                     (int)(strlen(names[i]) - strlen(SUFFIX)), names[i]);
    code = checkpoints_read(directory, name, out, err);
  }
  free_names(names, count);
  return code;
}

// ---- removing ----

void checkpoints_clear(const char *directory, const char *operation) {
  if (is_plain(operation)) remove_beyond(directory, operation, 0);
}

void checkpoints_remove(const char *directory, const char *operation) {
  char path[PATH_MAX_BYTES];
  if (!is_plain(operation)) return;
  write_path(directory, operation, "", path);
  DIR *open = mesh_private_list(path);
  if (open == NULL) return;
  for (struct dirent *entry; (entry = readdir(open)) != NULL;) {
    if (entry->d_name[0] != '.') unlinkat(dirfd(open), entry->d_name, 0);
  }
  closedir(open);
  rmdir(path);
}

size_t checkpoints_list_old(const char *directory, int64_t older_s, char ***names) {
  DIR *open = mesh_private_list(directory);
  struct stat about;
  size_t count = 0;
  *names = NULL;
  if (open == NULL) return 0;
  for (struct dirent *entry; (entry = readdir(open)) != NULL;) {
    if (!is_plain(entry->d_name)) continue;
    if (fstatat(dirfd(open), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (!S_ISDIR(about.st_mode)) continue;
    if (about.st_mtime >= time(NULL) - older_s) continue;
    *names = reallocarray(*names, count + 1, sizeof **names);
    if (*names == NULL || ((*names)[count++] = strdup(entry->d_name)) == NULL) abort();
  }
  closedir(open);
  return count;
}
