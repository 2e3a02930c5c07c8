// Which settings there are, and which one was meant.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/program/closest.h"
#include "mesh/program/config_internal.h"
#include "mesh/runtime/text.h"

config_setting *mesh_config_find(const mesh_config *config, const char *path) {
  for (size_t i = 0; i < config->count; i++) {
    if (strcmp(config->settings[i].path, path) == 0) return &config->settings[i];
  }
  return NULL;
}

bool mesh_config_is_section(const mesh_config *config, const char *path) {
  size_t size = strlen(path);
  for (size_t i = 0; i < config->count; i++) {
    const char *full = config->settings[i].path;
    if (strncmp(full, path, size) == 0 && full[size] == '.') return true;
  }
  return false;
}

// ---- what nobody knows ----

static int dots_in(const char *path) {
  int dots = 0;
  for (; *path != '\0'; path++)
    dots += *path == '.';
  return dots;
}

// Ends `path` before the dot that is one too many.
static void keep_dots(char *path, int dots) {
  for (; *path != '\0'; path++) {
    if (*path == '.' && dots-- == 0) *path = '\0';
    if (*path == '\0') return;
  }
}

mesh_code mesh_config_fail_unknown(const mesh_config *config, const char *path, const char *place,
                                   mesh_error *err) {
  if (mesh_config_is_section(config, path)) {
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s: '%s' holds settings and is none",
                     place, path);
  }
  // "gatway" is compared with the sections, "gateway.adress" with what is in them.
  char(*cut)[MESH_CONFIG_PATH_MAX] = calloc(config->count, sizeof *cut);
  const char **words = calloc(config->count, sizeof *words);
  if (cut == NULL || words == NULL) abort();
  for (size_t i = 0; i < config->count; i++) {
    mesh_text_copy(cut[i], sizeof cut[i], config->settings[i].path);
    keep_dots(cut[i], dots_in(path));
    words[i] = cut[i];
  }
  const char *near = mesh_closest(path, words, config->count);
  mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s: unknown key '%.*s'%s%s%s", place,
            MESH_TEXT_SHOWN(path, 100), near != NULL ? "; did you mean " : "",
            near != NULL ? near : "", near != NULL ? "?" : "");
  free(words);
  free(cut);
  return GRPC_STATUS_INVALID_ARGUMENT;
}
