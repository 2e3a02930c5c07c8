// millrace up: the whole mesh on this machine, until Ctrl-C.
#ifndef MILLRACE_CLI_COMMANDS_UP_H
#define MILLRACE_CLI_COMMANDS_UP_H

#include "cli/command.h"

int cmd_up(const command *self, const args *given);

#endif
