// millrace strategy validate, features, new.
#ifndef MILLRACE_CLI_COMMANDS_STRATEGY_H
#define MILLRACE_CLI_COMMANDS_STRATEGY_H

#include "cli/command.h"
#include "mesh/runtime/bytes.h"

int cmd_strategy_validate(const command *self, const args *given);
int cmd_strategy_features(const command *self, const args *given);
int cmd_strategy_new(const command *self, const args *given);

// The text of a strategy file, NUL-terminated; the caller frees out->data. NOT_FOUND, OUT_OF_RANGE.
MESH_NODISCARD mesh_code strategy_file_read(const char *path, mesh_bytes *out, mesh_error *err);

#endif
