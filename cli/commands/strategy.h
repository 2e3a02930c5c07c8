// millrace strategy validate, features, new.
#ifndef MILLRACE_CLI_COMMANDS_STRATEGY_H
#define MILLRACE_CLI_COMMANDS_STRATEGY_H

#include "cli/command.h"
#include "mesh/runtime/bytes.h"

// FILE: what a training host makes of it.
int cmd_strategy_validate(const command *self, const args *given);

// FILE: the columns of its network's input.
int cmd_strategy_features(const command *self, const args *given);

// Prints a strategy to begin with.
int cmd_strategy_new(const command *self, const args *given);

// The text of a strategy file, NUL-terminated; the caller frees out->data. NOT_FOUND, OUT_OF_RANGE.
MESH_NODISCARD mesh_code strategy_file_read(const char *path, mesh_bytes *out, mesh_error *err);

#endif
