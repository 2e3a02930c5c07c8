// Which programs a mesh has on this machine, and with which flags.
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands/up_internal.h"
#include "mesh/rpc/limits.h"
#include "mesh/runtime/text.h"

const char *const up_names[CHILDREN] = {"papergate", "ib-host", "training-host", "backend"};

const char *up_setting(const up *own, setting which) {
  return settings_get(&own->settings, which);
}

// The command line of a child, as it grows.
typedef struct command_line {
  child *who;
  int count;
} command_line;

static void add_word(command_line *line, const char *word) {
  assert(line->count < CHILD_ARGS_MAX - 1);
  line->who->args[line->count++] = word;
}

// Adds a flag with its value; nothing where the value is not set.
static void add_flag(command_line *line, const char *flag, const char *value) {
  if (value == NULL) return;
  add_word(line, flag);
  add_word(line, value);
}

static void add_log_flags(up *own, command_line *line) {
  add_flag(line, "--log-level", up_setting(own, SETTING_LOG_LEVEL));
  if (strcmp(own->settings.values[SETTING_LOG_JSON].text, "true") == 0)
    add_word(line, "--log-json");
  add_flag(line, "--log-file", line->who->log_path);
  add_flag(line, "--log-file-mib", up_setting(own, SETTING_LOG_FILE_MIB));
  add_flag(line, "--log-files", up_setting(own, SETTING_LOG_FILES));
  add_word(line, "--exit-with-parent");
}

// Only what was set: a command line that people can read.
static void add_limits(up *own, command_line *line) {
  const mesh_limit_info *info;
  for (size_t i = 0; (info = mesh_limits_info(i)) != NULL; i++) {
    const char *value = up_setting(own, SETTING_LIMITS_FIRST + (setting)i);
    char unset[24];
    snprintf(unset, sizeof unset, "%lld", (long long)info->unset);
    if (value == NULL || strcmp(value, unset) == 0) continue;
    mesh_text_format(own->limits[i], sizeof own->limits[i], "%s=%s", info->name, value);
    add_flag(line, "--limit", own->limits[i]);
  }
}

static command_line begin_child(up *own, int index) {
  child *who = &own->children[index];
  const char *home = up_setting(own, SETTING_HOME);
  who->name = up_names[index];
  snprintf(who->log_path, sizeof who->log_path, "%.*s/log/%s.log", MESH_TEXT_SHOWN(home, 4000),
           who->name);
  snprintf(who->lock_path, sizeof who->lock_path, "%.*s/run/%s.lock", MESH_TEXT_SHOWN(home, 4000),
           who->name);
  return (command_line){who, 0};
}

static mesh_code describe_papergate(up *own, mesh_error *err) {
  int port;
  mesh_code code = up_open_port(&own->gateway_fd, &port, err);
  if (code != GRPC_STATUS_OK) return code;
  snprintf(own->port, sizeof own->port, "%d", port);
  snprintf(own->gateway_fd_text, sizeof own->gateway_fd_text, "%d", own->gateway_fd);
  snprintf(own->gateway, sizeof own->gateway, "127.0.0.1:%d", port);
  command_line line = begin_child(own, PAPERGATE);
  line.who->inherited_fd = own->gateway_fd;
  add_flag(&line, "--port", own->port);
  add_flag(&line, "--listen-fd", own->gateway_fd_text);
  const char *market = up_setting(own, SETTING_PAPERGATE_MARKET);
  if (market == NULL && up_find_market(own->market)) market = own->market;
  if (market == NULL) {
    up_say(own, "has no files", "papergate",
           "only SYN... series; --papergate-market names a directory of CSV files");
  }
  add_flag(&line, "--market", market);
  add_flag(&line, "--seed", up_setting(own, SETTING_PAPERGATE_SEED));
  add_word(&line, "--exit-with-parent");
  return child_find_program("papergate", line.who->program, err);
}

static mesh_code describe_ib_host(up *own, mesh_error *err) {
  command_line line = begin_child(own, IB_HOST);
  add_flag(&line, "--listen", own->ib_socket);
  add_flag(&line, "--listen", up_setting(own, SETTING_IB_HOST_LISTEN));
  add_flag(&line, "--gateway", own->gateway);
  add_flag(&line, "--client-id", up_setting(own, SETTING_GATEWAY_CLIENT_ID));
  add_flag(&line, "--request-timeout-ms", up_setting(own, SETTING_GATEWAY_REQUEST_TIMEOUT_MS));
  add_flag(&line, "--connect-timeout-ms", up_setting(own, SETTING_GATEWAY_CONNECT_TIMEOUT_MS));
  add_flag(&line, "--messages-per-s", up_setting(own, SETTING_GATEWAY_MESSAGES_PER_S));
  add_flag(&line, "--max-open", up_setting(own, SETTING_GATEWAY_MAX_OPEN));
  add_flag(&line, "--max-live", up_setting(own, SETTING_GATEWAY_MAX_LIVE));
  add_flag(&line, "--backoff-cap-ms", up_setting(own, SETTING_GATEWAY_BACKOFF_CAP_MS));
  add_flag(&line, "--pacing-wait-ms", up_setting(own, SETTING_GATEWAY_PACING_WAIT_MS));
  add_limits(own, &line);
  add_log_flags(own, &line);
  return child_find_program("millrace-ib-host", line.who->program, err);
}

static mesh_code describe_training_host(up *own, mesh_error *err) {
  command_line line = begin_child(own, TRAINING_HOST);
  add_flag(&line, "--listen", own->training_socket);
  add_flag(&line, "--listen", up_setting(own, SETTING_TRAINING_HOST_LISTEN));
  add_flag(&line, "--backend", own->backend_socket);
  add_flag(&line, "--home", up_setting(own, SETTING_HOME));
  add_flag(&line, "--slots", up_setting(own, SETTING_TRAINING_HOST_SLOTS));
  add_flag(&line, "--threads", up_setting(own, SETTING_TRAINING_HOST_THREADS));
  add_flag(&line, "--memory-mib", up_setting(own, SETTING_TRAINING_HOST_MEMORY_MIB));
  add_flag(&line, "--gpu-memory-mib", up_setting(own, SETTING_TRAINING_HOST_GPU_MEMORY_MIB));
  add_flag(&line, "--cache-mib", up_setting(own, SETTING_TRAINING_HOST_CACHE_MIB));
  add_limits(own, &line);
  add_log_flags(own, &line);
  return child_find_program("millrace-training-host", line.who->program, err);
}

static mesh_code describe_backend(up *own, mesh_error *err) {
  command_line line = begin_child(own, BACKEND);
  add_flag(&line, "--home", up_setting(own, SETTING_HOME));
  add_flag(&line, "--listen", own->backend_socket);
  add_flag(&line, "--listen", up_setting(own, SETTING_BACKEND_LISTEN));
  add_flag(&line, "--ib-host", up_setting(own, SETTING_IB_HOST_ADDRESS));
  add_flag(&line, "--training-host", up_setting(own, SETTING_TRAINING_HOST_ADDRESS));
  const char *more = up_setting(own, SETTING_TRAINING_HOST_MORE);
  mesh_text_copy(own->more, sizeof own->more, more != NULL ? more : "");
  char *rest = own->more;
  for (char *address; (address = strsep(&rest, ",")) != NULL;) {
    if (address[0] != '\0') add_flag(&line, "--training-host", address);
  }
  add_flag(&line, "--training-manager", up_setting(own, SETTING_LINKS_TRAINING_MANAGER));
  add_flag(&line, "--training-adapter", up_setting(own, SETTING_LINKS_TRAINING_ADAPTER));
  add_flag(&line, "--models-manager", up_setting(own, SETTING_LINKS_MODELS_MANAGER));
  add_flag(&line, "--data-manager", up_setting(own, SETTING_LINKS_DATA_MANAGER));
  add_flag(&line, "--data-adapter", up_setting(own, SETTING_LINKS_DATA_ADAPTER));
  add_flag(&line, "--parallel", up_setting(own, SETTING_DATA_PARALLEL));
  add_flag(&line, "--prices", up_setting(own, SETTING_DATA_PRICES));
  add_flag(&line, "--session", up_setting(own, SETTING_DATA_SESSION));
  add_flag(&line, "--training-grace-s", up_setting(own, SETTING_TRAINING_HOST_GRACE_S));
  add_flag(&line, "--synchronous", up_setting(own, SETTING_STORE_SYNCHRONOUS));
  add_flag(&line, "--keep-days", up_setting(own, SETTING_STORE_KEEP_DAYS));
  add_flag(&line, "--keep-operations", up_setting(own, SETTING_STORE_KEEP_OPERATIONS));
  add_flag(&line, "--busy-limit-s", up_setting(own, SETTING_STORE_BUSY_LIMIT_S));
  add_flag(&line, "--store-log-mib", up_setting(own, SETTING_STORE_LOG_MIB));
  add_flag(&line, "--operations", up_setting(own, SETTING_LIMITS_OPERATIONS));
  add_flag(&line, "--starts-per-s", up_setting(own, SETTING_LIMITS_STARTS_PER_S));
  add_limits(own, &line);
  add_log_flags(own, &line);
  return child_find_program("millrace-backend", line.who->program, err);
}

// A host that is configured elsewhere is not ours, nor is a real gateway.
bool up_is_ours(const up *own, int index) {
  const setting_value *values = own->settings.values;
  bool ib_host = strcmp(values[SETTING_IB_HOST_ADDRESS].source, "default") == 0;
  switch (index) {
    case PAPERGATE:
      return ib_host && up_setting(own, SETTING_GATEWAY_ADDRESS) == NULL;
    case IB_HOST:
      return ib_host;
    case TRAINING_HOST:
      return strcmp(values[SETTING_TRAINING_HOST_ADDRESS].source, "default") == 0;
    default:
      return true;
  }
}

mesh_code up_describe(up *own, mesh_error *err) {
  static mesh_code (*const describe[CHILDREN])(up *, mesh_error *) = {
      [PAPERGATE] = describe_papergate,
      [IB_HOST] = describe_ib_host,
      [TRAINING_HOST] = describe_training_host,
      [BACKEND] = describe_backend,
  };
  const char *gateway = up_setting(own, SETTING_GATEWAY_ADDRESS);
  if (gateway != NULL) mesh_text_copy(own->gateway, sizeof own->gateway, gateway);
  for (int i = 0; i < CHILDREN; i++) {
    mesh_code code = up_is_ours(own, i) ? describe[i](own, err) : GRPC_STATUS_OK;
    if (code != GRPC_STATUS_OK) return code;
  }
  return GRPC_STATUS_OK;
}

const char *up_address(const up *own, int index) {
  const char *const addresses[CHILDREN] = {own->gateway, own->ib_socket, own->training_socket,
                                           own->backend_socket};
  return addresses[index];
}
