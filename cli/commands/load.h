// millrace data load: brings a stored series up to date.
#ifndef MILLRACE_CLI_COMMANDS_LOAD_H
#define MILLRACE_CLI_COMMANDS_LOAD_H

#include "cli/command.h"

int cmd_load(const command *self, const args *given);

#endif
