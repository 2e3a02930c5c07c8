// mesh_config: settings, each with its value and where that came from. A proto message is their
// list: a field of a nested message is a setting, `client_id` of `gateway` is "gateway.client_id".
// In a YAML file it is the key `client_id` in the mapping `gateway` (or "gateway.client_id" in
// one), in the environment MILLRACE_GATEWAY_CLIENT_ID. What is nearer to the command counts more:
// default < file < environment < flag, in whatever order they are read. One thread while it is
// filled; then any.
#ifndef MILLRACE_MESH_PROGRAM_CONFIG_H
#define MILLRACE_MESH_PROGRAM_CONFIG_H

#include "mesh/rpc/schema.h"

typedef struct mesh_config mesh_config;

typedef struct mesh_config_default {
  const char *path, *text;  // {"data.parallel", "4"}
} mesh_config_default;

// Makes the settings of message `type`. One that is not in `defaults` starts as proto3 has it: "",
// 0, false, an enum's first name. `schema` is borrowed until the config is destroyed, `defaults`
// copied. INVALID_ARGUMENT: no such message, a field that cannot be a setting (a list, a float),
// two fields with one variable, a default that is none of the settings or has no such value. On OK
// the caller owns *out; release it with mesh_config_destroy().
MESH_NODISCARD mesh_code mesh_config_create(const mesh_schema *schema, const char *type,
                                            const mesh_config_default *defaults, size_t count,
                                            mesh_config **out, mesh_error *err);

// Frees it and every text that it gave out. NULL is fine.
void mesh_config_destroy(mesh_config *config);

// Reads a YAML file. A key without a value leaves its setting as it is. Of two files the later
// counts. NOT_FOUND, PERMISSION_DENIED: the file cannot be opened; INVALID_ARGUMENT names file,
// line and column of what is wrong, and for an unknown key the closest known one; what the file
// says above that is set.
MESH_NODISCARD mesh_code mesh_config_load_yaml(mesh_config *config, const char *path,
                                               mesh_error *err);

// Takes the MILLRACE_... variables out of `environment` ("NAME=value", then NULL). Variables that
// are no setting's, and empty ones, are ignored. INVALID_ARGUMENT names the variable.
MESH_NODISCARD mesh_code mesh_config_load_environment(mesh_config *config, char **environment,
                                                      mesh_error *err);

// The variables of `environment` that begin with MILLRACE_ and are no setting's, one at a time:
// index 0, 1, ...; false after the last. *name ("MILLRACE_GATWAY_ADDRESS=x") belongs to
// `environment`; *meant is the variable of the setting that was meant, the config's, or NULL.
bool mesh_config_unknown_variable(const mesh_config *config, char **environment, size_t index,
                                  const char **name, const char **meant);

// Sets one from the command line; `origin` ("--gateway") is shown to people and starts an error's
// text. INVALID_ARGUMENT: no such setting, or no such value.
MESH_NODISCARD mesh_code mesh_config_set(mesh_config *config, const char *path, const char *text,
                                         const char *origin, mesh_error *err);

// The value. Another kind of setting than the function's, or none, is a bug (asserted). Text (a
// choice: the enum's name in lower case) belongs to the config, until the setting changes.
const char *mesh_config_get_text(const mesh_config *config, const char *path);
int64_t mesh_config_get_int(const mesh_config *config, const char *path);
bool mesh_config_get_bool(const mesh_config *config, const char *path);

typedef struct mesh_setting {
  const char *path;      // "gateway.client_id"
  const char *variable;  // "MILLRACE_GATEWAY_CLIENT_ID"
  const char *text;      // the value of any kind, as a file has it
  const char *origin;  // "default", "FILE:LINE", "environment MILLRACE_GATEWAY_CLIENT_ID", "--flag"
} mesh_setting;

// The settings one at a time as declared: index 0, 1, ...; false after the last. Strings belong to
// the config, until the setting changes.
bool mesh_config_setting(const mesh_config *config, size_t index, mesh_setting *out);

#endif
