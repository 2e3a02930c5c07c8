// settings: what can be configured, and where each value came from. A flag counts more than an
// environment variable, that more than the configuration file, that more than the default.
// The file is YAML: "gateway.address" is the key `address` in the mapping `gateway`.
#ifndef MILLRACE_CLI_SETTINGS_H
#define MILLRACE_CLI_SETTINGS_H

#include "cli/args.h"
#include "cli/home.h"

typedef enum setting {
  SETTING_HOME,
  SETTING_OUTPUT,
  SETTING_LOG_LEVEL,
  SETTING_BACKEND_ADDRESS,
  SETTING_BACKEND_LISTEN,
  SETTING_GATEWAY_ADDRESS,
  SETTING_PAPERGATE_MARKET,
  SETTING_COUNT,
} setting;

typedef struct setting_value {
  char text[HOME_PATH_MAX];    // "" where nothing is set
  char source[HOME_PATH_MAX];  // "default", "--home", "MILLRACE_HOME", "/etc/millrace.yaml:3"
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
MESH_NODISCARD mesh_code settings_read(const args *given, settings *out, mesh_error *err);

// The value; NULL where nothing is set.
const char *settings_get(const settings *own, setting which);

#endif
