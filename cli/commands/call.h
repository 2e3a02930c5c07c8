// millrace call: any method, JSON in, JSON lines out.
#ifndef MILLRACE_CLI_COMMANDS_CALL_H
#define MILLRACE_CLI_COMMANDS_CALL_H

#include "cli/command.h"

int cmd_call(const command *self, const args *given);

#endif
