// settings: what can be configured (protos/millrace/v1/config.proto), and where each value came
// from. A flag counts more than an environment variable, that more than the configuration file,
// that more than the default.
#ifndef MILLRACE_CLI_SETTINGS_H
#define MILLRACE_CLI_SETTINGS_H

#include "cli/args.h"
#include "cli/home.h"
#include "mesh/rpc/schema.h"

// In the order of config.proto.
typedef enum setting {
  SETTING_HOME,
  SETTING_OUTPUT,
  SETTING_BACKEND_ADDRESS,
  SETTING_BACKEND_LISTEN,
  SETTING_IB_HOST_ADDRESS,
  SETTING_IB_HOST_LISTEN,
  SETTING_GATEWAY_ADDRESS,
  SETTING_GATEWAY_CLIENT_ID,
  SETTING_GATEWAY_REQUEST_TIMEOUT_MS,
  SETTING_GATEWAY_CONNECT_TIMEOUT_MS,
  SETTING_GATEWAY_MESSAGES_PER_S,
  SETTING_GATEWAY_MAX_OPEN,
  SETTING_GATEWAY_MAX_LIVE,
  SETTING_GATEWAY_BACKOFF_CAP_MS,
  SETTING_GATEWAY_PACING_WAIT_MS,
  SETTING_PAPERGATE_MARKET,
  SETTING_PAPERGATE_SEED,
  SETTING_DATA_PARALLEL,
  SETTING_DATA_PRICES,
  SETTING_DATA_SESSION,
  SETTING_STORE_SYNCHRONOUS,
  SETTING_STORE_KEEP_DAYS,
  SETTING_STORE_KEEP_OPERATIONS,
  SETTING_STORE_BUSY_LIMIT_S,
  SETTING_STORE_LOG_MIB,
  SETTING_LOG_LEVEL,
  SETTING_LOG_JSON,
  SETTING_LOG_FILE_MIB,
  SETTING_LOG_FILES,
  SETTING_LINKS_DATA_MANAGER,
  SETTING_LINKS_DATA_ADAPTER,
  SETTING_LINKS_TRAINING_MANAGER,
  SETTING_LINKS_TRAINING_ADAPTER,
  SETTING_LINKS_MODELS_MANAGER,
  SETTING_TRAINING_HOST_ADDRESS,
  SETTING_TRAINING_HOST_LISTEN,
  SETTING_TRAINING_HOST_SLOTS,
  SETTING_TRAINING_HOST_THREADS,
  SETTING_TRAINING_HOST_MEMORY_MIB,
  SETTING_TRAINING_HOST_GPU_MEMORY_MIB,
  SETTING_TRAINING_HOST_CACHE_MIB,
  SETTING_TRAINING_HOST_GRACE_S,
  SETTING_TRAINING_HOST_MORE,
  SETTING_UP_START_LIMIT_MS,
  SETTING_UP_HEALTH_INTERVAL_MS,
  SETTING_UP_HEALTH_TIMEOUT_MS,
  SETTING_UP_HEALTH_LIMIT_MS,
  // As mesh_limits_info() has them.
  SETTING_LIMITS_FIRST,
  SETTING_LIMITS_CONNECTIONS = SETTING_LIMITS_FIRST,
  SETTING_LIMITS_PEER_CONNECTIONS,
  SETTING_LIMITS_STREAMS,
  SETTING_LIMITS_CALLS,
  SETTING_LIMITS_MESSAGE_KIB,
  SETTING_LIMITS_HEADER_KIB,
  SETTING_LIMITS_CONNECTION_MIB,
  SETTING_LIMITS_MEMORY_MIB,
  SETTING_LIMITS_ANSWERS_MIB,
  SETTING_LIMITS_RESETS,
  SETTING_LIMITS_PASSED,
  SETTING_LIMITS_IDLE_S,
  SETTING_LIMITS_AGE_S,
  SETTING_LIMITS_OPERATIONS,
  SETTING_LIMITS_STARTS_PER_S,
  SETTING_COUNT,
} setting;

typedef struct setting_value {
  char text[HOME_PATH_MAX];    // "" where nothing is set
  char source[HOME_PATH_MAX];  // "default", "--home", "environment MILLRACE_HOME",
                               // "/etc/millrace.yaml:3"
} setting_value;

typedef struct settings {
  setting_value values[SETTING_COUNT];
  char file[HOME_PATH_MAX];  // the configuration file that was read; "" if none
} settings;

// "gateway.address"; its environment variable is MILLRACE_GATEWAY_ADDRESS.
const char *settings_key(setting which);

// Reads them all. The file is --config, else $MILLRACE_CONFIG, else millrace.yaml in the home, if
// it is there. NOT_FOUND: no such file. INVALID_ARGUMENT names the file, the line and the closest
// key.
MESH_NODISCARD mesh_code settings_read(const mesh_schema *schema, const args *given, settings *out,
                                       mesh_error *err);

// The value; NULL where nothing is set.
const char *settings_get(const settings *own, setting which);

#endif
