// millrace data delete: a stored series goes.
#ifndef MILLRACE_CLI_COMMANDS_DELETE_H
#define MILLRACE_CLI_COMMANDS_DELETE_H

#include "cli/command.h"

// SYMBOL TIMEFRAME: asks, unless --yes is given, and says how many bars went.
int cmd_delete(const command *self, const args *given);

#endif
