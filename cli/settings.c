#include "cli/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/settings_file.h"

typedef struct setting_info {
  const char *key;
  const char *flag;  // without dashes
} setting_info;

static const setting_info infos[SETTING_COUNT] = {
    [SETTING_HOME] = {"home", "home"},
    [SETTING_OUTPUT] = {"output", "output"},
    [SETTING_LOG_LEVEL] = {"log.level", "log-level"},
    [SETTING_BACKEND_ADDRESS] = {"backend.address", "backend"},
    [SETTING_BACKEND_LISTEN] = {"backend.listen", "listen"},
    [SETTING_GATEWAY_ADDRESS] = {"gateway.address", "gateway"},
    [SETTING_PAPERGATE_MARKET] = {"papergate.market", "papergate-market"},
};

const char *settings_key(setting which) {
  return infos[which].key;
}

const char *settings_get(const settings *own, setting which) {
  const char *text = own->values[which].text;
  return text[0] != '\0' ? text : NULL;
}

static void set(setting_value *out, const char *text, const char *source) {
  snprintf(out->text, sizeof out->text, "%s", text);
  snprintf(out->source, sizeof out->source, "%s", source);
}

// ---- flags and environment ----

static const char *environment(const char *key, char name[64]) {
  size_t size = (size_t)snprintf(name, 64, "MILLRACE_%s", key);
  for (size_t i = 0; i < size; i++)
    name[i] = name[i] == '.' ? '_' : (char)toupper((unsigned char)name[i]);
  const char *value = getenv(name);
  return value != NULL && value[0] != '\0' ? value : NULL;
}

static void take_flag_or_environment(const args *given, setting which, setting_value *out) {
  char name[64];
  const char *value = args_get(given, infos[which].flag);
  if (value != NULL) {
    snprintf(name, sizeof name, "--%s", infos[which].flag);
  } else {
    value = environment(infos[which].key, name);
  }
  if (value != NULL) set(out, value, name);
}

// ---- the file ----

typedef struct file_target {
  settings *own;
  const char *path;
} file_target;

static mesh_code take_from_file(void *arg, const char *key, const char *value, int line,
                                mesh_error *err) {
  file_target *target = arg;
  const char *keys[SETTING_COUNT];
  for (int i = 0; i < SETTING_COUNT; i++) {
    keys[i] = infos[i].key;
    if (strcmp(infos[i].key, key) != 0) continue;
    setting_value *slot = &target->own->values[i];
    if (slot->text[0] != '\0') return GRPC_STATUS_OK;  // a flag or a variable counts more
    snprintf(slot->text, sizeof slot->text, "%s", value);
    snprintf(slot->source, sizeof slot->source, "%.4000s:%d", target->path, line);
    return GRPC_STATUS_OK;
  }
  return settings_file_unknown(target->path, line, key, keys, SETTING_COUNT, err);
}

// Finds the file that is to be read; "" if there is none.
static mesh_code find_file(const args *given, settings *own, mesh_error *err) {
  const char *path = args_get(given, "config");
  if (path == NULL) path = getenv("MILLRACE_CONFIG");
  if (path != NULL && path[0] != '\0') {
    snprintf(own->file, sizeof own->file, "%s", path);
    return GRPC_STATUS_OK;
  }
  char home[HOME_PATH_MAX];
  mesh_code code = home_find(settings_get(own, SETTING_HOME), home, err);
  if (code != GRPC_STATUS_OK) return code;
  snprintf(own->file, sizeof own->file, "%.4000s/millrace.yaml", home);
  if (access(own->file, F_OK) != 0) own->file[0] = '\0';
  return GRPC_STATUS_OK;
}

// ---- defaults ----

static void set_default(settings *own, setting which, const char *text) {
  if (settings_get(own, which) == NULL) set(&own->values[which], text, "default");
}

static mesh_code fill_defaults(settings *own, mesh_error *err) {
  char home[HOME_PATH_MAX], address[HOME_PATH_MAX];
  mesh_code code = home_find(settings_get(own, SETTING_HOME), home, err);
  if (code != GRPC_STATUS_OK) return code;
  set_default(own, SETTING_HOME, home);
  snprintf(own->values[SETTING_HOME].text, sizeof own->values[SETTING_HOME].text, "%s", home);
  snprintf(address, sizeof address, "unix:%.4000s/run/backend.sock", home);
  set_default(own, SETTING_BACKEND_ADDRESS, address);
  set_default(own, SETTING_OUTPUT, isatty(STDOUT_FILENO) ? "text" : "json");
  set_default(own, SETTING_LOG_LEVEL, "info");
  return GRPC_STATUS_OK;
}

static mesh_code check_output(const settings *own, mesh_error *err) {
  const setting_value *output = &own->values[SETTING_OUTPUT];
  if (strcmp(output->text, "json") == 0 || strcmp(output->text, "text") == 0) return GRPC_STATUS_OK;
  return mesh_fail(err, GRPC_STATUS_INVALID_ARGUMENT, "output '%.40s' (%.100s): use text or json",
                   output->text, output->source);
}

mesh_code settings_read(const args *given, settings *out, mesh_error *err) {
  memset(out, 0, sizeof *out);
  for (int i = 0; i < SETTING_COUNT; i++)
    take_flag_or_environment(given, i, &out->values[i]);
  mesh_code code = find_file(given, out, err);
  file_target target = {out, out->file};
  if (code == GRPC_STATUS_OK && out->file[0] != '\0') {
    code = settings_file_read(out->file, take_from_file, &target, err);
  }
  if (code == GRPC_STATUS_OK) code = fill_defaults(out, err);
  return code == GRPC_STATUS_OK ? check_output(out, err) : code;
}
