#include "cli/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/terminal/print.h"
#include "mesh/program/config.h"
#include "mesh/program/private.h"
#include "mesh/runtime/text.h"

extern char **environ;

typedef struct setting_info {
  const char *key;
  const char *flag;   // without dashes; NULL: none
  const char *unset;  // the default; NULL: "", 0, or worked out
} setting_info;

static const setting_info infos[SETTING_COUNT] = {
    [SETTING_HOME] = {"home", "home", NULL},
    [SETTING_OUTPUT] = {"output", "output", NULL},
    [SETTING_BACKEND_ADDRESS] = {"backend.address", "backend", NULL},
    [SETTING_BACKEND_LISTEN] = {"backend.listen", "listen", NULL},
    [SETTING_IB_HOST_ADDRESS] = {"ib_host.address", NULL, NULL},
    [SETTING_IB_HOST_LISTEN] = {"ib_host.listen", NULL, NULL},
    [SETTING_GATEWAY_ADDRESS] = {"gateway.address", "gateway", NULL},
    [SETTING_GATEWAY_CLIENT_ID] = {"gateway.client_id", NULL, "11"},
    [SETTING_GATEWAY_REQUEST_TIMEOUT_MS] = {"gateway.request_timeout_ms", NULL, "60000"},
    [SETTING_GATEWAY_CONNECT_TIMEOUT_MS] = {"gateway.connect_timeout_ms", NULL, "5000"},
    [SETTING_GATEWAY_MESSAGES_PER_S] = {"gateway.messages_per_s", NULL, "40"},
    [SETTING_GATEWAY_MAX_OPEN] = {"gateway.max_open", NULL, "8"},
    [SETTING_GATEWAY_MAX_LIVE] = {"gateway.max_live", NULL, "32"},
    [SETTING_GATEWAY_BACKOFF_CAP_MS] = {"gateway.backoff_cap_ms", NULL, "2000"},
    [SETTING_GATEWAY_PACING_WAIT_MS] = {"gateway.pacing_wait_ms", NULL, "15000"},
    [SETTING_PAPERGATE_MARKET] = {"papergate.market", "papergate-market", NULL},
    [SETTING_PAPERGATE_SEED] = {"papergate.seed", NULL, "1"},
    [SETTING_DATA_PARALLEL] = {"data.parallel", NULL, "4"},
    [SETTING_DATA_PRICES] = {"data.prices", NULL, NULL},
    [SETTING_DATA_SESSION] = {"data.session", NULL, NULL},
    [SETTING_STORE_SYNCHRONOUS] = {"store.synchronous", NULL, NULL},
    [SETTING_STORE_KEEP_DAYS] = {"store.keep_days", NULL, "90"},
    [SETTING_STORE_KEEP_OPERATIONS] = {"store.keep_operations", NULL, "10000"},
    [SETTING_STORE_BUSY_LIMIT_S] = {"store.busy_limit_s", NULL, "600"},
    [SETTING_STORE_LOG_MIB] = {"store.log_mib", NULL, "64"},
    [SETTING_LOG_LEVEL] = {"log.level", "log-level", "info"},
    [SETTING_LOG_JSON] = {"log.json", NULL, NULL},
    [SETTING_LOG_FILE_MIB] = {"log.file_mib", NULL, "16"},
    [SETTING_LOG_FILES] = {"log.files", NULL, "5"},
    [SETTING_LINKS_DATA_MANAGER] = {"links.data_manager", NULL, NULL},
    [SETTING_LINKS_DATA_ADAPTER] = {"links.data_adapter", NULL, NULL},
    [SETTING_LINKS_TRAINING_MANAGER] = {"links.training_manager", NULL, NULL},
    [SETTING_LINKS_TRAINING_ADAPTER] = {"links.training_adapter", NULL, NULL},
    [SETTING_LINKS_MODELS_MANAGER] = {"links.models_manager", NULL, NULL},
    [SETTING_TRAINING_HOST_ADDRESS] = {"training_host.address", NULL, NULL},
    [SETTING_TRAINING_HOST_LISTEN] = {"training_host.listen", NULL, NULL},
    [SETTING_TRAINING_HOST_SLOTS] = {"training_host.slots", NULL, "1"},
    [SETTING_TRAINING_HOST_THREADS] = {"training_host.threads", NULL, "0"},
    [SETTING_TRAINING_HOST_MEMORY_MIB] = {"training_host.memory_mib", NULL, "4096"},
    [SETTING_TRAINING_HOST_GPU_MEMORY_MIB] = {"training_host.gpu_memory_mib", NULL, "0"},
    [SETTING_TRAINING_HOST_CACHE_MIB] = {"training_host.cache_mib", NULL, "256"},
    [SETTING_TRAINING_HOST_GRACE_S] = {"training_host.grace_s", NULL, "60"},
    [SETTING_TRAINING_HOST_MORE] = {"training_host.more", NULL, NULL},
    [SETTING_UP_START_LIMIT_MS] = {"up.start_limit_ms", NULL, "30000"},
    [SETTING_UP_HEALTH_INTERVAL_MS] = {"up.health_interval_ms", NULL, "5000"},
    [SETTING_UP_HEALTH_TIMEOUT_MS] = {"up.health_timeout_ms", NULL, "10000"},
    [SETTING_UP_HEALTH_LIMIT_MS] = {"up.health_limit_ms", NULL, "60000"},
    [SETTING_LIMITS_CONNECTIONS] = {"limits.connections", NULL, "1024"},
    [SETTING_LIMITS_PEER_CONNECTIONS] = {"limits.peer_connections", NULL, "256"},
    [SETTING_LIMITS_STREAMS] = {"limits.streams", NULL, "1000"},
    [SETTING_LIMITS_CALLS] = {"limits.calls", NULL, "4000"},
    [SETTING_LIMITS_MESSAGE_KIB] = {"limits.message_kib", NULL, "4096"},
    [SETTING_LIMITS_HEADER_KIB] = {"limits.header_kib", NULL, "8"},
    [SETTING_LIMITS_CONNECTION_MIB] = {"limits.connection_mib", NULL, "8"},
    [SETTING_LIMITS_MEMORY_MIB] = {"limits.memory_mib", NULL, "256"},
    [SETTING_LIMITS_ANSWERS_MIB] = {"limits.answers_mib", NULL, "32"},
    [SETTING_LIMITS_RESETS] = {"limits.resets", NULL, "200"},
    [SETTING_LIMITS_PASSED] = {"limits.passed", NULL, "400"},
    [SETTING_LIMITS_IDLE_S] = {"limits.idle_s", NULL, "1800"},
    [SETTING_LIMITS_AGE_S] = {"limits.age_s", NULL, "3600"},
    [SETTING_LIMITS_OPERATIONS] = {"limits.operations", NULL, "1000"},
    [SETTING_LIMITS_STARTS_PER_S] = {"limits.starts_per_s", NULL, "100"},
};

const char *settings_key(setting which) {
  return infos[which].key;
}

const char *settings_get(const settings *own, setting which) {
  const char *text = own->values[which].text;
  return text[0] != '\0' ? text : NULL;
}

// ---- defaults, file, environment, flags ----

static mesh_code make_config(const mesh_schema *schema, mesh_config **out, mesh_error *err) {
  mesh_config_default defaults[SETTING_COUNT];
  size_t count = 0;
  for (int i = 0; i < SETTING_COUNT; i++) {
    if (infos[i].unset == NULL) continue;
    defaults[count++] = (mesh_config_default){infos[i].key, infos[i].unset};
  }
  return mesh_config_create(schema, "millrace.v1.Config", defaults, count, out, err);
}

static mesh_code take_flags(mesh_config *config, const args *given, mesh_error *err) {
  mesh_code code = GRPC_STATUS_OK;
  for (int i = 0; i < SETTING_COUNT && code == GRPC_STATUS_OK; i++) {
    const char *value = infos[i].flag == NULL ? NULL : args_get(given, infos[i].flag);
    if (value == NULL) continue;
    char origin[64];
    mesh_text_format(origin, sizeof origin, "--%s", infos[i].flag);
    code = mesh_config_set(config, infos[i].key, value, origin, err);
  }
  return code;
}

// Finds the file that is to be read; "" if there is none. The home that it may lie in is not
// configured by it.
static mesh_code find_file(const mesh_config *config, const args *given, char out[HOME_PATH_MAX],
                           mesh_error *err) {
  const char *path = args_get(given, "config");
  if (path == NULL) path = getenv("MILLRACE_CONFIG");
  if (path != NULL && path[0] != '\0') {
    mesh_text_copy(out, HOME_PATH_MAX, path);
    return GRPC_STATUS_OK;
  }
  const char *named = mesh_config_get_text(config, "home");
  char home[HOME_PATH_MAX];
  mesh_code code = home_find(named[0] != '\0' ? named : NULL, home, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_text_format(out, HOME_PATH_MAX, "%.*s/millrace.yaml", MESH_TEXT_SHOWN(home, 4000));
  if (access(out, F_OK) != 0) {
    out[0] = '\0';
    return GRPC_STATUS_OK;
  }
  return mesh_private_check(out, err);
}

static mesh_code fill_config(mesh_config *config, const args *given, char file[HOME_PATH_MAX],
                             mesh_error *err) {
  mesh_code code = mesh_config_load_environment(config, environ, err);
  if (code == GRPC_STATUS_OK) code = take_flags(config, given, err);
  if (code == GRPC_STATUS_OK) code = find_file(config, given, file, err);
  if (code != GRPC_STATUS_OK || file[0] == '\0') return code;
  return mesh_config_load_yaml(config, file, err);
}

// A variable that looks like ours and does nothing is a mistake that would go unseen. These are
// read elsewhere.
static bool is_known_elsewhere(const char *variable) {
  static const char *const others[] = {"MILLRACE_CONFIG=", "MILLRACE_BIN_DIR=", "MILLRACE_TEST_"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    if (strncmp(variable, others[i], strlen(others[i])) == 0) return true;
  }
  return false;
}

static void warn_of_unknown(const mesh_config *config) {
  const char *name, *meant;
  for (size_t i = 0; mesh_config_unknown_variable(config, environ, i, &name, &meant); i++) {
    if (is_known_elsewhere(name)) continue;
    print_text(stderr, "millrace: warning: %.*s is no setting, and is ignored%s%s%s\n",
               (int)strcspn(name, "="), name, meant != NULL ? "; did you mean " : "",
               meant != NULL ? meant : "", meant != NULL ? "?" : "");
  }
}

// ---- out of the config ----

static void set(setting_value *out, const char *text, const char *source) {
  mesh_text_copy(out->text, sizeof out->text, text);
  mesh_text_copy(out->source, sizeof out->source, source);
}

static void copy_values(const mesh_config *config, settings *out) {
  mesh_setting one;
  for (size_t i = 0; mesh_config_setting(config, i, &one); i++) {
    for (int j = 0; j < SETTING_COUNT; j++) {
      if (strcmp(infos[j].key, one.path) == 0) set(&out->values[j], one.text, one.origin);
    }
  }
}

// What depends on the home, and on whether this is a terminal.
static mesh_code work_out(settings *own, mesh_error *err) {
  char home[HOME_PATH_MAX], address[HOME_PATH_MAX];
  mesh_code code = home_find(settings_get(own, SETTING_HOME), home, err);
  if (code != GRPC_STATUS_OK) return code;
  mesh_text_copy(own->values[SETTING_HOME].text, HOME_PATH_MAX, home);
  if (settings_get(own, SETTING_BACKEND_ADDRESS) == NULL) {
    snprintf(address, sizeof address, "unix:%.*s/run/backend.sock", MESH_TEXT_SHOWN(home, 4000));
    set(&own->values[SETTING_BACKEND_ADDRESS], address, "default");
  }
  if (settings_get(own, SETTING_IB_HOST_ADDRESS) == NULL) {
    snprintf(address, sizeof address, "unix:%.*s/run/ib-host.sock", MESH_TEXT_SHOWN(home, 4000));
    set(&own->values[SETTING_IB_HOST_ADDRESS], address, "default");
  }
  if (settings_get(own, SETTING_TRAINING_HOST_ADDRESS) == NULL) {
    snprintf(address, sizeof address, "unix:%.*s/run/training-host.sock",
             MESH_TEXT_SHOWN(home, 4000));
    set(&own->values[SETTING_TRAINING_HOST_ADDRESS], address, "default");
  }
  setting_value *output = &own->values[SETTING_OUTPUT];
  if (strcmp(output->text, "auto") == 0) {
    mesh_text_copy(output->text, sizeof output->text, isatty(STDOUT_FILENO) ? "text" : "json");
  }
  return GRPC_STATUS_OK;
}

// A file that was found in the home cannot move it.
static mesh_code check_home(const args *given, const settings *own, mesh_error *err) {
  const char *named = getenv("MILLRACE_CONFIG");
  bool by_name = args_get(given, "config") != NULL || (named != NULL && named[0] != '\0');
  const char *source = own->values[SETTING_HOME].source;
  size_t size = strlen(own->file);
  if (by_name || size == 0 || strncmp(source, own->file, size) != 0) return GRPC_STATUS_OK;
  return mesh_fail(
      err, GRPC_STATUS_INVALID_ARGUMENT,
      "%.*s: home cannot be set in the file that lies in it; use MILLRACE_HOME or --home",
      MESH_TEXT_SHOWN(source, 300));
}

mesh_code settings_read(const mesh_schema *schema, const args *given, settings *out,
                        mesh_error *err) {
  memset(out, 0, sizeof *out);
  mesh_config *config;
  mesh_code code = make_config(schema, &config, err);
  if (code != GRPC_STATUS_OK) return code;
  code = fill_config(config, given, out->file, err);
  warn_of_unknown(config);
  if (code == GRPC_STATUS_OK) copy_values(config, out);
  mesh_config_destroy(config);
  if (code == GRPC_STATUS_OK) code = check_home(given, out, err);
  return code == GRPC_STATUS_OK ? work_out(out, err) : code;
}
