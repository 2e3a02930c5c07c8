// The configuration file: YAML mappings of scalars, as keys with dots.
#ifndef MILLRACE_CLI_SETTINGS_FILE_H
#define MILLRACE_CLI_SETTINGS_FILE_H

#include <stddef.h>

#include "mesh/status.h"

// Told of each scalar: "gateway.address", its value and its line. Another code than OK ends the
// reading.
typedef mesh_code (*settings_file_each)(void *arg, const char *key, const char *value, int line,
                                        mesh_error *err);

// Reads `path`. NOT_FOUND, PERMISSION_DENIED; INVALID_ARGUMENT names the line of what is no such
// YAML.
MESH_NODISCARD mesh_code settings_file_read(const char *path, settings_file_each each, void *arg,
                                            mesh_error *err);

// INVALID_ARGUMENT: "FILE:LINE: unknown key `key`; did you mean ...?"
mesh_code settings_file_unknown(const char *path, int line, const char *key,
                                const char *const *keys, size_t count, mesh_error *err);

#endif
