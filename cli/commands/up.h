// millrace up: the whole mesh on this machine, until Ctrl-C.
#ifndef MILLRACE_CLI_COMMANDS_UP_H
#define MILLRACE_CLI_COMMANDS_UP_H

#include "cli/command.h"

// Starts and supervises every program of the mesh, until Ctrl-C or SIGTERM.
int cmd_up(const command *self, const args *given);

#endif
