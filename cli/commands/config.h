// millrace config show: each setting and where its value came from.
#ifndef MILLRACE_CLI_COMMANDS_CONFIG_H
#define MILLRACE_CLI_COMMANDS_CONFIG_H

#include "cli/command.h"

// Each setting, its value, and where that came from.
int cmd_config(const command *self, const args *given);

#endif
