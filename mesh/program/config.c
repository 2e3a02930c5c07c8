#include "mesh/program/config.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh/program/closest.h"
#include "mesh/program/config_internal.h"
#include "mesh/runtime/text.h"

#define PREFIX "MILLRACE_"
enum { PREFIX_BYTES = sizeof PREFIX - 1 };

static char *copy_text(const char *text) {
  char *copy = strdup(text);
  if (copy == NULL) abort();
  return copy;
}

// ---- the list of settings ----

static char *variable_of(const char *path) {
  char name[MESH_CONFIG_PATH_MAX + sizeof PREFIX];
  mesh_text_format(name, sizeof name, PREFIX "%s", path);
  for (char *at = name; *at != '\0'; at++)
    *at = *at == '.' ? '_' : (char)toupper((unsigned char)*at);
  return copy_text(name);
}

static const char *zero_of(const mesh_config *config, const mesh_field_info *field) {
  switch (field->kind) {
    case MESH_FIELD_INTEGER:
      return "0";
    case MESH_FIELD_BOOL:
      return "false";
    case MESH_FIELD_CHOICE:
      return mesh_schema_choice(config->schema, field->type, 0);
    default:
      return "";
  }
}

static mesh_code add_setting(mesh_config *config, const char *path, const mesh_field_info *field,
                             mesh_error *err) {
  config->settings = reallocarray(config->settings, config->count + 1, sizeof *config->settings);
  if (config->settings == NULL) abort();
  config_setting *added = &config->settings[config->count++];
  *added = (config_setting){.path = copy_text(path),
                            .variable = variable_of(path),
                            .text = copy_text(""),
                            .origin = copy_text(""),
                            .field = *field};
  for (size_t i = 0; i + 1 < config->count; i++) {
    if (strcmp(config->settings[i].variable, added->variable) != 0) continue;
    return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "settings %s and %s are both %s",
                     config->settings[i].path, path, added->variable);
  }
  return mesh_config_take(config, added, zero_of(config, field), BY_DEFAULT, "default", "default",
                          err);
}

// A message that holds itself ends where the path is too long.
static mesh_code add_settings(mesh_config *config, const char *type, const char *section,
                              mesh_error *err) {
  mesh_field_info field;
  for (size_t i = 0; mesh_schema_field(config->schema, type, i, &field); i++) {
    char path[MESH_CONFIG_PATH_MAX];
    int size =
        snprintf(path, sizeof path, "%s%s%s", section, section[0] != '\0' ? "." : "", field.name);
    bool scalar = !field.list && field.kind != MESH_FIELD_OTHER && field.kind != MESH_FIELD_NUMBER;
    if ((size_t)size >= sizeof path || !scalar) {
      return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "%s.%s cannot be a setting", type,
                       field.name);
    }
    mesh_code code = field.kind == MESH_FIELD_MESSAGE ? add_settings(config, field.type, path, err)
                                                      : add_setting(config, path, &field, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return GRPC_STATUS_OK;
}

static mesh_code take_default(mesh_config *config, const mesh_config_default *given,
                              mesh_error *err) {
  config_setting *setting = mesh_config_find(config, given->path);
  if (setting == NULL) return mesh_config_fail_unknown(config, given->path, "default", err);
  return mesh_config_take(config, setting, given->text, BY_DEFAULT, "default", "default", err);
}

mesh_code mesh_config_create(const mesh_schema *schema, const char *type,
                             const mesh_config_default *defaults, size_t count, mesh_config **out,
                             mesh_error *err) {
  *out = NULL;
  mesh_config *config = calloc(1, sizeof *config);
  if (config == NULL) abort();
  config->schema = schema;
  mesh_code code = add_settings(config, type, "", err);
  if (code == GRPC_STATUS_OK && config->count == 0) {
    code = mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "no message %s with settings", type);
  }
  for (size_t i = 0; i < count && code == GRPC_STATUS_OK; i++)
    code = take_default(config, &defaults[i], err);
  if (code == GRPC_STATUS_OK) {
    *out = config;
  } else {
    mesh_config_destroy(config);
  }
  return code;
}

void mesh_config_destroy(mesh_config *config) {
  if (config == NULL) return;
  for (size_t i = 0; i < config->count; i++) {
    free(config->settings[i].path);
    free(config->settings[i].variable);
    free(config->settings[i].text);
    free(config->settings[i].origin);
  }
  free(config->settings);
  free(config);
}

// ---- values from outside ----

static const char *find_variable(char **environment, const char *name) {
  size_t size = strlen(name);
  for (; *environment != NULL; environment++) {
    if (strncmp(*environment, name, size) == 0 && (*environment)[size] == '=') {
      return *environment + size + 1;
    }
  }
  return NULL;
}

mesh_code mesh_config_load_environment(mesh_config *config, char **environment, mesh_error *err) {
  for (size_t i = 0; i < config->count; i++) {
    config_setting *setting = &config->settings[i];
    const char *text = find_variable(environment, setting->variable);
    if (text == NULL || text[0] == '\0') continue;
    char origin[MESH_CONFIG_PATH_MAX + 32];
    mesh_text_format(origin, sizeof origin, "environment %s", setting->variable);
    mesh_code code = mesh_config_take(config, setting, text, BY_ENVIRONMENT, origin, origin, err);
    if (code != GRPC_STATUS_OK) return code;
  }
  return GRPC_STATUS_OK;
}

static bool is_variable(const mesh_config *config, const char *name, size_t size) {
  for (size_t i = 0; i < config->count; i++) {
    const char *known = config->settings[i].variable;
    if (strlen(known) == size && memcmp(known, name, size) == 0) return true;
  }
  return false;
}

static const char *closest_variable(const mesh_config *config, const char *name, size_t size) {
  char word[MESH_CONFIG_PATH_MAX];
  mesh_text_format(word, sizeof word, "%.*s", (int)(size - PREFIX_BYTES), name + PREFIX_BYTES);
  const char **words = calloc(config->count + 1, sizeof *words);
  if (words == NULL) abort();
  for (size_t i = 0; i < config->count; i++)
    words[i] = config->settings[i].variable + PREFIX_BYTES;
  const char *near = mesh_closest(word, words, config->count);
  free(words);
  return near == NULL ? NULL : near - PREFIX_BYTES;
}

bool mesh_config_unknown_variable(const mesh_config *config, char **environment, size_t index,
                                  const char **name, const char **meant) {
  for (; *environment != NULL; environment++) {
    size_t size = strcspn(*environment, "=");
    if (strncmp(*environment, PREFIX, PREFIX_BYTES) != 0 ||
        is_variable(config, *environment, size)) {
      continue;
    }
    if (index-- > 0) continue;
    *name = *environment;
    *meant = closest_variable(config, *environment, size);
    return true;
  }
  return false;
}

mesh_code mesh_config_set(mesh_config *config, const char *path, const char *text,
                          const char *origin, mesh_error *err) {
  config_setting *setting = mesh_config_find(config, path);
  if (setting == NULL) return mesh_config_fail_unknown(config, path, origin, err);
  return mesh_config_take(config, setting, text, BY_FLAG, origin, origin, err);
}

// ---- what it is now ----

static const config_setting *known(const mesh_config *config, const char *path) {
  const config_setting *setting = mesh_config_find(config, path);
  assert(setting != NULL);
  return setting;
}

const char *mesh_config_get_text(const mesh_config *config, const char *path) {
  const config_setting *setting = known(config, path);
  assert(setting->field.kind == MESH_FIELD_TEXT || setting->field.kind == MESH_FIELD_CHOICE);
  return setting->text;
}

int64_t mesh_config_get_int(const mesh_config *config, const char *path) {
  const config_setting *setting = known(config, path);
  assert(setting->field.kind == MESH_FIELD_INTEGER);
  return setting->number;
}

bool mesh_config_get_bool(const mesh_config *config, const char *path) {
  const config_setting *setting = known(config, path);
  assert(setting->field.kind == MESH_FIELD_BOOL);
  return setting->number != 0;
}

bool mesh_config_setting(const mesh_config *config, size_t index, mesh_setting *out) {
  if (index >= config->count) return false;
  const config_setting *setting = &config->settings[index];
  *out = (mesh_setting){setting->path, setting->variable, setting->text, setting->origin};
  return true;
}
