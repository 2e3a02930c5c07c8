// millrace call: any method, JSON in, JSON lines out.
#ifndef MILLRACE_CLI_COMMANDS_CALL_H
#define MILLRACE_CLI_COMMANDS_CALL_H

#include "cli/command.h"

// METHOD JSON: calls it, prints each answer as a line of JSON.
int cmd_call(const command *self, const args *given);

#endif
